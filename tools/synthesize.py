"""Makes a finished video of the player doing the dance of any video, with its rate, its frames and its sound.

Two passes: the first finds the dancer in every frame and measures his body, the second draws the player.
While nobody is in the frame, the player keeps his last pose for a quarter of a second; then his scene is
empty.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from calibration.body import measure_body
from calibration.retarget import Retargeter
from calibration.source import FixedSource
from engines.body import Body
from engines.player_pack import PackError, PlayerPack
from engines.pose.tracker import Pose, PoseTracker
from engines.renderer import Renderer
from engines.runtime import BACKENDS, EngineError
from engines.skeleton import draw_stick_figure
from tools.video import VideoError, VideoReader, VideoWriter

EXAMPLES = """\
examples:
  python -m tools.synthesize --player players/demo --source assets/fan_dance.mp4 --output out.mp4
  python -m tools.synthesize --player players/demo --source fan.mov --output out.mp4 --side-by-side
  python -m tools.synthesize --player players/demo --source selfie.mp4 --output out.mp4 --mirror
"""
HOLD_NS = 250_000_000
"""So long the player keeps his last pose after the dancer is lost."""
LEAST_MEASURED = 30
"""With fewer frames of the dancer, his body is learned on the way instead of measured beforehand."""
DARK = 24

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]


class SynthesisError(ValueError):
    """A video that cannot be made; the text says why and what to do."""


@dataclass(frozen=True)
class Dance:
    """Who was seen in a video. size: (width, height) of its frames, pixels.

    times_ns: each frame's time since the first. poses: each frame's, None where nobody was found.
    """

    size: tuple[int, int]
    times_ns: list[int]
    poses: list[Pose | None]

    @property
    def landmarks(self) -> Floats:
        """(N, 33, 4) of the frames with a person, pixels."""
        found = [pose.landmarks for pose in self.poses if pose is not None]
        return np.stack(found) if found else np.zeros((0, 33, 4), np.float32)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.synthesize",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--player", type=Path, required=True, metavar="FOLDER", help="the player pack")
    parser.add_argument("--source", type=Path, required=True, metavar="VIDEO", help="whose dance it is")
    parser.add_argument("--output", type=Path, required=True, metavar="OUT.mp4", help="replaced once whole")
    parser.add_argument(
        "--side-by-side", action="store_true", help="source, stick figure and player in a row"
    )
    parser.add_argument("--mirror", action="store_true", help="left and right as in a mirror")
    parser.add_argument("--backend", choices=("auto", *BACKENDS), default="auto", help="(default auto)")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING)
    try:
        print(
            synthesize(
                options.player,
                options.source,
                options.output,
                side_by_side=options.side_by_side,
                mirror=options.mirror,
                backend=options.backend,
            )
        )
    except (VideoError, PackError, EngineError, SynthesisError, OSError) as error:
        print(f"synthesize: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nsynthesize: stopped; {options.output} was not written", file=sys.stderr)
        return 130
    return 0


def synthesize(
    player: Path,
    source: Path,
    output: Path,
    *,
    side_by_side: bool = False,
    mirror: bool = False,
    backend: str = "auto",
) -> str:
    """Writes `output` and returns a line on it. Raises VideoError, PackError, EngineError, SynthesisError."""
    if output.resolve() == source.resolve():
        raise SynthesisError(f"{output} is the source itself: name another output")
    reader = VideoReader(source)
    pack = PlayerPack.load(player)
    panel = source_panel(reader.size, pack.size[1])
    size = (panel[0] + 2 * pack.size[0], pack.size[1]) if side_by_side else pack.size
    with VideoWriter(output, size, fps=reader.fps, time_base=reader.time_base, sound=source) as writer:
        dance = track(reader, PoseTracker(backend=backend))
        reader.close()
        landmarks = list(retarget(dance, pack.body, mirror=mirror))
        pictures = render(Renderer(pack, backend=backend), pack.plate, landmarks)
        bar = tqdm(pictures, total=len(landmarks), unit="frame", desc="2 of 2: player")
        if side_by_side:
            second = VideoReader(source)
            rows = zip(second, landmarks, bar, strict=True)
            for (t_ns, frame), pose, picture in rows:
                writer.write(t_ns, beside(frame, panel, pose, picture))
            second.close()
        else:
            for t_ns, picture in zip(dance.times_ns, bar, strict=True):
                writer.write(t_ns, picture)
    found = len(dance.landmarks)
    return f"{output}: {len(dance.poses)} frames, {found} of them with a person, {float(reader.fps):g} fps"


def track(reader: VideoReader, tracker: PoseTracker, desc: str = "1 of 2: pose") -> Dance:
    """Raises VideoError where the video breaks off, SynthesisError where there is nobody in it."""
    times_ns, poses = [], []
    for t_ns, frame in tqdm(reader, total=reader.frames or None, unit="frame", desc=desc):
        times_ns.append(t_ns)
        poses.append(tracker(frame, t_ns))
    if not any(poses):
        raise SynthesisError(
            f"nobody was found in the {len(poses)} frames of {reader.path}: "
            "use a video of one person, whole in the frame"
        )
    return Dance(reader.size, times_ns, poses)


def retarget(dance: Dance, player: Body, *, mirror: bool = False) -> Iterator[Floats | None]:
    """The player's landmarks (33, 4) for each frame, pixels of his picture; None where he is not there."""
    retargeter = Retargeter(player, _source(dance, player, mirror), mirror=mirror)
    last: tuple[Pose, int, Floats] | None = None
    for t_ns, pose in zip(dance.times_ns, dance.poses, strict=True):
        if pose is not None:
            if last is not None and last[0].person_id != pose.person_id:
                retargeter.reset()
            last = (pose, t_ns, retargeter(pose.landmarks, dance.size, t_ns))
        yield last[2] if last is not None and t_ns - last[1] <= HOLD_NS else None


