"""Measures how much smoothing reduces the jitter of a fan's landmarks, and how much later it makes them.

    python -m tools.smoothing assets/fan_dance.mp4 assets/fan_dance.truth.npz
    python -m tools.smoothing CLIP TRUTH --picture docs/smoothing.png

Landmarks are found in each frame without smoothing, then smoothed and predicted as the tracker does. Jitter
is the mean change of speed of their error against the true joints, relative to the raw landmarks. Lag is how
much later than the raw ones they lie nearest to the true joints, frames.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pose.tracking.one_euro import OneEuroFilter
from engines.pose.tracking.smoothing import LIVE, MEDIAPIPE, Smoothing
from engines.pose.tracking.tracker import PoseTracker
from engines.skeleton import Landmark
from tools.dance.dance import SynthesisError, track
from tools.footage.video import VideoError, VideoReader

LEADS_MS = (0, 10, 20, 30, 45)
FILTERS = (MEDIAPIPE, LIVE, *(Smoothing(1.5, beta) for beta in (6, 10, 20, 30)))
"""The smoothings that are tried, each with every lead."""
STEP = 0.1
"""Lags are tried in steps of this many frames."""
AREA = (640, 400)
Floats = NDArray[np.floating[Any]]


class Point(NamedTuple):
    """One smoothing, with its jitter relative to the raw landmarks and its lag behind them, frames."""

    smoothing: Smoothing
    jitter: float
    lag: float


def curve(found: Floats, truth: Floats, times_ns: Sequence[int], scale: float) -> list[Point]:
    """found, truth (frames, joints, 2) pixels; scale: 1 / the diameter of the body's circle, pixels."""
    tremble, late = jitter(found, truth), lag(found, truth)
    points = []
    for each in FILTERS:
        for lead_ms in LEADS_MS:
            smoothing = each._replace(lead_s=lead_ms / 1000)
            smoothed = smooth(found, times_ns, scale, smoothing)
            points.append(Point(smoothing, jitter(smoothed, truth) / tremble, lag(smoothed, truth) - late))
    return points


def smooth(found: Floats, times_ns: Sequence[int], scale: float, smoothing: Smoothing) -> Floats:
    """(frames, joints, 2), smoothed as by a tracker."""
    filtered, result = OneEuroFilter(*smoothing[:3]), []
    for values, t_ns in zip(found.astype(np.float32), times_ns, strict=True):
        filtered(values, t_ns, scale)
        result.append(filtered.ahead(smoothing.lead_s))
    return np.stack(result)


def jitter(found: Floats, truth: Floats) -> float:
    """The mean change of the error's speed, pixels a frame squared."""
    return float(np.nanmean(np.abs(np.diff(found - truth, n=2, axis=0))))


def lag(found: Floats, truth: Floats) -> float:
    """The number of frames by which `truth` must be delayed to be nearest to `found`, apart from their
    constant difference."""
    always, frames = np.nanmedian(found - truth, axis=0), np.arange(len(truth))

    def error(late: float) -> float:
        places = np.clip(frames - late, 0, len(truth) - 1)
        before = np.floor(places).astype(int)
        share = (places - before)[:, None, None]
        after = np.minimum(before + 1, len(truth) - 1)
        shifted = truth[before] * (1 - share) + truth[after] * share
        return float(np.nanmean(np.square(found - always - shifted)[10:-10]))

    tried = np.arange(-2, 6 + STEP / 2, STEP)
    return float(tried[np.argmin([error(late) for late in tried])])


