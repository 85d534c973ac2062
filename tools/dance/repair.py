"""Finds errors that a pose net makes for a few frames: joints that jump away, left and right exchanged. Pure.

A run is one person's landmarks (N, 33, 4) at `seconds` (N,), ascending. torso: the person's torso length,
pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.body import MIRRORED
from engines.skeleton import Landmark as L

Floats = NDArray[np.float32]
SPIKE_S = 0.13
"""A joint has jumped if it is away from its place before and after for at most this long, from sound frame to
sound frame: no limb goes away and back that fast."""
SPIKE, SPIKE_MOTION = 0.2, 1.5
"""How far away: in torso lengths, and in multiples of the distance between the sound frames."""
SWAP_S = 0.25
"""Left and right may be exchanged for at most this long; a longer exchange counts as real."""
SWAP_STEP_S = 0.06
"""At a lower frame rate, a quick step looks like an exchange."""
SWAP_JUMP, SWAP_GAIN = 0.15, 0.5
"""At both ends of an exchange the joints jump at least this far, in torso lengths; with left and right
exchanged, they jump at most the share SWAP_GAIN of that."""

_CORE = [L.LEFT_SHOULDER, L.RIGHT_SHOULDER, L.LEFT_HIP, L.RIGHT_HIP]
GROUPS: dict[str, tuple[list[L], list[int]]] = {
    "trunk": (_CORE, [*range(11), *_CORE]),
    "arms": ([L.LEFT_ELBOW, L.RIGHT_ELBOW, L.LEFT_WRIST, L.RIGHT_WRIST], [*range(L.LEFT_ELBOW, L.LEFT_HIP)]),
    "legs": (
        [L.LEFT_KNEE, L.RIGHT_KNEE, L.LEFT_ANKLE, L.RIGHT_ANKLE],
        [*range(L.LEFT_KNEE, L.RIGHT_TOE + 1)],
    ),
}
"""TABLE of what is exchanged together: the joints that show it, and all landmarks concerned."""


def torso_px(run: Floats) -> float:
    """The median distance from the middle of the shoulders to the middle of the hips, pixels; at least 1."""
    shoulders, hips = run[:, _CORE[:2], :2].mean(axis=1), run[:, _CORE[2:], :2].mean(axis=1)
    return max(float(np.median(np.linalg.norm(shoulders - hips, axis=1))), 1.0)


def unswap(run: Floats, seconds: NDArray[np.float64], torso: float) -> Floats:
    """The run with brief exchanges of left and right undone, group by group."""
    repaired = run.copy()
    for shown, concerned in GROUPS.values():
        points, others = run[:, shown, :2], run[:, MIRRORED[shown], :2]
        straight = np.linalg.norm(points[1:] - points[:-1], axis=2).mean(axis=1)
        crossed = np.linalg.norm(others[1:] - points[:-1], axis=2).mean(axis=1)
        jumps = (straight > SWAP_JUMP * torso) & (crossed < SWAP_GAIN * straight)
        edges = np.flatnonzero(jumps & (np.diff(seconds) <= SWAP_STEP_S)) + 1
        while len(edges) >= 2:
            start, end = edges[:2]
            brief = seconds[end] - seconds[start] <= SWAP_S
            if brief:
                columns = np.array(concerned)
                repaired[start:end, columns] = run[start:end][:, MIRRORED[columns]]
            edges = edges[2 if brief else 1 :]
    return repaired


def spikes(run: Floats, seconds: NDArray[np.float64], torso: float) -> NDArray[np.bool_]:
    """(N, 33): which joints have jumped away for one or two frames."""
    found = np.zeros(run.shape[:2], bool)
    xy = run[..., :2]
    for length in (1, 2):
        before, after = xy[: -length - 1], xy[length + 1 :]
        if not len(after):
            break
        motion = np.linalg.norm(after - before, axis=2)
        brief = seconds[length + 1 :] - seconds[: -length - 1] <= SPIKE_S
        limit = np.maximum(SPIKE * torso, SPIKE_MOTION * motion)
        away = np.broadcast_to(brief[:, None], motion.shape).copy()
        for offset in range(1, length + 1):
            now = xy[offset : offset + len(after)]
            nearest = np.minimum(np.linalg.norm(now - before, axis=2), np.linalg.norm(now - after, axis=2))
            away &= nearest > limit
        for offset in range(1, length + 1):
            found[offset : offset + len(away)] |= away
    return found
