from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.skeleton import Landmark
from tests.packs import paint, standing, textured_plate
from tools.matte import matte, zone

SIZE = (256, 256)
STANDING_PX = 190.0


@pytest.fixture
def person() -> NDArray[np.float32]:
    return standing(128, 230, STANDING_PX, arms=1.2)


def test_the_zone_covers_the_body_and_no_more(person: NDArray[np.float32]) -> None:
    _, mask = paint(np.zeros((*SIZE[::-1], 3), np.uint8), person, STANDING_PX)
    covered = zone(person, SIZE, STANDING_PX)
    assert covered.shape == SIZE[::-1] and set(np.unique(covered)) == {0, 255}
    assert (covered[mask > 0] > 0).all()
    assert (covered > 0).sum() < 4 * (mask > 0).sum()
    assert not covered[180:, :60].any() and not covered[:60, :80].any()
    wider = zone(person, SIZE, STANDING_PX, widen=1.5)
    assert (wider[covered > 0] > 0).all() and wider.sum() > covered.sum()


def test_the_zone_goes_beyond_the_picture(person: NDArray[np.float32]) -> None:
    far = person + np.array([1e6, 0, 0, 0], np.float32)
    assert not zone(far, SIZE, STANDING_PX).any()
    assert zone(person - np.array([128, 0, 0, 0], np.float32), SIZE, STANDING_PX)[:, 0].any()


def test_the_matte_is_the_person_without_his_shadow(person: NDArray[np.float32]) -> None:
    plate = textured_plate(SIZE)
    shadow = np.zeros(SIZE[::-1], np.uint8)
    cv2.ellipse(shadow, (128, 236), (50, 10), 0, 0, 360, 255, -1)
    darkened = np.where(shadow[..., None] > 0, (plate * 0.65).astype(np.uint8), plate)
    frame, truth = paint(darkened, person, STANDING_PX)
    # The net sees the trunk and misses the arms, as it does.
    segmentation = cv2.GaussianBlur(truth, (0, 0), 3)
    segmentation[:, :90] = segmentation[:, 166:] = 0
    alpha = matte(frame, plate, segmentation, person, STANDING_PX)
    assert alpha.shape == SIZE[::-1] and alpha.dtype == np.uint8
    inside = cv2.erode(truth, np.ones((3, 3), np.uint8)) > 0
    assert (alpha[inside] > 127).mean() > 0.97
    arms = inside.copy()
    arms[:, 90:166] = False
    assert arms.any() and (alpha[arms] > 127).mean() > 0.95
    outside = cv2.dilate(truth, np.ones((9, 9), np.uint8)) == 0
    assert (alpha[outside] > 127).mean() < 0.005
    alone = (shadow > 0) & outside
    assert alone.sum() > 300 and (alpha[alone] > 127).mean() < 0.05


def test_nobody_in_the_picture_has_no_matte(person: NDArray[np.float32]) -> None:
    plate = textured_plate(SIZE)
    beside = person + np.array([1000, 0, 0, 0], np.float32)
    assert not matte(plate, plate, np.zeros(SIZE[::-1], np.uint8), beside, STANDING_PX).any()


def test_a_stranger_far_from_the_body_is_left_out(person: NDArray[np.float32]) -> None:
    plate = textured_plate(SIZE)
    small = person.copy()
    small[:, :2] = standing(70, 230, STANDING_PX)[:, :2]
    frame, truth = paint(plate, small, STANDING_PX)
    frame[150:200, 200:230] = 255
    segmentation = truth.copy()
    segmentation[150:200, 200:230] = 255
    alpha = matte(frame, plate, segmentation, small, STANDING_PX)
    assert not alpha[150:200, 200:230].any()
    assert alpha[int(small[Landmark.LEFT_HIP, 1]), 70] > 200


