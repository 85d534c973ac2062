"""The reference views of a player, picked from the footage of one who is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.reference import standing_px
from engines.skeleton import Landmark
from tests.packs import HEIGHT_PX, SIZE, doll_error
from tools import references as module
from tools.footage import Footage
from tools.references import pick_views
from tools.views import cut_view


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "JUDGED", 12)
    monkeypatch.setattr(module, "TRIED", 8)


def test_the_views_draw_other_frames_better_than_calm_frames_spread_evenly(footage: Footage) -> None:
    positions, held = footage.split(0.2)
    calm = module._still(footage, positions)
    spread = [cut_view(footage, int(position)) for position in module._spread(calm, 3)]
    assert doll_error(footage, pick_views(footage, positions, 3), held) < doll_error(footage, spread, held)


def test_a_view_with_a_wrong_picture_is_not_picked(footage: Footage) -> None:
    """A matte may hold a piece of the scene: what counts is what is drawn, not how a view is turned."""
    positions, _ = footage.split(0.2)
    best = pick_views(footage, positions, 1)[0]

    class Spoiled(Footage):
        def frame(self, position: int) -> NDArray[np.uint8]:
            whole = super().frame(position)
            same = np.array_equal(cut_view(footage, position).landmarks, best.landmarks)
            return np.full_like(whole, (255, 0, 0)) if same else whole

    other = pick_views(Spoiled(**vars(footage)), positions, 1)[0]
    assert not np.array_equal(other.landmarks, best.landmarks)


def test_no_view_is_of_the_frames_that_are_held_out(footage: Footage) -> None:
    positions, held = footage.split(0.2)
    views = pick_views(footage, positions)
    for view in views:
        shape = view.landmarks - view.landmarks[Landmark.NOSE]
        every = footage.landmarks - footage.landmarks[:, [Landmark.NOSE]]
        assert np.abs(every[positions] - shape).max(axis=(1, 2)).min() < 1e-3
    assert len(held) > 0


def test_the_same_footage_gives_the_same_views(footage: Footage) -> None:
    positions, _ = footage.split(0.2)
    one, other = (pick_views(footage, positions, 2) for _ in range(2))
    assert all((a.picture == b.picture).all() for a, b in zip(one, other, strict=True))


def test_there_are_no_more_views_than_frames(footage: Footage) -> None:
    assert len(pick_views(footage, np.arange(2))) <= 2


def test_a_view_is_the_piece_of_the_frame_with_the_player(footage: Footage) -> None:
    view = cut_view(footage, 20)
    assert view.height == pytest.approx(float(standing_px(footage.landmarks[20], footage.body)))
    x, y = (footage.landmarks[20] - view.landmarks)[0, :2].astype(int)
    rows, columns = view.alpha.shape
    assert rows <= SIZE[1] and columns < SIZE[0]
    piece = (slice(y, y + rows), slice(x, x + columns))
    np.testing.assert_array_equal(view.alpha, footage.mask(20)[piece])
    solid = view.alpha == 255
    np.testing.assert_array_equal(view.picture[solid], footage.frame(20)[piece][solid])
    assert view.alpha.sum() == footage.mask(20).sum(), "some of him is cut off"
    assert HEIGHT_PX * 0.5 < view.height < HEIGHT_PX * 1.5


def test_blurred_and_cut_off_frames_are_no_candidates(footage: Footage) -> None:
    landmarks = footage.landmarks.copy()
    landmarks[10:14, Landmark.LEFT_WRIST, 0] += np.array([0, 12, 0, 12], np.float32)  # he jerks
    landmarks[30, Landmark.LEFT_ANKLE, 3] = 0.1  # a foot is out of the picture
    calm = module._still(replace(footage, landmarks=landmarks), np.arange(64))
    assert not {10, 11, 12, 13, 30} & set(calm.tolist()) and len(calm) > 5


def test_where_no_frame_will_do_all_are_candidates(footage: Footage) -> None:
    landmarks = footage.landmarks.copy()
    landmarks[..., 3] = 0
    assert len(module._still(replace(footage, landmarks=landmarks), np.arange(20))) == 20
