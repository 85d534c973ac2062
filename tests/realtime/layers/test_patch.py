"""A patch laid over a picture is what straight alpha says, inside its box, and nothing outside."""

import cv2
import numpy as np
import pytest

from realtime.layers.patch import ANCHORS, Patch, anchored, trimmed

SIZE = (64, 40)


def layer_of(width: int, height: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (height, width, 4), dtype=np.uint8)


def expected(picture: np.ndarray, layer: np.ndarray, share: float) -> np.ndarray:
    alpha = layer[..., 3:] / 255 * share
    return layer[..., :3] * alpha + picture * (1 - alpha)


@pytest.mark.parametrize("share", [1.0, 0.6, 0.1])
@pytest.mark.parametrize("at", [(10, 5), (-6, -4), (55, 33)], ids=["inside", "left top", "right bottom"])
def test_it_is_straight_alpha_within_its_box(at: tuple[int, int], share: float) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    layer = layer_of(20, 12)
    patch = Patch((*at, 20, 12), SIZE)
    patch.fill(layer)
    whole = np.zeros((100, 200, 4), np.uint8)
    whole[30 + at[1] : 42 + at[1], 50 + at[0] : 70 + at[0]] = layer
    out = picture.copy()
    patch.over(out, share)
    np.testing.assert_allclose(out, expected(picture, whole[30:70, 50:114], share), atol=2.1)


def test_beside_the_picture_it_does_nothing() -> None:
    patch = Patch((80, 50, 20, 12), SIZE)
    patch.fill(layer_of(20, 12))
    picture = np.full((SIZE[1], SIZE[0], 3), 9, np.uint8)
    patch.over(picture)
    assert patch.empty
    assert (picture == 9).all()


def test_it_is_scaled_without_the_colours_of_what_cannot_be_seen() -> None:
    layer = np.zeros((80, 80, 4), np.uint8)
    layer[..., :3] = (255, 255, 255)  # white, where it is transparent too
    layer[20:60, 20:60] = (0, 0, 255, 255)
    patch = Patch((0, 0, 20, 20), SIZE)
    patch.fill(layer)
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    patch.over(picture)
    assert picture[..., :2].max() == 0
    assert picture[10, 10, 2] == 255


@pytest.mark.parametrize("anchor", ANCHORS)
def test_an_anchor_lies_where_it_is_put(anchor: str) -> None:
    across, down = ANCHORS[anchor]
    x, y, width, height = anchored((0.5, 0.25), anchor, (20, 10), (100, 200))
    assert (x + across * width, y + down * height) == (50, 50)


def test_transparent_margins_are_left_out() -> None:
    layer = np.zeros((100, 200, 4), np.uint8)
    cv2.rectangle(layer, (20, 40), (59, 79), (1, 2, 3, 255), cv2.FILLED)
    cut, box = trimmed(layer, (5, 6, 100, 50))
    assert cut.shape == (40, 40, 4)
    assert box == (15, 26, 20, 20)
    assert trimmed(np.zeros_like(layer), (5, 6, 100, 50))[1][2:] == (0, 0)
