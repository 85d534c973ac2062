"""What is wrong with a frame only when all others are known: and which frames are left in the end."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.body import standing_height
from engines.extras import PARTS
from tools.preparing import PrepareError, rules
from tools.preparing.camera import off_centre
from tools.preparing.refine import Shots
from tools.preparing.scan import Scan
from tools.synthesis.smoothing import smooth_part, smooth_run

LEAST_FRAMES = 60


def judge(scan: Scan, max_shake_px: float) -> NDArray[np.str_]:
    """(N,) the reasons of `scan`, and those that need a look at its neighbours and at all of the footage:
    a camera that is off where it stands most of the time, people who come near, motion blur."""
    reasons = scan.reasons.astype("<U64")
    moved = off_centre(scan.shifts) > max_shake_px
    for video in np.unique(scan.videos):
        of_video = scan.videos == video
        crowded = rules.near_in_time(
            scan.reasons[of_video] == rules.CROWDED, scan.times_ns[of_video], rules.AROUND_NS
        )
        smeared = _smeared(scan.sharpness[of_video])
        for flags, reason in (
            (crowded, rules.CROWDED),
            (moved[of_video], rules.MOVED),
            (smeared, rules.SMEARED),
        ):
            rows = np.flatnonzero(of_video)[flags]
            reasons[rows[reasons[rows] == ""]] = reason
    return reasons


def shots(scan: Scan, reasons: NDArray[np.str_]) -> Shots:
    """The frames without a reason, their landmarks smoothed."""
    left = reasons == ""
    landmarks = smooth_landmarks(scan.landmarks[left], scan.numbers[left], scan.times_ns[left])
    standing_px = float(np.median(standing_height(landmarks)))
    return Shots(scan.numbers[left], landmarks, scan.others[left], standing_px)


def smooth_landmarks(
    landmarks: NDArray[np.float32], numbers: NDArray[np.int64], times_ns: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Removes jitter without lag: a smoothing spline through each unbroken run, as in finished videos.

    landmarks (N, 33, 4) of the frames `numbers` (N,), ascending, taken at `times_ns` (N,).
    """
    smooth = landmarks.copy()
    for run in np.split(np.arange(len(numbers)), np.flatnonzero(np.diff(numbers) > 1) + 1):
        seconds = times_ns[run] / 1e9
        smooth[run] = smooth_run(landmarks[run], seconds, seconds)
    return smooth


def smooth_extras(
    extras: NDArray[np.float32], numbers: NDArray[np.int64], times_ns: NDArray[np.int64]
) -> NDArray[np.float32]:
    """As `smooth_landmarks`: each hand and the face, over the runs of frames in which it is seen.

    extras (N, engines.extras.POINTS, 4), zeros where a part is not seen.
    """
    smooth = extras.copy()
    for part in PARTS.values():
        seen = np.flatnonzero(extras[:, part, 3].any(axis=1))
        for run in np.split(seen, np.flatnonzero(np.diff(numbers[seen]) > 1) + 1):
            smooth[run, part] = smooth_part(extras[run, part], times_ns[run] / 1e9)
    return smooth


def count(reasons: NDArray[np.str_], left_out: dict[str, int]) -> dict[str, int]:
    """Dropped frames by reason, most frequent first."""
    total = Counter(str(reason) for reason in reasons if reason) + Counter(left_out)
    return dict(total.most_common())


def require(videos: Sequence[Path], kept: int, dropped: dict[str, int]) -> None:
    """Raises PrepareError unless enough frames are left."""
    if kept >= LEAST_FRAMES:
        return
    names = ", ".join(str(video) for video in videos)
    have = "has" if len(videos) == 1 else "have"
    why = ", ".join(f"{number} {reason}" for reason, number in dropped.items()) or "too short"
    worst = next(iter(dropped), None)
    advice = f": {rules.ADVICE[worst]}" if worst else ""
    raise PrepareError(
        f"{names} {have} {kept} usable frames, {LEAST_FRAMES} are the least ({why}){advice}; "
        "film one person, whole in the frame, for two minutes or more"
    )


def _smeared(sharpness: NDArray[np.float32]) -> NDArray[np.bool_]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # no frame of this video is of use: nothing is smeared
        usual = np.nanmedian(sharpness)
    return np.asarray(sharpness < rules.SMEARED_SHARE * usual)