def _source(dance: Dance, player: Body, mirror: bool) -> FixedSource | None:
    """The dancer as measured over the whole video; None where he is not seen for long enough."""
    if len(dance.landmarks) < LEAST_MEASURED:
        return None
    body = measure_body(dance.landmarks)
    if mirror:  # he is measured as filmed, and turned before he is placed
        left, right = body.x_range
        body = dataclasses.replace(body, x_range=(dance.size[0] - right, dance.size[0] - left))
    return FixedSource(body, player)


def render(renderer: Renderer, plate: Picture, landmarks: Sequence[Floats | None]) -> Iterator[Picture]:
    """The player's picture (H, W, 3) BGR for each of the landmarks; the plate where there are none.

    The picture is overwritten by the next one.
    """
    picture = plate.copy()
    drawn: Floats | None = None
    for pose in landmarks:
        if pose is None:
            renderer.reset()
            picture[:] = plate
        elif pose is not drawn:  # a held pose is drawn already
            renderer(pose, picture)
        drawn = pose
        yield picture


def source_panel(size: tuple[int, int], height: int) -> tuple[int, int]:
    """(width, height) of a frame of `size` scaled to `height`, which is even; the width made even."""
    return max(2, round(size[0] * height / size[1] / 2) * 2), height


def beside(frame: Picture, panel: tuple[int, int], landmarks: Floats | None, picture: Picture) -> Picture:
    """The source's frame scaled to `panel` (width, height), the player's stick figure, the player."""
    shrinks = frame.shape[0] > panel[1]
    scaled = cv2.resize(frame, panel, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    figure = np.full_like(picture, DARK)
    if landmarks is not None:
        draw_stick_figure(figure, landmarks)
    return np.hstack([np.asarray(scaled, np.uint8), figure, picture])


if __name__ == "__main__":
    sys.exit(main())
