"""Smooths a whole dance with a look ahead, and so without lag; a live filter must choose between lag and
jitter.

A run is one person without a gap of more than `GAP_NS` and without a camera cut. In each run, exchanges of
left and right are undone, joints that jumped away are left out (`repair`), and a cubic smoothing spline is
fitted to the rest (`scipy.interpolate.make_smoothing_spline`; Woltring, "A Fortran package for generalized,
cross-validatory spline smoothing and differentiation", 1986, is its use on human motion).
"""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_smoothing_spline

from engines.pose.tracking.tracker import Pose
from engines.skeleton import Landmark as L
from engines.time_units import NS_PER_MS, NS_PER_S
from tools.dance.dance import Dance
from tools.dance.repair import Floats, spikes, torso_px, unswap

GAP_NS = 300 * NS_PER_MS
"""A person who is back this soon counts as present all the time: the pose is interpolated."""
STIFFNESS = 6.7e-7
"""Stiffness of the splines, seconds to the fourth: the price of the squared second derivative relative to the
squared error, both integrated over time. A motion of f hertz keeps 1 / (1 + STIFFNESS (2 pi f)**4) of its
size: half at 5.6 Hz, at every frame rate."""
VISIBILITY_STIFFNESS = 1e-4
LEAST_WEIGHT = 0.1
"""The weight of a joint that the net cannot see at all, relative to one that it sees."""
CUT_SPEED, CUT_STEP, CUT_NS = 12.0, 0.3, 100 * NS_PER_MS
"""There was a cut if a body moved faster than CUT_SPEED torso lengths a second, and by at least CUT_STEP of
them, and stays away for CUT_NS."""
_CORE = [L.LEFT_SHOULDER, L.RIGHT_SHOULDER, L.LEFT_HIP, L.RIGHT_HIP]


def smooth(dance: Dance) -> Dance:
    """The dance smoothed, with brief gaps filled. After a cut, a person counts as somebody else."""
    dance = split_at_cuts(dance)
    poses = list(dance.poses)
    for run in runs(dance):
        frames = np.arange(run[0], run[-1] + 1)
        found = [pose for index in run if (pose := dance.poses[index]) is not None]
        seconds = np.array(dance.times_ns)[frames] / NS_PER_S
        landmarks = smooth_run(np.stack([pose.landmarks for pose in found]), seconds[run - run[0]], seconds)
        latest = np.searchsorted(run, frames, side="right") - 1
        for frame, row, points in zip(frames, latest, landmarks, strict=True):
            poses[frame] = dataclasses.replace(found[row], landmarks=points)
    return dataclasses.replace(dance, poses=poses)


def runs(dance: Dance) -> Iterator[NDArray[np.int64]]:
    """Each run's frames with a person, in order."""
    run: list[int] = []
    for index, pose in enumerate(dance.poses):
        if pose is None:
            continue
        if run and not _goes_on(dance, run[-1], index):
            yield np.array(run)
            run = []
        run.append(index)
    if run:
        yield np.array(run)


def _goes_on(dance: Dance, before: int, now: int) -> bool:
    first, second = dance.poses[before], dance.poses[now]
    gap_ns = dance.times_ns[now] - dance.times_ns[before]
    return (
        first is not None
        and second is not None
        and first.person_id == second.person_id
        and (now == before + 1 or gap_ns <= GAP_NS)
    )


def split_at_cuts(dance: Dance) -> Dance:
    """The dance with new numbers for the people, so that nobody keeps a number over a cut."""
    numbers: dict[int, int] = {}
    poses: list[Pose | None] = []
    last: int | None = None
    count = 0
    for index, pose in enumerate(dance.poses):
        if pose is None:
            poses.append(None)
            continue
        if pose.person_id not in numbers or (last is not None and _is_cut(dance, last, index)):
            numbers[pose.person_id] = count = count + 1
        poses.append(dataclasses.replace(pose, person_id=numbers[pose.person_id]))
        last = index
    return dataclasses.replace(dance, poses=poses)


def _is_cut(dance: Dance, before: int, now: int) -> bool:
    """Whether the person in frame `now`, last seen in `before`, is suddenly and lastingly elsewhere."""
    if not _goes_on(dance, before, now) or not _is_far(dance, before, now):
        return False
    times = dance.times_ns
    until = bisect.bisect_right(times, times[now] + CUT_NS)
    since = bisect.bisect_left(times, times[before] - CUT_NS)
    return all(_is_far(dance, before, index) for index in range(now, until)) and all(
        _is_far(dance, index, now) for index in range(since, before)
    )


def _is_far(dance: Dance, before: int, now: int) -> bool:
    """Whether nobody could move from the pose of frame `before` to that of `now`; True where either has
    none."""
    first, second = dance.poses[before], dance.poses[now]
    if first is None or second is None or first.person_id != second.person_id:
        return True
    seconds = (dance.times_ns[now] - dance.times_ns[before]) / NS_PER_S
    torso = torso_px(np.stack([first.landmarks, second.landmarks]))
    moved = float(np.median(np.linalg.norm((second.landmarks - first.landmarks)[_CORE, :2], axis=1)))
    return moved > max(CUT_STEP, CUT_SPEED * seconds) * torso


def smooth_run(run: Floats, seconds: NDArray[np.float64], at: NDArray[np.float64]) -> Floats:
    """One run's landmarks (N, 33, 4) at `seconds` (N,), ascending → smoothed ones (M, 33, 4) at `at`."""
    moves = np.diff(seconds, prepend=-np.inf) > 0  # in a broken source, time may stand still
    run, seconds = run[moves], seconds[moves]
    torso = torso_px(run)
    run = unswap(run, seconds, torso)
    sound = ~spikes(run, seconds, torso)
    steps = np.gradient(seconds) if len(seconds) > 1 else np.ones(1)
    result = np.empty((len(at), *run.shape[1:]), np.float32)
    for joint in range(run.shape[1]):
        rows = sound[:, joint]
        points, visibility = np.split(run[rows, joint].astype(float), [3], axis=1)
        trust = LEAST_WEIGHT + (1 - LEAST_WEIGHT) * visibility[:, 0].clip(0, 1)
        result[:, joint, :3] = _spline(seconds[rows], points, steps[rows] * trust, STIFFNESS, at)
        seen = _spline(seconds[rows], visibility, steps[rows], VISIBILITY_STIFFNESS, at)
        result[:, joint, 3:] = seen.clip(0, 1)
    return result


def _spline(
    seconds: NDArray[np.float64],
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    stiffness: float,
    at: NDArray[np.float64],
) -> NDArray[np.float64]:
    """values (N, C) at `seconds` (N,) → (M, C) at `at` (M,)."""
    if len(seconds) < 5:  # too few for a spline: returned unchanged
        return np.stack([np.interp(at, seconds, column) for column in values.T], axis=1)
    return np.asarray(make_smoothing_spline(seconds, values, w=weights, lam=stiffness)(at))
