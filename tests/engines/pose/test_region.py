from __future__ import annotations

import math

import numpy as np
import pytest

from engines.pose.region import Region, normalized


def around(centre: tuple[float, float], rim: tuple[float, float]) -> Region:
    return Region.around(np.array(centre, np.float32), np.array(rim, np.float32))


@pytest.mark.parametrize(
    ("rim", "degrees"), [((100, 0), 0), ((200, 100), 90), ((0, 100), -90), ((200, 0), 45)]
)
def test_the_angle_turns_the_rim_upwards(rim: tuple[float, float], degrees: float) -> None:
    assert math.degrees(around((100, 100), rim).angle) == pytest.approx(degrees)


def test_upside_down_is_half_a_turn() -> None:
    assert abs(math.degrees(around((100, 100), (100, 200)).angle)) == pytest.approx(180)


def test_the_side_is_the_diameter_and_a_quarter() -> None:
    region = around((100, 100), (100, 20))
    assert region.side == pytest.approx(200)
    np.testing.assert_allclose(region.circle_box, [20, 20, 180, 180], atol=1e-3)


def test_the_crop_maps_corners_to_corners() -> None:
    upright = Region(100, 50, 40, 0).to_frame(256)
    np.testing.assert_allclose(upright @ [0, 0, 1], [80, 30])
    np.testing.assert_allclose(upright @ [256, 256, 1], [120, 70])
    quarter = Region(100, 50, 40, math.pi / 2).to_frame(256)  # up in the crop is right in the frame
    np.testing.assert_allclose(quarter @ [128, 0, 1], [120, 50], atol=1e-9)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (Region(100, 100, 80, 0), True),
        (Region(-30, 100, 80, 0), True),  # half out of the frame
        (Region(-50, 100, 80, 0), False),
        (Region(100, 300, 80, 0), False),
        (Region(100, 100, 2, 0), False),
        (Region(100, 100, 1e6, 0), False),
        (Region(math.nan, 100, 80, 0), False),
        (Region(100, 100, math.inf, 0), False),
    ],
)
def test_meets(region: Region, expected: bool) -> None:
    assert region.meets(320, 240) is expected


@pytest.mark.parametrize("turns", [-3, -1, 0, 2])
def test_normalized_takes_whole_turns_away(turns: int) -> None:
    assert normalized(1.2 + 2 * math.pi * turns) == pytest.approx(1.2)
