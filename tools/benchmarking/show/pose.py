"""Measures pose: our tracker and mp.solutions.pose on the same frames, in turn; or our tracker against true
joints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from engines.pose.tracking.tracker import PoseTracker
from tools.benchmarking.measuring.results import Row
from tools.benchmarking.measuring.timing import Turn, side_by_side
from tools.scores.pck import JOINTS, correct, joints, load_truth

Frame = NDArray[np.uint8]
OURS, THEIRS = "ours", "mp.solutions.pose"


def against_mediapipe(video: Path, frames: int | None, backend: str, threads: int) -> list[Row]:
    """CPU time and time a frame. "tracking": as in the show; "static": with the detector in every frame.

    mediapipe gets RGB, and the conversion does not count. Raises ImportError, VideoError, EngineError.
    """
    from mediapipe.python.solutions.pose import Pose as MediapipePose

    tracker = PoseTracker(backend=backend, threads=threads)
    detector, net = Detector(backend=backend, threads=threads), LandmarkNet(backend=backend, threads=threads)

    def detect_and_look(frame: Frame, t_ns: int) -> None:
        for detection in detector(frame)[:1]:
            net(frame, detection.region)

    rows = []
    for mode, ours in (("tracking", tracker), ("static", detect_and_look)):
        with MediapipePose(static_image_mode=mode == "static", model_complexity=1) as theirs:
            rows += _rows(video, frames, mode, tracker.backend, ours, theirs.process)
    return rows


def _rows(
    video: Path,
    frames: int | None,
    mode: str,
    backend: str,
    ours: Callable[[Frame, int], Any],
    theirs: Callable[[Frame], Any],
) -> list[Row]:
    from tools.footage.video import VideoReader

    reader = VideoReader(video)
    total = min(frames or reader.frames, reader.frames)

    def rounds() -> Iterator[list[Turn]]:
        for t_ns, frame in islice(reader, total):
            rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            yield [Turn(OURS, partial(ours, frame, t_ns)), Turn(THEIRS, partial(theirs, rgb))]

    figures = {name: times.figures() for name, times in side_by_side(rounds(), total=total).items()}
    reader.close()
    rows = []
    for name, label in ((OURS, f"ours, {backend}, {mode}"), (THEIRS, f"mp.solutions.pose, {mode}")):
        ratio = figures[name]["cpu_ms_p50"] / figures[OURS]["cpu_ms_p50"]
        rows.append(Row(label, {**figures[name], "cpu_times_ours": round(ratio, 3)}))
    return rows


def against_truth(video: Path, truth: Path, frames: int | None, backend: str) -> list[Row]:
    """PCK@0.2 of the torso for the live tracker, smoothed, at the clip's own times, percent; no pose is a
    miss.

    Raises VideoError, ValueError, OSError.
    """
    from tools.footage.video import VideoReader

    true = load_truth(truth)[:frames]
    tracker = PoseTracker(backend=backend)
    reader = VideoReader(video)
    found = np.full_like(true, np.nan)
    for index, (t_ns, frame) in enumerate(tqdm(islice(reader, len(true)), total=len(true), unit="frame")):
        result = tracker(frame, t_ns)
        if result is not None:
            found[index] = joints(result.landmarks)
    reader.close()
    right = 100 * correct(found, true)
    without = 100 * float(np.isnan(found[:, 0, 0]).mean())
    return [
        Row(
            "joints within 0.2 of the torso", {"percent": round(float(right.mean()), 2), "samples": len(true)}
        ),
        Row("frames without a pose", {"percent": round(without, 2), "samples": len(true)}),
        *(
            Row(name.replace("_", " "), {"percent": round(float(share), 2), "samples": len(true)})
            for name, share in zip(JOINTS, right.mean(0), strict=True)
        ),
    ]
