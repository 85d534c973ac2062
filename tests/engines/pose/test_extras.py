from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from engines.extras import FACE_PART, LEFT_HAND, PARTS, POINTS, RIGHT_HAND, face_rows
from engines.pose.detector import Detector
from engines.pose.extras import Extras, is_same_hand
from engines.pose.hands import PALM_SIZE, PALM_STRIDES, PalmDetector
from engines.pose.landmarks import LandmarkNet
from engines.pose.region import Region
from engines.skeleton import Landmark as L

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@pytest.fixture(scope="module")
def real_extras() -> Extras:
    return Extras()


@pytest.fixture
def extras(real_extras: Extras) -> Extras:
    real_extras.reset()
    return real_extras


@pytest.fixture(scope="module")
def photograph() -> Bytes:
    """A real face, 512x512 (NASA, public domain; it comes with scikit-image)."""
    return np.ascontiguousarray(data.astronaut()[..., ::-1])


def pose_of(frame: Bytes, detector: Detector, net: LandmarkNet) -> Floats:
    return net(frame, detector(frame)[0].region).landmarks


def test_the_fans_hands_and_face_lie_where_her_pose_has_them(
    extras: Extras, fan_frames: list[Bytes], detector: Detector, landmark_net: LandmarkNet
) -> None:
    found, far = np.zeros(len(PARTS)), 0
    for frame in fan_frames[:12]:
        pose = pose_of(frame, detector, landmark_net)
        points = extras(frame, pose)
        assert points.shape == (POINTS, 4) and points.dtype == np.float32
        for index, part in enumerate(PARTS.values()):
            confidence = points[part, 3]
            assert (confidence == 0).all() or (confidence >= 0.5).all()
            assert confidence.any() or not points[part].any()
            found[index] += confidence.any()
        for part, wrist, index in (
            (LEFT_HAND, L.LEFT_WRIST, L.LEFT_INDEX),
            (RIGHT_HAND, L.RIGHT_WRIST, L.RIGHT_INDEX),
        ):
            if points[part, 3].any():
                length = np.linalg.norm(pose[index, :2] - pose[wrist, :2])
                far += np.linalg.norm(points[part][0, :2] - pose[wrist, :2]) >= length
        if points[FACE_PART, 3].any():
            eyes = [points[list(face_rows()[f"{side} eye"]), :2].mean(axis=0) for side in ("left", "right")]
            width = np.linalg.norm(pose[L.LEFT_EYE, :2] - pose[L.RIGHT_EYE, :2])
            assert np.linalg.norm(eyes[0] - pose[L.LEFT_EYE, :2]) < 0.4 * width
            assert np.linalg.norm(eyes[1] - pose[L.RIGHT_EYE, :2]) < 0.4 * width
    assert (found >= 10).all(), found
    assert far <= 1, "a hand of 24 may be misread"


def test_a_real_face_is_found_upright_and_lying(
    extras: Extras, photograph: Bytes, detector: Detector, landmark_net: LandmarkNet
) -> None:
    upright = extras(photograph, pose_of(photograph, detector, landmark_net))
    assert (upright[FACE_PART, 3] > 0.9).all()
    lying = np.ascontiguousarray(np.rot90(photograph))  # (x, y) → (y, 512 - x)
    extras.reset()
    turned = extras(lying, pose_of(lying, detector, landmark_net))
    expected = np.stack([upright[:, 1], 512 - upright[:, 0]], axis=1)[FACE_PART]
    size = np.ptp(expected, axis=0).max()
    assert np.linalg.norm(turned[FACE_PART, :2] - expected, axis=1).mean() < 0.05 * size


def test_a_face_too_small_is_left_out(
    extras: Extras, photograph: Bytes, detector: Detector, landmark_net: LandmarkNet
) -> None:
    pose = pose_of(photograph, detector, landmark_net)
    small = cv2.resize(photograph, (64, 64), interpolation=cv2.INTER_AREA)
    pose[:, :3] /= 8
    assert not extras(np.asarray(small, np.uint8), pose)[FACE_PART].any()


def test_without_a_person_or_on_an_empty_picture_nothing_is_seen(
    extras: Extras, fan_frames: list[Bytes], detector: Detector, landmark_net: LandmarkNet
) -> None:
    assert not extras(fan_frames[0], None).any()
    pose = pose_of(fan_frames[0], detector, landmark_net)
    assert not extras(np.full_like(fan_frames[0], 90), pose).any()
    assert not extras(fan_frames[0], np.full((33, 4), np.nan, np.float32)).any()


def test_the_palm_detectors_anchors_are_as_many_as_its_boxes() -> None:
    assert sum(count * (PALM_SIZE // stride) ** 2 for stride, count in PALM_STRIDES) == 2016


def test_a_palm_is_found_where_the_hand_is(
    fan_frames: list[Bytes], detector: Detector, landmark_net: LandmarkNet
) -> None:
    pose = pose_of(fan_frames[0], detector, landmark_net)
    wrist = pose[L.RIGHT_WRIST]
    length = float(np.linalg.norm(pose[L.RIGHT_INDEX, :2] - wrist[:2]))
    found = PalmDetector()(fan_frames[0], Region(float(wrist[0]), float(wrist[1]), 4 * length, 0.0))
    assert found
    assert np.hypot(found[0].x - wrist[0], found[0].y - wrist[1]) < 2 * length


class Follower:
    """A tracker that always sees the same hand."""

    def __init__(self, hand: Floats) -> None:
        self._hand = hand
        self.resets = 0

    def __call__(self, frame: Bytes, pose: Floats) -> Floats:
        return self._hand

    def reset(self) -> None:
        self.resets += 1


def test_one_hand_that_both_trackers_follow_is_its_own_arms(
    extras: Extras, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = np.random.default_rng(0).uniform(100, 160, (21, 4)).astype(np.float32)
    hand[:, 3] = 0.9
    left, right = Follower(hand), Follower(hand + np.array([3, 2, 0, 0], np.float32))
    apart = hand + np.array([40, 0, 0, 0], np.float32)
    assert is_same_hand(hand, right(np.zeros((9, 9, 3), np.uint8), hand)) and not is_same_hand(hand, apart)
    monkeypatch.setattr(extras, "_left", left)
    monkeypatch.setattr(extras, "_right", right)
    pose = np.ones((33, 4), np.float32)
    pose[L.LEFT_WRIST, :2] = hand[0, :2] + 30
    pose[L.RIGHT_WRIST, :2] = hand[0, :2] + 5
    found = extras(np.zeros((240, 320, 3), np.uint8), pose)
    assert not found[LEFT_HAND].any() and found[RIGHT_HAND, 3].all()
    assert (left.resets, right.resets) == (1, 0)
