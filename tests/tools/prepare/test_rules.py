from __future__ import annotations

import numpy as np
import pytest

from engines.skeleton import Landmark
from tests.drawn import standing
from tests.packs import paint
from tools.prepare.rules import LEAST_COVERED, covered

STANDING_PX = 190.0
ARMS = [
    Landmark[f"{side}_{joint}"]
    for side in ("LEFT", "RIGHT")
    for joint in ("ELBOW", "WRIST", "INDEX", "PINKY", "THUMB")
]


@pytest.mark.parametrize(
    ("off_px", "is_used"), [(0, True), (6, True), (30, False)], ids=["read well", "misread", "missed"]
)
def test_a_matte_may_miss_joints_by_as_much_as_they_are_misread(off_px: float, is_used: bool) -> None:
    person = standing(128, 230, STANDING_PX, arms=1.2)
    _, mask = paint(np.zeros((256, 256, 3), np.uint8), person, STANDING_PX)
    read = person.copy()
    read[ARMS, 1] -= off_px
    assert (covered(mask, read, STANDING_PX) >= LEAST_COVERED) == is_used


def test_nobody_visible_is_not_covered() -> None:
    person = standing(128, 230, STANDING_PX)
    person[:, 3] = 0
    assert covered(np.full((256, 256), 255, np.uint8), person, STANDING_PX) == 0
