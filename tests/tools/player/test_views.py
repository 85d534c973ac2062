"""The player, cut out of a recorded frame."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.doll.bank import standing_px
from tests.packs import HEIGHT_PX, SIZE
from tools.footage.dataset import Footage
from tools.player.views import cut_view, sharpened


def test_a_view_is_the_piece_of_the_frame_with_the_player(footage: Footage) -> None:
    view = cut_view(footage, 20)
    assert view.height == pytest.approx(float(standing_px(footage.landmarks[20], footage.body)))
    assert view.number == footage.indices[20]
    x, y = (footage.landmarks[20] - view.landmarks)[0, :2].round().astype(int)
    rows, columns = view.alpha.shape
    assert rows <= SIZE[1] and columns < SIZE[0]
    piece = (slice(y, y + rows), slice(x, x + columns))
    np.testing.assert_array_equal(view.alpha, footage.mask(20)[piece])
    solid = cv2.erode(view.alpha, np.ones((5, 5))) == 255  # away from edges, which are sharpened
    assert np.abs(view.picture[solid].astype(int) - footage.frame(20)[piece][solid]).mean() < 8
    assert not view.picture[view.alpha == 0].any()
    assert view.alpha.sum() == footage.mask(20).sum(), "some of him is cut off"
    assert view.alpha[[0, -1]].any(axis=1).all() and view.alpha[:, [0, -1]].any(axis=0).all(), "no larger"
    assert HEIGHT_PX * 0.5 < view.height < HEIGHT_PX * 1.5


def test_a_frame_without_the_player_is_cut_about_his_landmarks(footage: Footage) -> None:
    class Empty(Footage):
        def mask(self, position: int) -> NDArray[np.uint8]:
            return np.zeros_like(super().mask(position))

    view = cut_view(Empty(**vars(footage)), 20)
    assert not view.alpha.any() and not view.picture.any() and min(view.alpha.shape) > 0


def test_a_player_who_leaves_the_picture_is_cut_at_its_edge(footage: Footage) -> None:
    landmarks = footage.landmarks.copy()
    landmarks[20, :, 0] -= landmarks[20, :, 0].mean()
    view = cut_view(replace(footage, landmarks=landmarks), 20)
    assert view.alpha.shape[1] <= SIZE[0] / 2 + 1
    np.testing.assert_allclose((landmarks[20] - view.landmarks)[:, 2:], 0)


def test_sharpening_raises_detail_inside_and_takes_nothing_from_outside() -> None:
    random = np.random.default_rng(0)
    picture = cv2.GaussianBlur(random.integers(0, 255, (40, 40, 3)).astype(np.uint8), (0, 0), 1.5)
    alpha = np.zeros((40, 40), np.uint8)
    alpha[8:32, 8:32] = 255
    sharp = sharpened(picture, alpha)
    assert sharp[10:30, 10:30].std() > 1.05 * picture[10:30, 10:30].std()
    other = picture.copy()
    other[alpha == 0] = 255
    np.testing.assert_array_equal(sharpened(other, alpha)[8:32, 8:32], sharp[8:32, 8:32])
    flat = np.full((40, 40, 3), 90, np.uint8)
    np.testing.assert_array_equal(sharpened(flat, alpha), flat)
