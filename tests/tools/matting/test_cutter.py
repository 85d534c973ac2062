"""The network that is shipped, on frames of the bundled clip."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.landmarks import PersonMask
from engines.pose.tracking.tracker import Pose, PoseTracker
from engines.skeleton import Landmark
from tests.tools.prepare.footage_files import EMPTY, PLAYER, middle
from tools.footage.body_zone import zone
from tools.footage.video import VideoReader
from tools.matting.cutter import Cutter

Picture = NDArray[np.uint8]
HEIGHT = 360.0
BONES = [
    (one, other)
    for side in (0, 1)
    for one, other in (
        (Landmark.LEFT_SHOULDER + side, Landmark.LEFT_ELBOW + side),
        (Landmark.LEFT_SHOULDER + side, Landmark.LEFT_HIP + side),
        (Landmark.LEFT_HIP + side, Landmark.LEFT_KNEE + side),
        (Landmark.LEFT_KNEE + side, Landmark.LEFT_ANKLE + side),
    )
]


@pytest.fixture(scope="module")
def seen() -> list[tuple[Picture, Pose, Picture]]:
    """Five frames, with pose and landmark net's mask."""
    tracker, found = PoseTracker(mask=True, smoothing=None), []
    with VideoReader(PLAYER) as reader:
        for number, (t_ns, whole) in enumerate(itertools.islice(reader, EMPTY, None)):
            if number % 30 == 0:
                frame = square(whole)
                pose = tracker(frame, t_ns)
                assert pose is not None and isinstance(pose.mask, PersonMask)
                found.append((frame, pose, (pose.mask.on_frame((512, 512)) * 255).astype(np.uint8)))
            if number == 120:
                break
    return found


def square(picture: Picture) -> Picture:
    """The middle of a wide picture, 512x512."""
    return np.asarray(cv2.resize(middle(picture), (512, 512), interpolation=cv2.INTER_AREA), np.uint8)


def box(pose: Pose) -> tuple[float, float, float, float]:
    low, high = pose.landmarks[:, :2].min(axis=0) - 30, pose.landmarks[:, :2].max(axis=0) + 30
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


@pytest.mark.parametrize("known_scene", [True, False])
def test_the_body_is_solid_and_the_scene_is_left_out(
    seen: list[tuple[Picture, Pose, Picture]], known_scene: bool
) -> None:
    plate = square(np.asarray(cv2.imread(str(PLAYER.parents[1] / "players/demo/plate.png")), np.uint8))
    scene = (plate, np.full((512, 512), 255, np.uint8)) if known_scene else (None, None)
    cutter = Cutter()
    for frame, pose, mask in seen:
        alpha = cutter(frame, mask, box(pose), *scene)
        assert alpha.shape == (512, 512) and alpha.dtype == np.uint8
        bones = [np.linspace(pose.landmarks[one, :2], pose.landmarks[other, :2], 12) for one, other in BONES]
        x, y = np.concatenate(bones).round().astype(int).T
        assert (alpha[y, x] > 200).mean() > 0.93
        far = zone(pose.landmarks, (512, 512), HEIGHT, widen=2.5) == 0
        assert (alpha[far] > 25).mean() < 0.002
        assert 0.005 < ((alpha > 25) & (alpha < 230)).mean() < 0.08  # an edge, and no fog


def test_a_matte_hardly_changes_where_the_picture_does_not(seen: list[tuple[Picture, Pose, Picture]]) -> None:
    """Noise of two grey levels, and a box that is found a few pixels further."""
    frame, pose, mask = seen[0]
    cutter = Cutter()
    first = cutter(frame, mask, box(pose))
    noise = np.random.default_rng(0).normal(0, 2, frame.shape)
    noisy = np.clip(frame + noise, 0, 255).astype(np.uint8)
    left, top, right, bottom = box(pose)
    second = cutter(noisy, mask, (left - 3, top + 2, right + 2, bottom - 2))
    assert np.abs(first.astype(int) - second).mean() < 0.05 * (first > 127).mean() * 255


def test_a_box_beside_the_picture_holds_nobody() -> None:
    frame = np.zeros((96, 64, 3), np.uint8)
    assert not Cutter()(frame, frame[..., 0], (-90.0, 0.0, -20.0, 50.0)).any()
