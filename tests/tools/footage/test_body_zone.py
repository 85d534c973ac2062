from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.packs import paint, standing
from tools.footage.body_zone import zone

SIZE = (256, 256)
STANDING_PX = 190.0


@pytest.fixture
def person() -> NDArray[np.float32]:
    return standing(128, 230, STANDING_PX, arms=1.2)


def test_the_zone_covers_the_body_and_no_more(person: NDArray[np.float32]) -> None:
    _, mask = paint(np.zeros((*SIZE[::-1], 3), np.uint8), person, STANDING_PX)
    covered = zone(person, SIZE, STANDING_PX)
    assert covered.shape == SIZE[::-1] and set(np.unique(covered)) == {0, 255}
    assert (covered[mask > 0] > 0).all()
    assert (covered > 0).sum() < 4 * (mask > 0).sum()
    assert not covered[180:, :60].any() and not covered[:60, :80].any()
    wider = zone(person, SIZE, STANDING_PX, widen=1.5)
    assert (wider[covered > 0] > 0).all() and wider.sum() > covered.sum()


def test_the_zone_goes_beyond_the_picture(person: NDArray[np.float32]) -> None:
    far = person + np.array([1e6, 0, 0, 0], np.float32)
    assert not zone(far, SIZE, STANDING_PX).any()
    assert zone(person - np.array([128, 0, 0, 0], np.float32), SIZE, STANDING_PX)[:, 0].any()
