"""How far the player's picture can be trusted: as far as the pose net is sure of the fan, and as the picture
is like the player's footage. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engines.time_units import NS_PER_S

JOINTS = (11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""The landmarks of shoulders, elbows, wrists, hips, knees and ankles."""
SEEN = 0.9
"""Of somebody who is wholly in the picture these are visible by so much at least, on the average: in nine of
ten frames of the demo clips. Of somebody who sits at a desk it is 0.64."""
LATE_S = 0.5
"""Over so long the confidence is averaged."""
MARGIN = 0.2
"""Pictures that were not trusted are trusted again once they are better than the least by this share of what
it lacks to 1."""
NEVER_FILMED = "the player was never filmed like this"


def sureness(landmarks: NDArray[np.float32], flag: float) -> float:
    """How sure the pose net is of the fan, 0..1: its flag (0..1, is it a person?) by how well his joints are
    seen. landmarks (33, 4): as the net gives them, with the visibility last."""
    seen = float(landmarks[list(JOINTS), 3].mean())
    sure = flag * min(seen / SEEN, 1.0)
    return min(max(sure, 0.0), 1.0) if math.isfinite(sure) else 0.0


class Confidence:
    """The confidence of the pictures of late, and whether they may go on air. For one thread.

    least: below it, pictures are not trusted, 0..1; 0: they always are.
    late: the average of late, 0..1; None while nobody dances. trusted: whether pictures may go on air.
    """

    def __init__(self, least: float = 0.0) -> None:
        self._least = least
        self.reset()

    def reset(self) -> None:
        """Another fan dances."""
        self.interrupted()
        self.trusted = True

    def interrupted(self) -> None:
        """Nobody dances for now."""
        self.late: float | None = None
        self._last_ns = 0

    def step(self, value: float, t_ns: int) -> None:
        """A picture, captured at `t_ns`, which never goes back, and its confidence, 0..1."""
        if self.late is None:
            self.late = value
        share = 1 - math.exp(-max(0, t_ns - self._last_ns) / (LATE_S * NS_PER_S))
        self.late += share * (value - self.late)
        self._last_ns = t_ns
        least = self._least + (0 if self.trusted else MARGIN * (1 - self._least))
        self.trusted = self._least == 0 or self.late >= least
