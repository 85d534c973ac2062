"""A picture in one of another shape: whole, or cut so that it fills it; and the slate."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.pictures.alpha import fit_layer
from realtime.pictures.picture import FITS, backdrop, fill, place, slate

LEFT, MIDDLE, RIGHT = 40, 120, 200


def striped(width: int, height: int, channels: int = 3) -> np.ndarray:
    """Three upright stripes of one width."""
    picture = np.empty((height, width, channels), np.uint8)
    for row, grey in enumerate((LEFT, MIDDLE, RIGHT)):
        picture[:, row * width // 3 : (row + 1) * width // 3] = grey
    return picture


@pytest.mark.parametrize("channels", [3, 4])
def test_a_wide_picture_in_a_square_one(channels: int) -> None:
    wide, out = striped(120, 40, channels), np.full((60, 60, channels), 7, np.uint8)
    FITS["whole"](wide, out)
    assert (out[:20] == 7).all() and (out[40:] == 7).all(), "bars above and below"
    assert (out[22:38, 2] == LEFT).all() and (out[22:38, 57] == RIGHT).all(), "all of it between them"
    FITS["fill"](wide, out)
    assert (out[:, 30] == MIDDLE).all() and not (out == 7).any()
    assert not (out == LEFT).any() and not (out == RIGHT).any(), "its sides are cut off"


def test_a_tall_picture_in_a_wide_one_keeps_its_middle() -> None:
    out = np.empty((20, 40, 3), np.uint8)
    tall = np.repeat(np.repeat(np.array([[LEFT], [MIDDLE], [RIGHT]], np.uint8), 40, axis=0), 40, axis=1)
    fill(np.dstack([tall] * 3), out)
    assert (out == MIDDLE).all()


@pytest.mark.parametrize("fit", FITS.values())
def test_one_of_the_same_shape_is_copied(fit: object) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    out = np.empty_like(picture)
    assert callable(fit)
    fit(picture, out)
    np.testing.assert_array_equal(out, picture)


def test_a_layer_that_is_shown_whole_is_clear_beside_it() -> None:
    layer, out = np.full((40, 120, 4), 255, np.uint8), np.full((60, 60, 4), 9, np.uint8)
    fit_layer(layer, out, place)
    assert not out[:18].any() and (out[25:35, :, 3] == 255).all()
    fit_layer(layer, out, fill)
    assert (out == 255).all()


@pytest.mark.parametrize("size", [(64, 64), (512, 512), (1920, 1080), (300, 900)])
def test_nothing_that_is_shown_is_black(size: tuple[int, int]) -> None:
    card = slate(*size, "Kévin Überschall-Langname der Dritte")
    assert card.shape == (size[1], size[0], 3)
    assert card.max(axis=2).min() > 20
    assert card.std() > 5
    picture = backdrop(*size)
    place(np.full((30, 50, 3), 99, np.uint8), picture)
    assert (picture == 99).all(axis=2).sum() >= min(
        size[0] * size[0] * 30 // 50, size[1] * size[1] * 50 // 30
    ) * 0.9
    assert picture.max(axis=2).min() > 20
