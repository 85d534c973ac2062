from __future__ import annotations

import math

import numpy as np
import pytest

from engines.pose.landmarks import PersonMask, project, refine
from engines.pose.region import Region


def blank(count: int = 1) -> np.ndarray:
    return np.full((count, 64, 64), -80, np.float32)


def test_refinement_goes_to_the_centre_of_mass() -> None:
    heatmap = blank()
    heatmap[0, 20, 30] = heatmap[0, 20, 32] = 20.0
    moved = refine(np.array([[29.5 / 64, 21.5 / 64]], np.float32), heatmap)
    np.testing.assert_allclose(moved, [[31 / 64, 20 / 64]], atol=1e-5)


def test_refinement_looks_four_cells_far_and_no_farther() -> None:
    point = np.array([[20.5 / 64, 20.5 / 64]], np.float32)
    near, far = blank(), blank()
    near[0, 20, 24] = far[0, 20, 25] = 20.0
    assert refine(point, near)[0, 0] == pytest.approx(24 / 64)
    np.testing.assert_array_equal(refine(point, far), point)


def test_no_confidence_no_move() -> None:
    heatmap = blank()
    heatmap[0, 20, 20] = -0.1  # below a half
    point = np.array([[19.5 / 64, 20.5 / 64]], np.float32)
    np.testing.assert_array_equal(refine(point, heatmap), point)


@pytest.mark.parametrize("point", [(-0.5, 0.5), (0.5, 1.0), (math.nan, 0.5), (1e30, 0.5)])
def test_points_outside_of_the_crop_stay(point: tuple[float, float]) -> None:
    points = np.array([point], np.float32)
    np.testing.assert_array_equal(refine(points, np.full((1, 64, 64), 9, np.float32)), points)


def test_the_window_is_cut_at_the_edge() -> None:
    heatmap = blank()
    heatmap[0, 0, 0] = 20.0
    moved = refine(np.array([[1.5 / 64, 0.5 / 64]], np.float32), heatmap)
    np.testing.assert_allclose(moved, [[0, 0]], atol=1e-6)


def test_projection_turns_with_the_region() -> None:
    points = np.full((35, 5), 0.5, np.float32)
    points[0] = [0.5, 0.0, 0.1, 0.9, 1.0]  # the middle of the crop's upper edge
    world = np.zeros((33, 3), np.float32)
    world[0] = [0, -1, 0.5]
    raw = project(points, world, 0.8, Region(100, 50, 40, math.pi / 2))
    np.testing.assert_allclose(raw.landmarks[0], [120, 50, 4, 0.9], atol=1e-5)
    np.testing.assert_allclose(raw.landmarks[1, :2], [100, 50], atol=1e-5)
    np.testing.assert_allclose(raw.world[0], [1, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(raw.aux, [[100, 50]] * 2, atol=1e-5)
    assert raw.landmarks.shape == (33, 4)
    assert raw.landmarks.dtype == raw.world.dtype == raw.aux.dtype == np.float32
    assert raw.is_finite


def test_a_nan_anywhere_is_noticed() -> None:
    points = np.full((35, 5), 0.5, np.float32)
    points[34, 1] = np.nan
    assert not project(points, np.zeros((33, 3), np.float32), 0.8, Region(0, 0, 10, 0)).is_finite
    assert not project(
        np.zeros((35, 5), np.float32), np.zeros((33, 3), np.float32), math.nan, Region(0, 0, 10, 0)
    ).is_finite


def test_a_mask_is_cut_where_it_ends_at_the_rim_inside_the_frame() -> None:
    logits = np.full((256, 256), -10, np.float32)
    logits[40:, 100:140] = 10  # down to the lower rim
    mask = PersonMask(logits, Region(200, 200, 256, 0).to_frame(256))
    assert mask.is_cut((400, 400))
    assert not mask.is_cut((400, 328))  # where the frame ends too
    logits[-1] = -10
    assert not mask.is_cut((400, 400))
