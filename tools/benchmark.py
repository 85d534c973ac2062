"""Measures the parts of the show on this machine.

python -m tools.benchmark pose [--video V] [--truth V.truth.npz] [--frames N] [--json F]
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.pose.detector import Detector
from engines.pose.landmarks import LandmarkNet
from engines.pose.tracker import PoseTracker
from engines.runtime import BACKENDS
from tools.pck import JOINTS, correct, joints, load_truth
from tools.video import VideoError, VideoReader

Frame = NDArray[np.uint8]

REPOSITORY = Path(__file__).resolve().parents[1]
WARM_UP = 5


def pose(arguments: argparse.Namespace) -> dict[str, Any]:
    """The tracker against true joints (with --truth) or against mediapipe's CPU time (without)."""
    if arguments.truth is not None:
        tracker = PoseTracker(backend=arguments.backend)
        return score_pose(arguments.video, arguments.truth, arguments.frames, tracker)
    return compare_pose_cost(arguments.video, arguments.frames, arguments.backend)


def score_pose(video: Path, truth: Path, frames: int | None, tracker: PoseTracker) -> dict[str, Any]:
    """PCK@0.2 of torso of the live tracker, smoothed, at the clip's own times; no pose is a miss."""
    true = load_truth(truth)[:frames]
    reader = VideoReader(video)
    found = np.full_like(true, np.nan)
    for index, (t_ns, frame) in enumerate(tqdm(islice(reader, len(true)), total=len(true), unit="frame")):
        result = tracker(frame, t_ns)
        if result is not None:
            found[index] = joints(result.landmarks)
    reader.close()
    right = correct(found, true)
    return {
        "video": str(video),
        "frames": len(true),
        "frames_without_pose": int(np.isnan(found[:, 0, 0]).sum()),
        "pck_0.2_torso": round(float(right.mean()), 4),
        "by_joint": dict(zip(JOINTS, right.mean(0).round(4).tolist(), strict=True)),
    }


def compare_pose_cost(video: Path, frames: int | None, backend: str) -> dict[str, Any]:
    """CPU time of the whole process per frame, ours and mp.solutions.pose's, frame by frame in turn.

    "tracking": as in the show. "static": detection and landmarks at every frame. mediapipe is given RGB,
    and the conversion is not counted.
    """
    try:
        from mediapipe.python.solutions.pose import Pose as MediapipePose
    except ImportError as error:
        raise SystemExit(f"mediapipe is missing ({error}); install what requirements.txt names") from error
    tracker = PoseTracker(backend=backend)
    detector, net = Detector(backend=backend), LandmarkNet(backend=backend)

    def ours_static(frame: Frame, t_ns: int) -> None:
        for detection in detector(frame)[:1]:
            net(frame, detection.region)

    report: dict[str, Any] = {"video": str(video), "backend": tracker.backend}
    for mode, ours in (("tracking", tracker), ("static", ours_static)):
        with MediapipePose(static_image_mode=mode == "static", model_complexity=1) as theirs:
            report[mode] = _interleave(video, frames, ours, theirs.process)
    return report


def _interleave(
    video: Path, frames: int | None, ours: Callable[[Frame, int], Any], theirs: Callable[[Frame], Any]
) -> dict[str, Any]:
    times_ms: dict[str, list[float]] = {"ours": [], "mediapipe": []}
    reader = VideoReader(video)
    total = min(frames or reader.frames, reader.frames)
    for index, (t_ns, frame) in enumerate(tqdm(islice(reader, total), total=total, unit="frame")):
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        turns = [("ours", partial(ours, frame, t_ns)), ("mediapipe", partial(theirs, rgb))]
        for name, run in turns if index % 2 else turns[::-1]:
            start = time.process_time_ns()
            run()
            times_ms[name].append((time.process_time_ns() - start) / 1e6)
    reader.close()
    kept = {name: np.array(values[WARM_UP:] or values) for name, values in times_ms.items()}
    medians = {name: float(np.median(values)) for name, values in kept.items()}
    return {
        "frames": len(kept["ours"]),
        "cpu_ms": {
            name: {"p50": round(medians[name], 2), "p95": round(float(np.percentile(values, 95)), 2)}
            for name, values in kept.items()
        },
        "ratio_of_medians": round(medians["ours"] / medians["mediapipe"], 3),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.benchmark", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="PART")
    command = commands.add_parser("pose", help="the tracker against mediapipe, or against true joints")
    command.add_argument("--video", type=Path, default=REPOSITORY / "assets" / "fan_dance.mp4")
    command.add_argument("--truth", type=Path, help="true joints (.truth.npz): measure PCK, not CPU time")
    command.add_argument("--frames", type=int, help="only the first so many")
    command.add_argument("--backend", choices=("auto", *BACKENDS), default="auto")
    command.set_defaults(run=pose)
    for command in commands.choices.values():
        command.add_argument("--json", type=Path, help="write the result to this file too")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    try:
        text = json.dumps(options.run(options), indent=2)
        if options.json is not None:
            options.json.write_text(text + "\n")
    except (VideoError, ValueError, RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
