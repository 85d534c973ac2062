"""A lens that is known, filming a board: it is found again, and landmarks come back to where they were."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.lens import (
    LEAST_VIEWS,
    BoardFinder,
    Lens,
    LensError,
    View,
    board,
    covered,
    draw_board,
    measure,
    missing_part,
)

SIZE = (640, 360)
TRUE = Lens(SIZE, (420.0, 420.0, 322.0, 184.0), (-0.28, 0.09, 0.0006, -0.0004, 0.0))
"""A wide one, such as action cameras have: straight lines bend by 20 pixels at the edge."""


def filmed(
    lens: Lens, turn: NDArray[np.float64], at: NDArray[np.float64], square_px: int = 60
) -> NDArray[np.uint8]:
    """The board in a picture of this lens: (H, W), turned by `turn` (Rodrigues), its middle at `at`."""
    flat = draw_board(square_px)
    width, height = lens.size
    rays = (
        np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
        .reshape(-1, 1, 2)
        .astype(np.float64)
    )
    ideal = cv2.undistortPoints(rays, lens.camera_matrix, np.array(lens.distortion))[:, 0]
    rotation, _ = cv2.Rodrigues(turn)
    # Where each ray meets the board's plane, in squares.
    direction = np.column_stack([ideal, np.ones(len(ideal))]) @ rotation
    origin = -at @ rotation
    scale = -origin[2] / direction[:, 2]
    on_board = origin[:2] + scale[:, None] * direction[:, :2] + np.array([4.0, 2.5]) + 0.5
    # Corners of pixels are at whole numbers on the sheet, their middles between.
    sheet = (on_board * square_px - 0.5).astype(np.float32).reshape(height, width, 2)
    return np.asarray(
        cv2.remap(
            flat,
            sheet[..., 0],
            sheet[..., 1],
            cv2.INTER_AREA,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=128,
        )
    )


@cache
def views() -> tuple[View, ...]:
    rng = np.random.default_rng(3)
    find, found = BoardFinder(), []
    for x in (-3.4, 0, 3.4):
        for y in (-1.7, 0, 1.7):
            for far in (6.5, 8.5):
                turn = rng.uniform(-0.5, 0.5, 3) * (1, 1, 0.3)
                picture = filmed(TRUE, turn, np.array([x, y, far]) * 1.0)
                noisy = np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
                view = find(cv2.GaussianBlur(noisy, (0, 0), 0.6))
                if view is not None:
                    found.append(view)
    return tuple(found)


def bend(points: NDArray[np.float64], lens: Lens) -> NDArray[np.float64]:
    """Where a lens has points (N, 2) that one without distortion has here."""
    matrix = lens.camera_matrix
    rays = np.column_stack([(points - matrix[:2, 2]) / matrix[[0, 1], [0, 1]], np.ones(len(points))])
    bent, _ = cv2.projectPoints(rays[:, None], np.zeros(3), np.zeros(3), matrix, np.array(lens.distortion))
    return np.asarray(bent[:, 0])


def test_the_views_are_right() -> None:
    assert len(views()) >= LEAST_VIEWS
    assert max(len(view.ids) for view in views()) == 28, "all corners of a board of 8x5 squares"


def test_a_known_lens_is_found_again() -> None:
    found = measure(views(), SIZE)
    across, down, x, y = found.lens.matrix
    assert found.error_px < 0.5
    assert (across, down) == (pytest.approx(420, rel=0.02), pytest.approx(420, rel=0.02))
    assert (x, y) == (pytest.approx(322, abs=6), pytest.approx(184, abs=6))
    # What counts: everywhere in the picture points come to where the true lens has them.
    everywhere = np.stack(np.meshgrid(np.linspace(20, 620, 9), np.linspace(20, 340, 7)), -1).reshape(-1, 2)
    points = np.column_stack([everywhere, np.zeros((len(everywhere), 2))]).astype(np.float32)
    off = np.linalg.norm((found.lens.straight(points, SIZE) - TRUE.straight(points, SIZE))[:, :2], axis=1)
    bent = np.linalg.norm((TRUE.straight(points, SIZE) - points)[:, :2], axis=1)
    assert bent.max() > 20 and np.median(off) < 1 and off.max() < 6, (off.max(), bent.max())


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_persons_landmarks_come_back(scale: float) -> None:
    rng = np.random.default_rng(0)
    true = np.column_stack([rng.uniform(60, 580, 33), rng.uniform(30, 330, 33)])
    landmarks = np.zeros((33, 4), np.float32)
    landmarks[:, :2] = scale * bend(true, TRUE)
    landmarks[:, 2:] = rng.uniform(0, 1, (33, 2))
    size = (round(SIZE[0] * scale), round(SIZE[1] * scale))
    before = landmarks.copy()
    straight = TRUE.straight(landmarks, size)
    assert np.abs(landmarks[:, :2] - scale * true).max() > 10 * scale
    np.testing.assert_allclose(straight[:, :2], scale * true, atol=0.3 * scale)
    np.testing.assert_array_equal(straight[:, 2:], landmarks[:, 2:])
    np.testing.assert_array_equal(landmarks, before)


def test_points_beyond_the_picture_stay_sane() -> None:
    landmarks = np.array(
        [[700, 400, 0, 1], [-3000, 90, 0, 1], [np.nan, 5, 0, 1], [1e6, -1e6, 0, 1]], np.float32
    )
    straight = TRUE.straight(landmarks, SIZE)
    assert np.isfinite(straight[[0, 1, 3]]).all()
    edge = TRUE.straight(np.array([[640, 360, 0, 1]], np.float32), SIZE)
    np.testing.assert_allclose(straight[0, :2] - edge[0, :2], (60, 40), atol=0.01)
    assert np.isnan(straight[2, 0])


def test_a_lens_without_distortion_changes_nothing() -> None:
    lens = Lens(SIZE, TRUE.matrix, (0, 0, 0, 0, 0))
    landmarks = np.random.default_rng(0).uniform(0, 300, (33, 4)).astype(np.float32)
    np.testing.assert_allclose(lens.straight(landmarks, SIZE), landmarks, atol=1e-3)


@pytest.mark.parametrize(("size", "fits"), [((1280, 720), True), ((640, 480), False), ((320, 180), True)])
def test_only_pictures_of_the_same_shape_fit(size: tuple[int, int], fits: bool) -> None:
    assert TRUE.fits(size) == fits


def test_too_few_views_or_too_little_of_the_picture_is_refused() -> None:
    with pytest.raises(LensError, match="7 different places; 8 are needed"):
        measure(views()[:7], SIZE)
    left = [view for view in views() if view.corners[:, 0].max() < 400]
    with pytest.raises(LensError, match=r"of the picture; 60% is needed: move it to the right"):
        measure((left * 8)[:8], SIZE)


def test_a_bent_board_is_refused() -> None:
    rng = np.random.default_rng(0)
    wrong = [
        View(view.corners + rng.normal(0, 3, view.corners.shape).astype(np.float32), view.ids)
        for view in views()
    ]
    with pytest.raises(LensError, match=r"pixels off, 0\.50 may be"):
        measure(wrong, SIZE)


def test_one_bad_view_is_left_out() -> None:
    first = views()[0]
    shifted = first.corners.copy()
    shifted[::2] += 25
    found = measure((*views(), View(shifted, first.ids)), SIZE)
    assert found.views == len(views()) and found.error_px < 0.5


def test_views_of_the_same_place_are_no_news() -> None:
    first, second = views()[0], views()[-1]
    moved = View(first.corners + 3, first.ids)
    assert not first.differs(moved, SIZE) and first.differs(second, SIZE)


def test_what_is_missing_is_told() -> None:
    cells = covered([View(np.array([[5, 5], [600, 100]], np.float32), np.array([0, 1], np.int32))], SIZE)
    assert cells.sum() == 2 and cells[0, 0] and cells[1, 7]
    missing = np.zeros((5, 8), bool)
    missing[:, -2:] = True
    assert missing_part(missing) == "to the right"
    assert missing_part(missing[:, ::-1]) == "to the left"


def test_the_finder_sees_no_board_where_there_is_none() -> None:
    assert BoardFinder()(np.zeros((100, 100, 3), np.uint8)) is None
    assert board().getChessboardSize() == (8, 5)
