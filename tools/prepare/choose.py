"""Judges frames in view of all other frames, and chooses those that remain."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.body import standing_height
from engines.time_units import NS_PER_S
from tools.alignment.solve import Alignment
from tools.dance.smoothing import smooth_run
from tools.prepare import rules
from tools.prepare.files import PrepareError
from tools.prepare.files.sources import GAP
from tools.prepare.refine import Shots
from tools.prepare.scan import Scan
from tools.prepare.scene.placing import MOST_ENLARGED, Placement, mapped

LEAST_FRAMES = 60


def judge(scan: Scan, alignment: Alignment) -> NDArray[np.str_]:
    """(N,): the reasons of `scan`, together with those that depend on neighbouring frames or on all of the
    footage: dissolves and titles, people who come near, motion blur."""
    reasons = scan.reasons.astype("<U64")
    cards = np.array([scene.card for scene in alignment.found] + [False])[alignment.scenes]
    for video in np.unique(scan.videos):
        of_video = scan.videos == video
        crowded = rules.near_in_time(
            scan.reasons[of_video] == rules.CROWDED, scan.times_ns[of_video], rules.AROUND_NS
        )
        smeared = _smeared(scan.sharpness[of_video])
        for flags, reason in (
            (alignment.transition[of_video], rules.TRANSITION),
            (cards[of_video], rules.CARD),
            (crowded, rules.CROWDED),
            (smeared, rules.SMEARED),
        ):
            rows = np.flatnonzero(of_video)[flags]
            reasons[rows[reasons[rows] == ""]] = reason
    return reasons


def too_small(placement: Placement) -> NDArray[np.bool_]:
    """(N,): whether the frame would have to be enlarged too much to show the player at the usual size."""
    return np.asarray(placement.scales > MOST_ENLARGED)


def shots(scan: Scan, rows: NDArray[np.int64], placement: Placement) -> Shots:
    """The remaining frames, `rows` of the scan, with their landmarks in the dataset's picture, smoothed."""
    landmarks = mapped(scan.landmarks[rows], placement.maps)
    scene = scan.numbers[rows] + len(scan.numbers) * GAP * (placement.scenes + 1)  # no run crosses scenes
    landmarks = smooth_landmarks(landmarks, scene, scan.times_ns[rows])
    landmarks[..., :2] -= placement.views[:, None]
    standing_px = float(np.median(standing_height(landmarks)))
    return Shots(scan.numbers[rows], landmarks, scan.others[rows], standing_px, placement)


def smooth_landmarks(
    landmarks: NDArray[np.float32], numbers: NDArray[np.int64], times_ns: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Removes jitter without lag: a smoothing spline through each unbroken run, as in finished videos.

    landmarks (N, 33, 4) of the frames `numbers` (N,), taken at `times_ns` (N,). In a run the numbers rise by
    one.
    """
    smooth = landmarks.copy()
    for run in np.split(np.arange(len(numbers)), np.flatnonzero(np.diff(numbers) != 1) + 1):
        seconds = times_ns[run] / NS_PER_S
        smooth[run] = smooth_run(landmarks[run], seconds, seconds)
    return smooth


def count(reasons: NDArray[np.str_], left_out: dict[str, int]) -> dict[str, int]:
    """Dropped frames by reason, most frequent first."""
    total = Counter(str(reason) for reason in reasons if reason) + Counter(left_out)
    return dict(total.most_common())


def require(videos: Sequence[Path], kept: int, dropped: dict[str, int]) -> None:
    """Raises PrepareError unless enough frames remain."""
    if kept >= LEAST_FRAMES:
        return
    names = ", ".join(str(video) for video in videos)
    have = "has" if len(videos) == 1 else "have"
    why = ", ".join(f"{number} {reason}" for reason, number in dropped.items()) or "too short"
    worst = next(iter(dropped), None)
    advice = f": {rules.ADVICE[worst]}" if worst else ""
    raise PrepareError(
        f"{names} {have} {kept} usable frames, {LEAST_FRAMES} are the least ({why}){advice}; "
        "film one person, whole in the frame, for ten seconds or more"
    )


def _smeared(sharpness: NDArray[np.float32]) -> NDArray[np.bool_]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # no frame of this video is usable: there is none to judge blur by
        usual = np.nanmedian(sharpness)
    return np.asarray(sharpness < rules.SMEARED_SHARE * usual)
