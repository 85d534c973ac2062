"""Makes one finished video after another with one player."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engines.backends.choice import choose_backend
from engines.pack.player_pack import PlayerPack
from engines.pose.convert import FULL
from engines.pose.tracking.tracker import PoseTracker
from engines.rendering.renderer import LayerRenderer, Renderer
from realtime.outputs.synthetic import SIGNED_ENDINGS, VideoSigner
from tools.dance.ahead import ahead
from tools.dance.dance import Dance, Floats, SynthesisError, digest, keep, kept, track
from tools.dance.driving import retarget
from tools.dance.smoothing import smooth
from tools.footage.video import FORMATS, VideoReader, VideoWriter
from tools.synthesize.scene import Backdrop, Picture, beside, over, render, source_panel


@dataclass(frozen=True)
class Look:
    """The look of the videos. plate: a picture or video behind the player; None: the player's own plate, or
    transparency where the output's format has it. crf: None for the format's default quality."""

    side_by_side: bool = False
    mirror: bool = False
    plate: Path | None = None
    crf: int | None = None

    def alone(self, output: Path) -> bool:
        """Whether `output` shows the player alone, over transparency."""
        kind = FORMATS.get(output.suffix.lower())
        transparent = kind is not None and kind.alpha is not None
        return transparent and self.plate is None and not self.side_by_side


class Synthesizer:
    """Makes videos with one player. The networks are compiled at first use, and serve every video.

    net: the landmark net, as `tools.footage.landmark_net.choose_net` returns it. keep_poses: keep the found
    poses beside each finished output; otherwise they are kept only while the output is unfinished, for the
    next run. signer: signs each video. Raises SynthesisError, VideoError where `look.plate` cannot be read.
    """

    def __init__(
        self,
        pack: PlayerPack,
        look: Look,
        *,
        backend: str = "auto",
        net: str = FULL,
        keep_poses: bool = False,
        signer: VideoSigner | None = None,
    ) -> None:
        self._pack, self._look, self._backend, self._keep_poses = pack, look, backend, keep_poses
        self._net, self._signer = net, signer
        self._backdrop = Backdrop(look.plate, pack.size) if look.plate is not None else None
        self._tracker: PoseTracker | None = None
        self._renderer: Renderer | None = None
        self._layer_renderer: LayerRenderer | None = None

    def __call__(self, source: Path, output: Path) -> str:
        """Writes `output` and returns a line about it.

        Raises VideoError, EngineError, SynthesisError, CredentialsError, OSError; a video that cannot be
        signed stays.
        """
        if output.resolve() == source.resolve():
            raise SynthesisError(f"{output} is the source itself: name another output")
        if self._signer is not None and output.suffix.lower() not in SIGNED_ENDINGS:
            raise SynthesisError(f"{output}: only {' and '.join(SIGNED_ENDINGS)} hold Content Credentials")
        alone = self._look.alone(output)
        with closing(VideoReader(source)) as reader:
            panel = source_panel(reader.size, self._pack.size[1])
            width, height = self._pack.size
            if self._look.side_by_side:
                width = panel[0] + 2 * width
            with VideoWriter(
                output,
                (width, height),
                fps=reader.fps,
                time_base=reader.time_base,
                sound=source,
                alpha=alone,
                crf=self._look.crf,
                made=True,
            ) as writer:
                seen = self._dance(reader, poses_beside(output))
                dance = smooth(seen)
                poses = list(retarget(dance, self._pack.body, mirror=self._look.mirror))
                with closing(self._pictures(source, dance, poses, panel, alone=alone)) as pictures:
                    _write(writer, dance.times_ns, pictures)
        if not self._keep_poses:
            poses_beside(output).unlink(missing_ok=True)
        if self._signer is not None:
            self._signer.sign(output)
        frames, fps = len(dance.poses), float(reader.fps)
        return f"{output}: {frames} frames, {len(seen.landmarks)} of them with a person, {fps:g} fps"

    def _dance(self, reader: VideoReader, poses: Path) -> Dance:
        """The dance, as kept at `poses`, or found now. Raises SynthesisError, VideoError."""
        key = f"{digest(reader.path)} {choose_backend(self._backend)} {self._net}"
        dance = kept(poses, key)
        if dance is None:
            if self._tracker is None:
                self._tracker = PoseTracker(net=self._net, backend=self._backend, smoothing=None)
            self._tracker.reset()
            dance = track(reader, self._tracker)
            keep(dance, poses, key)
        return dance

    def _pictures(
        self,
        source: Path,
        dance: Dance,
        poses: Sequence[Floats | None],
        panel: tuple[int, int],
        *,
        alone: bool,
    ) -> Generator[Picture, None, None]:
        """The video's pictures, each a new array."""
        pictures: Iterable[Picture]
        layered = alone or self._backdrop is not None
        renderer = self._layers() if layered else self._whole()
        renderer.reset()
        width, height = self._pack.size
        plate = np.zeros((height, width, 4), np.uint8) if layered else self._pack.plate
        pictures = (picture.copy() for picture in render(renderer, plate, poses))
        if self._backdrop is not None:
            pictures = (over(*both) for both in zip(pictures, self._backdrop.at(dance.times_ns), strict=True))
        if not self._look.side_by_side:
            yield from pictures
            return
        with closing(VideoReader(source)) as second:
            for (_, frame), pose, picture in zip(second, poses, pictures, strict=True):
                yield beside(frame, panel, pose, picture)

    def _whole(self) -> Renderer:
        if self._renderer is None:
            self._renderer = Renderer(self._pack, backend=self._backend)
        return self._renderer

    def _layers(self) -> Renderer:
        if self._layer_renderer is None:
            self._layer_renderer = LayerRenderer(self._pack, backend=self._backend)
        return self._layer_renderer


def poses_beside(output: Path) -> Path:
    """The file in which the found poses are kept for the next run."""
    return output.with_name(f".{output.name}.poses.npz")


def _write(writer: VideoWriter, times_ns: Sequence[int], pictures: Iterable[Picture]) -> None:
    with ahead(pictures) as painted:
        bar = tqdm(painted, total=len(times_ns), unit="frame", desc="2 of 2: player")
        for t_ns, picture in zip(times_ns, bar, strict=True):
            writer.write(t_ns, picture)
