"""How similar the nearest filmed poses are to the pose that is asked for.

For every pose the doll is drawn from the frames that show it most alike (`engines.doll.choice`). Where no
frame is alike (a handstand, somebody lying down, a limb where the player never had it), the picture still
holds together, but it is made up. The likeness says how much of the picture was really filmed that way.
"""

from __future__ import annotations

import numpy as np

from engines.doll.bank import Bank
from engines.doll.choice import Frames
from engines.doll.cutting import Floats
from engines.doll.parts import COUNT, TABLE, directions, distance

ALIKE, UNLIKE = 0.25, 1.25
"""In units of `parts.distance`. A part at a distance of at most ALIKE counts as filmed, from UNLIKE on as
never filmed, and in between in proportion. These are turns out of the picture by 29 and 68 degrees, or within
it by 32 and 76. Of a player's own footage outside the bank, nine parts in ten lie below the first, hands and
forearms aside. Trunk and head of somebody upside down lie beyond the second."""


class Likeness:
    """Called by the renderers after each picture; it costs a fraction of the choice.

    shares (P,): the share of the player's picture that each part covers.
    """

    def __init__(self, bank: Bank) -> None:
        self._directions = bank.directions
        area = np.median(bank.seen.area, axis=0)
        self.shares = area / area.sum()

    def __call__(self, landmarks: Floats, frames: Frames) -> float:
        """The share of the player's picture, 0..1, whose parts were filmed turned as the pose asks.

        landmarks (33, 4): the pose, finite. frames (P,): the frame from which each part is drawn.
        """
        asked = directions(landmarks.astype(float), TABLE)
        apart = distance(self._directions[frames, np.arange(COUNT)], asked)
        return float(np.clip((UNLIKE - apart) / (UNLIKE - ALIKE), 0, 1) @ self.shares)