def measure(video: Path, truth: Path, backend: str) -> list[Point]:
    """Measures each smoothing. Raises VideoError, SynthesisError, ValueError."""
    with np.load(truth) as data:
        names, joints = [str(name).upper() for name in data["names"]], data["xy"]
    known = [(row, Landmark[name]) for row, name in enumerate(names) if name in Landmark.__members__]
    with closing(VideoReader(video)) as reader:
        dance = track(reader, PoseTracker(backend=backend, smoothing=None), desc="pose")
    frames = [
        frame
        for frame, pose in enumerate(dance.poses[: len(joints)])
        if pose is not None and np.isfinite(joints[frame]).any()
    ]
    if len(frames) < 60:
        raise ValueError(
            f"{video}: {len(frames)} frames with a person and true joints are too few: 60 are needed"
        )
    rows, landmarks = [row for row, _ in known], [landmark for _, landmark in known]
    poses = [dance.poses[frame] for frame in frames]
    found = np.stack([pose.landmarks[landmarks, :2] for pose in poses if pose is not None])
    scale = 1 / (1.25 * float(np.median(np.ptp(found[..., 1], axis=1))))
    return curve(found, joints[frames][:, rows], [dance.times_ns[frame] for frame in frames], scale)


def picture(points: Sequence[Point]) -> NDArray[np.uint8]:
    """Lag to the right, jitter upwards; a line for each filter, from no lead at the right to the longest."""
    width, height = AREA
    canvas = np.full((height, width, 3), 255, np.uint8)
    left, bottom, across, up = 60, height - 45, width - 90, height - 80

    def place(late: float, tremble: float) -> tuple[int, int]:
        return int(left + (late + 1) / 2.5 * across), int(bottom - tremble / 1.2 * up)

    for tick in np.arange(-1, 1.51, 0.5):
        cv2.line(canvas, place(tick, 0), place(tick, 1.2), (225, 225, 225), 1)
        _write(canvas, f"{tick:g}", (place(tick, 0)[0] - 10, bottom + 16))
    for tick in np.arange(0, 1.21, 0.2):
        cv2.line(canvas, place(-1, tick), place(1.5, tick), (225, 225, 225), 1)
        _write(canvas, f"{tick:.1f}", (left - 34, place(0, tick)[1] + 4))
    _write(canvas, "lag behind raw landmarks, frames", (left + across // 3, height - 10))
    _write(canvas, "jitter / raw", (8, 22))
    for row, base in enumerate(FILTERS):
        own = [point for point in points if point.smoothing[:3] == base[:3]]
        hue = np.array([[[180 * row // len(FILTERS), 200, 170]]], np.uint8)
        colour = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0].tolist()
        places = [place(point.lag, point.jitter) for point in own]
        cv2.polylines(canvas, [np.array(places, np.int32)], False, colour, 2, cv2.LINE_AA)
        for where, point in zip(places, own, strict=True):
            chosen = point.smoothing == LIVE
            cv2.circle(canvas, where, 7 if chosen else 3, colour, -1, cv2.LINE_AA)
        _write(canvas, f"{base.min_cutoff:g} Hz, beta {base.beta:g}", (width - 165, 22 + 16 * row), colour)
    return canvas


def _write(
    canvas: NDArray[np.uint8], text: str, where: tuple[int, int], colour: Sequence[int] = (60, 60, 60)
) -> None:
    cv2.putText(canvas, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.42, list(colour), 1, cv2.LINE_AA)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.smoothing", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("video", type=Path)
    parser.add_argument("truth", type=Path, help=".npz with names, and xy (frames, joints, 2) in pixels")
    parser.add_argument("--picture", type=Path, help="draw the curve there")
    parser.add_argument("--backend", default="auto")
    options = parser.parse_args(argv)
    try:
        points = measure(options.video, options.truth, options.backend)
    except (VideoError, SynthesisError, ValueError, KeyError, OSError) as error:
        print(f"smoothing: {error}", file=sys.stderr)
        return 1
    print("| min cutoff, Hz | beta | lead, ms | jitter / raw | lag, frames |\n|---|---|---|---|---|")
    for (cutoff, beta, _, lead_s), tremble, late in points:
        mark = " (live)" if (cutoff, beta, lead_s) == (LIVE.min_cutoff, LIVE.beta, LIVE.lead_s) else ""
        print(f"| {cutoff:g} | {beta:g} | {1000 * lead_s:.0f}{mark} | {tremble:.2f} | {late:+.1f} |")
    if options.picture is not None and not cv2.imwrite(str(options.picture), picture(points)):
        print(f"smoothing: cannot write {options.picture}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
