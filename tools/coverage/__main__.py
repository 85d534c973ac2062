"""Tells whether footage shows enough of a player, and what to film again.

A source is a video, a folder of videos (such as `tools.record` fills) or a prepared dataset; several count as
one. The meter shows a filled square for each covered pose, and names what is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from engines.backends.choice import BACKENDS
from engines.pose.tracking.tracker import PoseTracker
from engines.runtime.engine import EngineError
from engines.time_units import NS_PER_S
from tools.coverage.meter import Coverage
from tools.coverage.picture import write_picture
from tools.coverage.report import report, text
from tools.footage.dataset import DatasetError, Footage
from tools.footage.video import VideoError, VideoReader
from tools.footage.video_folders import videos_in

EXAMPLES = """\
examples:
  python -m tools.coverage player.mov --picture coverage.png
  python -m tools.coverage recordings/jones
  python -m tools.coverage datasets/jones --json
"""
LOOKS_PER_S = 15
"""Frames of a video that are examined each second, unless told otherwise: a jump lasts a third of a
second."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.coverage",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="video, folder or dataset")
    parser.add_argument("--picture", type=Path, metavar="OUT.png", help="draw the meter into this file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--every", type=int, metavar="N", help=f"every Nth frame (default {LOOKS_PER_S} a s)")
    parser.add_argument(
        "--fps", type=float, help="of a dataset's frame numbers (default: what the dataset says)"
    )
    parser.add_argument("--backend", choices=("auto", *BACKENDS), default="auto", help="(default auto)")
    options = parser.parse_args(argv)
    if (options.every is not None and options.every < 1) or (options.fps is not None and not options.fps > 0):
        parser.error("--every and --fps must be above 0")
    try:
        coverage = Coverage()
        for source in options.sources:
            add_source(
                coverage, source, every=options.every, dataset_fps=options.fps, backend=options.backend
            )
        if options.picture is not None:
            write_picture(coverage, options.picture, ", ".join(source.name for source in options.sources))
    except (VideoError, DatasetError, EngineError, OSError) as error:
        print(f"coverage: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ncoverage: stopped", file=sys.stderr)
        return 130
    print(json.dumps(report(coverage), indent=2) if options.json else text(coverage))
    return 0


def add_source(
    coverage: Coverage,
    source: Path,
    *,
    every: int | None = None,
    dataset_fps: float | None = None,
    backend: str = "auto",
) -> None:
    """Counts a video, a folder's videos or a dataset. Raises VideoError, DatasetError, EngineError."""
    if (source / "landmarks.npy").is_file():
        footage = Footage.open(source)
        add_dataset(coverage, footage, dataset_fps or footage.fps)
        return
    tracker = PoseTracker(backend=backend, smoothing=None)
    for video in videos_of(source):
        tracker.reset()
        add_video(coverage, video, tracker, every)


def videos_of(source: Path) -> list[Path]:
    """The videos in a folder by name; a file is itself. Raises VideoError where a folder holds none."""
    if not source.is_dir():
        return [source]
    found = videos_in(source)
    if not found:
        raise VideoError(f"{source} holds neither a video nor a prepared dataset: name a video")
    return found


def add_video(coverage: Coverage, video: Path, tracker: PoseTracker, every: int | None = None) -> None:
    """Counts a video. Raises VideoError where it cannot be read, or breaks off."""
    reader = VideoReader(video)
    step = every if every is not None else max(1, round(float(reader.fps) / LOOKS_PER_S))
    coverage.end_take()
    try:
        bar = tqdm(reader, total=reader.frames or None, unit="frame", desc=video.name)
        for number, (t_ns, frame) in enumerate(bar):
            if number % step == 0:
                pose = tracker(frame, t_ns)
                landmarks = pose.landmarks if pose is not None else None
                coverage.add(landmarks, (frame.shape[1], frame.shape[0]), t_ns)
    finally:
        reader.close()


def add_dataset(coverage: Coverage, footage: Footage, fps: float) -> None:
    """Counts a dataset. fps: of the frames that the dataset's indices number."""
    coverage.end_take()
    last = -1
    for index, landmarks in zip(footage.indices.tolist(), footage.landmarks, strict=True):
        if index < last:  # another video begins
            coverage.end_take()
        last = index
        coverage.add(landmarks, footage.size, round(index * NS_PER_S / fps))


if __name__ == "__main__":
    sys.exit(main())
