from __future__ import annotations

import numpy as np
import pytest

from calibration.body import measure_body
from engines.skeleton import Landmark
from tests.packs import standing
from tools.evaluate.regions import FACE_SHARE, HAND_SHARE, face_window, hands_mask, person_window
from tools.scores.pictures import MS_SSIM_SMALLEST

POSES = np.stack([standing(200 + x, 400, 300) for x in np.linspace(-20, 20, 30)])
BODY = measure_body(POSES)


def test_the_face_is_a_box_of_the_bodys_size_about_the_head() -> None:
    pose = standing(200, 400, 300)
    rows, columns = face_window(pose, BODY, (512, 512))
    nose = pose[Landmark.NOSE]
    assert rows.start < nose[1] < rows.stop and columns.start < nose[0] < columns.stop
    for side in (rows.stop - rows.start, columns.stop - columns.start):
        assert side == pytest.approx(FACE_SHARE * BODY.near.height, abs=2)
    turned = pose.copy()
    turned[:11, 0] = nose[0]
    again = face_window(turned, BODY, (512, 512))
    assert again[1].stop - again[1].start == columns.stop - columns.start, "turning does not shrink it"


def test_a_face_at_the_edge_is_cut_and_one_outside_is_none() -> None:
    pose = standing(200, 400, 300)
    pose[:, 0] -= pose[Landmark.NOSE, 0] - 5
    rows, columns = face_window(pose, BODY, (512, 512))
    assert columns.start == 0 and columns.stop < rows.stop - rows.start
    pose[:, 0] -= 60
    assert face_window(pose, BODY, (512, 512)) is None


def test_the_hands_are_squares_of_the_bodys_size_about_both() -> None:
    pose = standing(200, 400, 300)
    mask = hands_mask(pose, BODY, (512, 512))
    for wrist, finger in (("LEFT_WRIST", "LEFT_INDEX"), ("RIGHT_WRIST", "RIGHT_PINKY")):
        for joint in (wrist, finger):
            x, y = pose[Landmark[joint], :2].round().astype(int)
            assert mask[y, x]
    side = 2 * HAND_SHARE * BODY.near.height
    assert mask.sum() == pytest.approx(2 * side**2, rel=0.1)
    pose[:, 0] += 500
    assert hands_mask(pose, BODY, (512, 512)) is None


@pytest.mark.parametrize("where", [(slice(0, 40), slice(5, 9)), (slice(470, 512), slice(500, 512))])
def test_the_persons_box_holds_him_and_is_large_enough_to_judge(where: tuple[slice, slice]) -> None:
    mask = np.zeros((512, 512), bool)
    mask[where] = True
    box = person_window(mask)
    assert mask[box].sum() == mask.sum()
    assert mask[box].shape[0] >= MS_SSIM_SMALLEST and mask[box].shape[1] >= MS_SSIM_SMALLEST
    small = np.ones((64, 80), bool)
    assert small[person_window(small)].shape == (64, 80)
