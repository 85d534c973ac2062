"""Regions and landmarks of hands and faces are mediapipe's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from engines.pose import face, hands
from engines.pose.face import FaceNet
from engines.pose.hands import HandNet, PalmDetector
from engines.pose.region import Region

solution_base = pytest.importorskip("mediapipe.python.solution_base")

REPOSITORY = Path(__file__).resolve().parents[3]
REAL = REPOSITORY / ".." / "shared" / "data" / "real"
CLIPS = [
    (REPOSITORY / "assets" / "fan_dance.mp4", 40),
    (REAL / "sam2_juggle.mp4", 60),
    (REAL / "terryky_seniors5.mp4", 60),
]
HAND = "handlandmarksleftandrightcpu__"
TRACKED = HAND + "handlandmarksfromposecpu_{}__handtracking__prev_hand_landmarks"
FACE = "facelandmarksfromposecpu__"


def frames(path: Path, start: int, count: int) -> Iterator[NDArray[np.uint8]]:
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_POS_FRAMES, start)
    for _ in range(count):
        read, frame = capture.read()
        assert read
        yield frame
    capture.release()


def pixels(landmarks: Any, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width = frame.shape[:2]
    return np.array(
        [(mark.x * width, mark.y * height, mark.z * width, mark.visibility) for mark in landmarks.landmark],
        np.float32,
    )


def region(rect: Any, frame: NDArray[np.uint8]) -> Region:
    height, width = frame.shape[:2]
    assert rect.width * width == pytest.approx(rect.height * height, rel=1e-4)
    return Region(rect.x_center * width, rect.y_center * height, rect.width * width, rect.rotation)


def assert_same(found: Region, expected: Region) -> None:
    assert found.x == pytest.approx(expected.x, abs=0.1)
    assert found.y == pytest.approx(expected.y, abs=0.1)
    assert found.side == pytest.approx(expected.side, rel=2e-3)
    assert np.sin(found.angle - expected.angle) == pytest.approx(0, abs=5e-3)
    assert np.cos(found.angle - expected.angle) > 0


def assert_close(found: NDArray[np.float32] | None, expected: NDArray[np.float32]) -> None:
    assert found is not None
    distance = np.linalg.norm(found[:, :2] - expected[:, :2], axis=1)
    assert distance.mean() <= 0.1 and distance.max() <= 0.5
    np.testing.assert_allclose(found[:, 2], expected[:, 2], atol=0.5)


@pytest.fixture(scope="module")
def hand_net() -> HandNet:
    return HandNet()


@pytest.fixture(scope="module")
def face_net() -> FaceNet:
    return FaceNet()


@pytest.mark.parametrize(("path", "start"), CLIPS, ids=lambda value: getattr(value, "stem", ""))
def test_regions_and_landmarks_are_those_of_holistic(
    path: Path, start: int, hand_net: HandNet, face_net: FaceNet
) -> None:
    """Every step of the graph is given what the graph itself gave it."""
    streams = [
        "pose_landmarks", "left_hand_landmarks", "right_hand_landmarks", "face_landmarks",
        FACE + "face_tracking_roi", FACE + "facetracking__prev_face_landmarks",
        FACE + "facetracking__prev_face_landmarks_rect",
    ]  # fmt: skip
    for side in ("left", "right"):
        streams += [f"{HAND}{side}_hand_roi_from_pose", f"{HAND}{side}_hand_tracking_roi"]
    for number in (1, 2):
        streams += [TRACKED.format(number), TRACKED.format(number) + "_roi"]
    compared = dict.fromkeys(("arm", "own hand", "hand", "own face", "face"), 0)
    with solution_base.SolutionBase(
        binary_graph_path="mediapipe/modules/holistic_landmark/holistic_landmark_cpu.binarypb",
        side_inputs={
            "model_complexity": 1, "smooth_landmarks": False, "enable_segmentation": False,
            "smooth_segmentation": False, "refine_face_landmarks": False, "use_prev_landmarks": True,
        },
        outputs=streams,
    ) as reference:  # fmt: skip
        for frame in frames(path, start, 3):
            result = reference.process({"image": cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)})
            pose = pixels(result.pose_landmarks, frame)
            for right, side in enumerate(("left", "right")):
                expected = getattr(result, f"{HAND}{side}_hand_roi_from_pose")
                if expected is not None:
                    arm = hands.from_arm(
                        pose, right=bool(right), scale=hands.SEARCH_SCALE, shift=hands.SEARCH_SHIFT
                    )
                    assert arm is not None
                    assert_same(arm, region(expected, frame))
                    compared["arm"] += 1
                before = getattr(result, TRACKED.format(right + 1))
                if before is not None:
                    own = getattr(result, TRACKED.format(right + 1) + "_roi")
                    assert_same(hands.from_landmarks(pixels(before, frame)), region(own, frame))
                    compared["own hand"] += 1
                landmarks = getattr(result, f"{side}_hand_landmarks")
                if landmarks is not None:
                    seen = region(getattr(result, f"{HAND}{side}_hand_tracking_roi"), frame)
                    assert_close(hand_net(frame, seen), pixels(landmarks, frame))
                    compared["hand"] += 1
            before = getattr(result, FACE + "facetracking__prev_face_landmarks")
            if before is not None:
                own = getattr(result, FACE + "facetracking__prev_face_landmarks_rect")
                assert_same(face.from_landmarks(pixels(before, frame)), region(own, frame))
                compared["own face"] += 1
            if result.face_landmarks is not None:
                seen = region(getattr(result, FACE + "face_tracking_roi"), frame)
                assert_close(face_net(frame, seen), pixels(result.face_landmarks, frame))
                compared["face"] += 1
    assert min(compared.values()) >= 2, compared


@pytest.mark.parametrize(("path", "start"), CLIPS[:2], ids=lambda value: getattr(value, "stem", ""))
def test_the_chain_from_the_palm_equals_mediapipes_hands(path: Path, start: int, hand_net: HandNet) -> None:
    solution = pytest.importorskip("mediapipe.python.solutions.hands")
    palms = PalmDetector()
    compared = 0
    with solution.Hands(static_image_mode=True, max_num_hands=4) as reference:
        for frame in frames(path, start, 2):
            height, width = frame.shape[:2]
            top, left = (
                height // 10,
                width // 4,
            )  # the dancer fills the crop: palms are large enough to be found
            frame = np.ascontiguousarray(frame[top : top + height // 2, left : width - left])
            height, width = frame.shape[:2]
            expected = reference.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).multi_hand_landmarks or []
            square = Region(width / 2, height / 2, max(width, height), 0.0)
            found = [hand_net(frame, each) for each in palms.look(frame, square)]
            ours = [hand for hand in found if hand is not None]
            for landmarks in expected:
                theirs = pixels(landmarks, frame)
                assert ours, "mediapipe sees a hand where we see none"
                assert_close(min(ours, key=lambda hand: np.abs(hand - theirs)[:, :2].sum()), theirs)
                compared += 1
    assert compared >= 1


def test_the_face_of_a_photograph_equals_mediapipes_face_mesh(face_net: FaceNet) -> None:
    photograph = np.ascontiguousarray(data.astronaut()[..., ::-1])
    with solution_base.SolutionBase(
        binary_graph_path="mediapipe/modules/face_landmark/face_landmark_front_cpu.binarypb",
        side_inputs={"num_faces": 1, "with_attention": False, "use_prev_landmarks": False},
        outputs=["multi_face_landmarks", "face_rects_from_detections"],
    ) as reference:
        result = reference.process({"image": cv2.cvtColor(photograph, cv2.COLOR_BGR2RGB)})
    (landmarks,) = result.multi_face_landmarks
    (rect,) = result.face_rects_from_detections
    found = face_net(photograph, region(rect, photograph))
    assert_close(found, pixels(landmarks, photograph))
    assert found is not None and found[0, 3] > 0.9