def test_where_the_plate_is_a_guess_the_net_decides(person: NDArray[np.float32]) -> None:
    plate = textured_plate(SIZE)
    frame, truth = paint(plate, person, STANDING_PX)
    guess, unseen = plate.copy(), np.zeros(SIZE[::-1], bool)
    unseen[:, 100:156] = True
    guess[unseen] = 255 - guess[unseen]
    segmentation = cv2.GaussianBlur(truth, (0, 0), 2)
    fooled, told = (matte(frame, guess, segmentation, person, STANDING_PX, known) for known in (None, unseen))
    outside = (cv2.dilate(truth, np.ones((9, 9), np.uint8)) == 0) & unseen
    assert (fooled[outside] > 127).mean() > 0.05
    assert (told[outside] > 127).mean() < 0.01
    assert (told[cv2.erode(truth, np.ones((3, 3), np.uint8)) > 0] > 127).mean() > 0.97


def test_the_soft_edge_is_the_share_of_the_person_in_the_mixture(person: NDArray[np.float32]) -> None:
    plate = textured_plate(SIZE)
    _, truth = paint(plate, person, STANDING_PX)
    share = cv2.GaussianBlur(truth, (0, 0), 1.2).astype(np.float32)[..., None] / 255
    colour = np.array([40, 30, 220], np.float32)
    frame = (colour * share + plate * (1 - share)).round().astype(np.uint8)
    alpha = matte(frame, plate, truth, person, STANDING_PX)[..., None].astype(np.float32) / 255
    again = colour * alpha + plate * (1 - alpha)
    edge = (share[..., 0] > 0.05) & (share[..., 0] < 0.95)
    assert np.abs(alpha - share)[edge].mean() < 0.1
    assert np.abs(again - frame)[edge].mean() < 12


def test_the_scene_between_two_fingers_is_no_part_of_them(person: NDArray[np.float32]) -> None:
    plate = textured_plate(SIZE)
    frame, truth = paint(plate, person, STANDING_PX)
    knee = person[Landmark.LEFT_KNEE, :2].astype(int)
    gap = np.zeros(SIZE[::-1], np.uint8)
    cv2.ellipse(gap, (int(knee[0]), int(knee[1]) + 6), (2, 5), 0, 0, 360, 255, -1)
    leg = [Landmark.LEFT_KNEE, Landmark.LEFT_ANKLE, Landmark.LEFT_HEEL, Landmark.LEFT_TOE]
    beside = person.copy()
    beside[leg, 0] += 12  # a gap is where no bone is
    frame[gap > 0] = plate[gap > 0]
    segmentation = np.where(cv2.dilate(gap, np.ones((5, 5), np.uint8)) > 0, 60, truth).astype(np.uint8)
    alpha = matte(frame, plate, segmentation, beside, STANDING_PX)
    assert truth[gap > 0].min() == 255
    assert np.median(alpha[gap > 0]) < 64


def test_where_a_bone_lies_off_the_body_there_is_no_matte(person: NDArray[np.float32]) -> None:
    plate = textured_plate(SIZE)
    frame, truth = paint(plate, person, STANDING_PX)
    misread = person.copy()
    misread[[Landmark.LEFT_ELBOW, Landmark.LEFT_WRIST, Landmark.LEFT_INDEX], 1] -= 24
    alpha = matte(frame, plate, truth, misread, STANDING_PX)
    outside = cv2.dilate(truth, np.ones((15, 15), np.uint8)) == 0
    assert zone(misread, SIZE, STANDING_PX, widen=0.25)[outside].any()
    assert (alpha[outside] < 127).all()


def test_a_hand_is_kept_where_its_arm_looks_like_the_scene(person: NDArray[np.float32]) -> None:
    plate = textured_plate(SIZE)
    frame, truth = paint(plate, person, STANDING_PX)
    elbow, wrist = (person[each, :2] for each in (Landmark.LEFT_ELBOW, Landmark.LEFT_WRIST))
    band = np.zeros(SIZE[::-1], np.uint8)
    cv2.circle(band, tuple((0.5 * (elbow + wrist)).astype(int).tolist()), 14, 255, -1)
    frame[band > 0] = plate[band > 0]
    segmentation = truth.copy()
    segmentation[:, int(elbow[0]) :] = 0  # the net misses the arm
    alpha = matte(frame, plate, segmentation, person, STANDING_PX)
    assert alpha[int(wrist[1]), int(wrist[0])] > 200
