"""How far the player's picture can be trusted: by how sure the pose net is of the fan, and by how similar the
picture is to the player's footage. The paint step asks it for every picture. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engines.time_units import NS_PER_S

JOINTS = (11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""The landmarks of shoulders, elbows, wrists, hips, knees and ankles."""
SEEN = 0.9
"""The least average visibility of these joints for somebody who is wholly in the picture, in nine of ten
frames of the demo clips. Somebody sitting at a desk has 0.64."""
LATE_S = 0.5
"""The confidence is averaged over about this time."""
MARGIN = 0.2
"""Untrusted pictures are trusted again once their confidence exceeds the least by this share of the distance
from the least to 1."""
NEVER_FILMED = "the player was never filmed like this"


def sureness(landmarks: NDArray[np.float32], flag: float) -> float:
    """How sure the pose net is of the fan, 0..1: its flag (0..1, is it a person?) times a factor for how well
    the joints are seen. landmarks (33, 4): as the net returns them, with the visibility last."""
    seen = float(landmarks[list(JOINTS), 3].mean())
    sure = flag * min(seen / SEEN, 1.0)
    return min(max(sure, 0.0), 1.0) if math.isfinite(sure) else 0.0


class Confidence:
    """The confidence of recent pictures, and whether they may go on air. For one thread.

    least: pictures with a lower confidence are not trusted, 0..1; 0: all are. late: the recent average, 0..1;
    None while nobody dances. trusted: whether pictures may go on air.
    """

    def __init__(self, least: float = 0.0) -> None:
        self._least = least
        self.reset()

    def reset(self) -> None:
        """Call it when another fan dances."""
        self.interrupted()
        self.trusted = True

    def interrupted(self) -> None:
        """Call it while nobody dances."""
        self.late: float | None = None
        self._last_ns = 0

    def step(self, value: float, t_ns: int) -> None:
        """Takes the confidence of a picture, 0..1. t_ns: when it was captured, never going back."""
        if self.late is None:
            self.late = value
        share = 1 - math.exp(-max(0, t_ns - self._last_ns) / (LATE_S * NS_PER_S))
        self.late += share * (value - self.late)
        self._last_ns = t_ns
        least = self._least + (0 if self.trusted else MARGIN * (1 - self._least))
        self.trusted = self._least == 0 or self.late >= least
