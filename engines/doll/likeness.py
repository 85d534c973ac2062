"""How near what a player was filmed in comes to the pose that is asked of him.

Whatever the pose, the doll is drawn from the frames that show it most alike (`engines.doll.choice`). Where
none does (a handstand, somebody who lies, a limb where the player never had it), the picture still holds
together, but it is made up. This says how much of it is.
"""

from __future__ import annotations

import numpy as np

from engines.doll.bank import Bank
from engines.doll.choice import Frames
from engines.doll.cutting import Floats
from engines.doll.parts import COUNT, TABLE, directions, distance

ALIKE, UNLIKE = 0.25, 1.25
"""In units of `parts.distance`: up to the first a part counts as filmed, from the second on as never filmed;
between, by its share. A limb turned out of the picture by 29 and 68 degrees, or a part turned within it by 32
and 76. Of a player's own footage that the bank does not have, nine parts in ten lie below the first, hands
and forearms aside; the trunk and the head of somebody upside down lie beyond the second."""


class Likeness:
    """For the renderers, picture after picture. Costs a fraction of what the choice does.

    shares (P,): of the player's picture, that each part covers.
    """

    def __init__(self, bank: Bank) -> None:
        self._directions = bank.directions
        area = np.median(bank.seen.area, axis=0)
        self.shares = area / area.sum()

    def __call__(self, landmarks: Floats, frames: Frames) -> float:
        """The share of the player's picture, 0..1, whose parts were filmed turned as the pose asks.

        landmarks (33, 4): the pose, finite. frames (P,): from which each part is drawn.
        """
        asked = directions(landmarks.astype(float), TABLE)
        apart = distance(self._directions[frames, np.arange(COUNT)], asked)
        return float(np.clip((UNLIKE - apart) / (UNLIKE - ALIKE), 0, 1) @ self.shares)
