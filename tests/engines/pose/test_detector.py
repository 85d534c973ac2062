from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.detector import SIZE, Detector, anchors, decode, overlaps, suppress


def test_anchors() -> None:
    centres = anchors()
    assert centres.shape == (28 * 28 * 2 + 14 * 14 * 2 + 7 * 7 * 6, 2)
    np.testing.assert_allclose(centres[0], [0.5 / 28, 0.5 / 28])
    np.testing.assert_allclose(centres[2], [1.5 / 28, 0.5 / 28])  # two a cell, x first
    np.testing.assert_allclose(centres[-1], [6.5 / 7, 6.5 / 7])


def test_decode_counts_from_the_anchor_in_pixels_of_the_net() -> None:
    raw = np.array([[0, 0, 56, 112, *[0, 0], *[0, -56], *[11.2, 0], *[0, 0]]], np.float32)
    points, scores = decode(raw, np.array([2.0], np.float32), np.array([[0.5, 0.5]], np.float32), 0.0)
    np.testing.assert_allclose(points[0, :2], [[0.375, 0.25], [0.625, 0.75]])
    np.testing.assert_allclose(points[0, 2:], [[0.5, 0.5], [0.5, 0.25], [0.55, 0.5], [0.5, 0.5]])
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-2)))


def test_decode_leaves_out_weak_and_broken_candidates() -> None:
    raw = np.zeros((4, 12), np.float32)
    raw[2, 5] = np.nan
    logits = np.array([-0.1, 0.1, 5.0, np.nan], np.float32)
    points, scores = decode(raw, logits, np.zeros((4, 2), np.float32), 0.0)
    assert points.shape == (1, 6, 2)
    assert scores[0] == pytest.approx(0.525, abs=1e-3)


def box(x: float, y: float, size: float) -> NDArray[np.float32]:
    """(6, 2): a square with its keypoints in its corner."""
    return np.array([[x, y], [x + size, y + size], *[[x, y]] * 4], np.float32)


def test_suppression_averages_one_person_by_score_and_keeps_two_apart() -> None:
    points = np.stack([box(0, 0, 10), box(50, 0, 10), box(1, 0, 10)])
    first, second = suppress(points, np.array([0.9, 0.6, 0.3], np.float32))
    np.testing.assert_allclose(first.box, [0.25, 0, 10.25, 10])
    assert first.score == pytest.approx(0.9)
    np.testing.assert_allclose(second.keypoints[0], [50, 0])


def test_suppression_of_nothing_and_of_an_empty_box() -> None:
    assert suppress(np.zeros((0, 6, 2), np.float32), np.zeros(0, np.float32)) == []
    assert len(suppress(np.zeros((1, 6, 2), np.float32), np.ones(1, np.float32))) == 1


def test_overlaps() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]], np.float32)
    np.testing.assert_allclose(overlaps(boxes[0], boxes), [1, 1 / 3, 0], atol=1e-6)


def test_the_fan_is_found_where_she_is(detector: Detector, fan_frames: list[NDArray[np.uint8]]) -> None:
    (found,) = detector(fan_frames[0])
    assert found.score > 0.9
    hips, _, shoulders, _ = found.keypoints
    assert 600 < hips[0] < 680
    assert 400 < hips[1] < 470
    assert 240 < shoulders[1] < 330


def test_two_people_side_by_side(detector: Detector, fan_frames: list[NDArray[np.uint8]]) -> None:
    half = fan_frames[0][:, 320:960]
    people = detector(np.hstack([half, half]))
    left, right = sorted(person.keypoints[0, 0] for person in people)
    assert left == pytest.approx(320, abs=30)
    assert right == pytest.approx(960, abs=30)


@pytest.mark.parametrize("shape", [(1, 1, 3), (SIZE, 3, 3), (40, 1000, 3)])
def test_an_empty_picture_of_any_shape_holds_nobody(detector: Detector, shape: tuple[int, ...]) -> None:
    assert detector(np.zeros(shape, np.uint8)) == []
