from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.pose.tracking.appearance import BANDS, BINS, Floats, brightness_of, look, unlike

TRUNK = np.array([[100, 60], [100, 120]], np.float32)


def dressed(above: tuple[int, int, int], below: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A person 40 px wide before a grey wall, BGR above and below the hips, with some noise."""
    picture = np.full((240, 200, 3), 128, np.uint8)
    picture[40:120, 80:120] = above
    picture[120:220, 80:120] = below
    noise = np.random.default_rng(3).integers(-6, 7, picture.shape)
    return (picture.astype(np.int16) + noise).clip(0, 255).astype(np.uint8)


def looked(picture: NDArray[np.uint8]) -> Floats:
    found = look(picture, TRUNK, brightness_of(picture))
    assert found is not None and found.shape == (BANDS, 3, BINS)
    np.testing.assert_allclose((found**2).sum(axis=2), 1, atol=1e-5)
    return found


RED, BLUE, BLACK = (40, 40, 200), (200, 60, 40), (15, 15, 15)


def test_the_same_clothes_are_alike_and_others_are_not() -> None:
    one = looked(dressed(RED, BLACK))
    assert unlike(one, one) < 1e-3
    assert unlike(one, looked(dressed(BLUE, BLACK))) > 0.3
    assert unlike(one, looked(dressed(BLACK, RED))) > 0.5


def test_less_light_changes_less_than_other_clothes() -> None:
    picture = dressed(RED, BLUE)
    dimmed = (picture * 0.6).astype(np.uint8)
    assert unlike(looked(picture), looked(dimmed)) < 0.5 * unlike(looked(picture), looked(dressed(BLUE, RED)))


def test_what_is_no_trunk_or_beyond_the_picture_has_no_look() -> None:
    picture = dressed(RED, BLUE)
    assert look(picture, np.array([[100, 60], [100, 64]], np.float32), 128) is None
    assert look(picture, TRUNK + 500, 128) is None
    assert look(picture, np.full((2, 2), np.nan, np.float32), 128) is None
