"""A picture of the player, cut into parts."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.doll.cutting import (
    NARROW,
    NOTHING,
    View,
    label,
    limb_widths,
    reduced,
    seen,
    skirt_of,
)
from engines.doll.parts import ARMS, COUNT, LEGS, NAMES, TORSO, WIDTHS
from engines.doll.sprites import cut_up, sharper
from engines.skeleton import Landmark as L
from tests.engines.doll.dolls import (
    FRONT,
    HEIGHT,
    OWN_WIDTHS,
    SIZE,
    SKIN,
    WIDE,
    arm_before_chest,
    standing,
    view_of,
)

NO_SKIRT = np.zeros(2)
FOREARM, HAND = NAMES.index("left forearm"), NAMES.index("left hand")
LEFT_ARM = [NAMES.index(f"left {name}") for name in ("upper arm", "forearm", "hand")]
CROSSED = arm_before_chest(FRONT)


def sprites_of(view: View, skirt: NDArray[np.float64] = NO_SKIRT) -> list[NDArray[np.uint8]]:
    """Each part's (h, w, 4) at the size of the view."""
    whole = []
    for sprite in cut_up(view, label(view, OWN_WIDTHS), OWN_WIDTHS, skirt):
        (x, y), (height, width) = sprite.corner, sprite.pixels.shape[:2]
        part = np.zeros((*view.alpha.shape, 4), np.uint8)
        part[y : y + height, x : x + width] = sprite.pixels
        whole.append(part)
    return whole


def mask_of(limb: str, landmarks: NDArray[np.float32]) -> NDArray[np.bool_]:
    """A thin line along a limb, away from its ends."""
    ends = {"left forearm": (L.LEFT_ELBOW, L.LEFT_WRIST), "left thigh": (L.LEFT_HIP, L.LEFT_KNEE)}[limb]
    start, end = (landmarks[each, :2] for each in ends)
    line = np.zeros(SIZE[::-1], np.uint8)
    inner = [(start + share * (end - start)).round().astype(int).tolist() for share in (0.3, 0.7)]
    cv2.line(line, *inner, 255, 1)
    return np.asarray(line > 0)


def test_every_pixel_of_the_player_is_in_a_part_and_no_other() -> None:
    for pose in (FRONT, WIDE, CROSSED):
        view = view_of(pose)
        covered = np.max([part[..., 3] for part in sprites_of(view)], axis=0)
        np.testing.assert_array_equal(covered, view.alpha)


def test_parts_are_premultiplied_pieces_of_the_picture() -> None:
    view = view_of(FRONT)
    soft = replace(view, alpha=cv2.GaussianBlur(view.alpha, (0, 0), 1))
    for part in sprites_of(soft):
        alpha = part[..., 3:].astype(int)
        assert np.abs(part[..., :3] - sharper(view.picture, soft.alpha) * (alpha / 255)).max() <= 2


def test_a_sharper_picture_looks_as_sharp_between_its_pixels_as_it_was() -> None:
    random = np.random.default_rng(0)
    picture = cv2.GaussianBlur(random.integers(0, 256, (64, 64, 3), np.uint8), (0, 0), 0.8)
    whole = np.full((64, 64), 255, np.uint8)

    def energy(of: NDArray[np.uint8]) -> float:
        """Of what is seen through places between the pixels, on average."""
        y, x = np.mgrid[4:60, 4:60].astype(np.float32)
        seen = [cv2.remap(of, x + right, y + down, cv2.INTER_LINEAR) for right in shares for down in shares]
        return float(np.mean([np.square(np.diff(each.astype(float), axis=1)).mean() for each in seen]))

    shares = (0.0, 0.25, 0.5, 0.75)
    true = np.square(np.diff(picture[4:60, 4:60].astype(float), axis=1)).mean()
    assert energy(picture) < 0.75 * true
    assert 0.85 * true < energy(sharper(picture, whole)) < 1.1 * true


def test_what_lies_beside_the_player_sharpens_nothing() -> None:
    picture = np.full((20, 20, 3), 90, np.uint8)
    picture[:, 10:] = 250
    alpha = np.where(np.arange(20) < 10, 255, 0).astype(np.uint8)[None].repeat(20, 0)
    np.testing.assert_array_equal(sharper(picture, alpha)[:, :10], picture[:, :10])


def test_a_limb_belongs_to_its_own_part() -> None:
    labels = label(view_of(FRONT), OWN_WIDTHS)
    for limb in ("left forearm", "left thigh"):
        assert (labels.owner[mask_of(limb, FRONT)] == NAMES.index(limb)).all()
    assert labels.owner[70, 80] == TORSO and labels.owner.max() < COUNT


def test_a_hand_reaches_to_the_fingertips() -> None:
    """Its landmarks end at the knuckles."""
    pose = standing(80, 140, HEIGHT, arms=0.15)
    view = view_of(pose)
    knuckles, wrist = pose[L.LEFT_INDEX, :2], pose[L.LEFT_WRIST, :2]
    tips = (knuckles + 0.6 * (knuckles - wrist)).round().astype(int)
    cv2.line(view.alpha, knuckles.round().astype(int).tolist(), tips.tolist(), 255, 3)
    assert label(view, OWN_WIDTHS).owner[tips[1], tips[0]] == HAND
    assert sprites_of(view)[HAND][tips[1], tips[0], 3] == 255


def test_what_does_not_hang_together_with_a_part_is_nobodys() -> None:
    """Fingers beside a thigh lie nearer to it than to the knuckles, where the hand's landmarks end."""
    view = view_of(FRONT)
    scrap = (slice(100, 106), slice(140, 146))
    assert not view.alpha[90:116, 130:156].any()
    alpha = view.alpha.copy()
    alpha[scrap] = 255
    for with_scrap, without in zip(sprites_of(replace(view, alpha=alpha)), sprites_of(view), strict=True):
        np.testing.assert_array_equal(with_scrap, without)


def test_a_view_without_the_player_has_empty_parts() -> None:
    view = replace(view_of(FRONT), alpha=np.zeros(SIZE[::-1], np.uint8))
    labels = label(view, OWN_WIDTHS)
    assert not any(part.any() for part in sprites_of(view))
    assert not seen(view, labels).area.any() and not labels.hidden.any()


# --- an arm before the body ---


def test_an_arm_before_the_body_is_cut_out_of_it() -> None:
    labels = label(view_of(CROSSED), OWN_WIDTHS)
    line = mask_of("left forearm", CROSSED)
    assert (labels.owner[line] == FOREARM).all() and (labels.under[line] == TORSO).all()
    assert (labels.hidden[line] == 1).all()
    clear = label(view_of(WIDE), OWN_WIDTHS)
    assert (clear.under[mask_of("left forearm", WIDE)] == NOTHING).all()


def test_an_arm_behind_the_body_hides_nothing() -> None:
    behind = CROSSED.copy()
    behind[[L.LEFT_ELBOW, L.LEFT_WRIST, L.LEFT_INDEX, L.LEFT_PINKY, L.LEFT_THUMB], 2] = 80
    labels = label(view_of(behind), OWN_WIDTHS)
    line = mask_of("left forearm", CROSSED)
    assert (labels.owner[line] == TORSO).mean() > 0.8 and not labels.hidden[line].any()


def test_the_body_under_an_arm_has_the_colours_that_are_filled_in() -> None:
    view = view_of(CROSSED)
    labels, filled = label(view, OWN_WIDTHS), np.full((*SIZE[::-1], 3), (255, 0, 255), np.uint8)
    torso = cut_up(view, labels, OWN_WIDTHS, NO_SKIRT, filled)[TORSO]
    shown = torso.pixels[torso.pixels[..., 3] == 255][:, :3]
    assert len(shown) > 500 and (shown == (255, 0, 255)).all()
    forearm = cut_up(view, labels, OWN_WIDTHS, NO_SKIRT, filled)[FOREARM]
    colours = forearm.pixels[forearm.pixels[..., 3] == 255][:, :3]
    assert not (colours == (255, 0, 255)).all(axis=1).any(), "an arm's are its own"
    assert np.abs(colours.astype(int) - SKIN).max(axis=1).min() == 0


# --- what a view shows ---


def test_areas_are_those_of_the_player_at_any_size() -> None:
    view = view_of(FRONT)
    areas = seen(view, label(view, OWN_WIDTHS)).area
    assert areas.sum() == pytest.approx((view.alpha > 0).sum() / HEIGHT**2, rel=0.02)
    large = view_of(FRONT * np.array([4, 4, 4, 1], np.float32), height=4 * HEIGHT, size=(640, 640))
    np.testing.assert_allclose(seen(large, label(large, OWN_WIDTHS)).area, areas, rtol=0.15, atol=5e-4)


def test_labels_are_found_in_a_small_picture() -> None:
    large = view_of(FRONT * np.array([4, 4, 4, 1], np.float32), height=4 * HEIGHT, size=(640, 640))
    alpha, landmarks, height = reduced(large)
    assert height == pytest.approx(192) and alpha.shape == (307, 307)
    assert landmarks[L.NOSE, :2] == pytest.approx(large.landmarks[L.NOSE, :2] * 307 / 640)
    assert label(large, OWN_WIDTHS).owner.shape == alpha.shape


def test_what_an_arm_hides_is_counted_of_both() -> None:
    crossed, clear = (seen(view, label(view, OWN_WIDTHS)) for view in map(view_of, (CROSSED, WIDE)))
    assert crossed.hidden[TORSO] > 0.1 > clear.hidden[TORSO]
    assert (crossed.astray[FOREARM], clear.astray[FOREARM]) == (pytest.approx(1, abs=0.3), 0)
    assert not crossed.astray[[part for part in range(COUNT) if part not in ARMS]].any()
    upper, fore, hand = (crossed.covers[part] for part in LEFT_ARM)
    assert upper >= fore >= hand > 0, "with all that hangs on it"
    hidden = label(view_of(CROSSED), OWN_WIDTHS).hidden.sum() / HEIGHT**2
    right = crossed.covers[NAMES.index("right upper arm")]
    assert upper + right == pytest.approx(hidden, rel=0.05)


def crossed_legs(front: str) -> NDArray[np.float32]:
    """Both knees across, each before the other hip; one leg, "left" or "right", is clearly nearer."""
    pose = WIDE.copy()
    pose[[L.LEFT_KNEE, L.RIGHT_KNEE], 0] = pose[[L.RIGHT_KNEE, L.LEFT_KNEE], 0]
    pose[[L.LEFT_ANKLE, L.RIGHT_ANKLE], 0] = pose[[L.RIGHT_ANKLE, L.LEFT_ANKLE], 0]
    near = {"left": (L.LEFT_KNEE, L.LEFT_ANKLE), "right": (L.RIGHT_KNEE, L.RIGHT_ANKLE)}[front]
    pose[list(near), 2] -= 30
    return pose


@pytest.mark.parametrize("front", ["left", "right"])
def test_where_legs_cross_the_nearer_one_is_whole_and_the_other_counts_as_less_seen(front: str) -> None:
    behind = "left" if front == "right" else "right"
    pose = crossed_legs(front)
    view = view_of(pose)
    labels, whole = label(view, OWN_WIDTHS), seen(view_of(WIDE), label(view_of(WIDE), OWN_WIDTHS)).area
    start, end = (pose[L[f"{front.upper()}_{joint}"], :2] for joint in ("HIP", "KNEE"))
    along = [(start + share * (end - start)).round().astype(int) for share in np.linspace(0.2, 0.8, 20)]
    assert {int(labels.owner[y, x]) for x, y in along} == {NAMES.index(f"{front} thigh")}
    area = seen(view, labels).area / whole
    assert area[NAMES.index(f"{front} thigh")] > 0.75 > 0.7 > area[NAMES.index(f"{behind} thigh")]
    share = [
        (each.owner == NAMES.index(f"{front} thigh")).sum()
        for each in (labels, label(view, OWN_WIDTHS, np.ones(2)))
    ]
    assert share[1] < share[0], "under a skirt nobody knows, and they share it"


# --- the player's own measures ---


def test_limbs_are_measured_where_they_are_clear() -> None:
    widths = limb_widths([view_of(standing(80, 140, HEIGHT, arms=arms)) for arms in (1.0, 1.2, 1.4, 1.6)])
    for name, drawn_px in (("left forearm", 6), ("left thigh", 10), ("right shin", 7)):
        assert widths[NAMES.index(name)] * HEIGHT == pytest.approx(drawn_px / 2, abs=0.8), name
    np.testing.assert_array_equal(widths[1:7], widths[7:13])
    assert widths[TORSO] == WIDTHS[TORSO]


def test_limbs_that_are_never_clear_are_the_tables_narrowed() -> None:
    np.testing.assert_allclose(limb_widths([])[1:7], NARROW * WIDTHS[1:7])


@pytest.mark.parametrize("skirt", [False, True])
def test_legs_hang_together_where_the_gap_between_them_is_the_players(skirt: bool) -> None:
    views = []
    for apart in range(8, 18, 2):
        pose = standing(80, 140, HEIGHT, arms=1.2)
        for side, way in (("LEFT", 1), ("RIGHT", -1)):
            joints = [L[f"{side}_{name}"] for name in ("KNEE", "ANKLE", "HEEL", "TOE")]
            pose[joints, 0] += way * np.array([apart, 1.5 * apart, 1.5 * apart, 1.5 * apart], np.float32)
        view = view_of(pose)
        if skirt:
            corners = pose[[L.LEFT_HIP, L.RIGHT_HIP, L.RIGHT_KNEE, L.LEFT_KNEE], :2].round().astype(np.int32)
            cv2.fillConvexPoly(view.alpha, corners, 255)
        views.append(view)
    thighs, shins = skirt_of(views)
    assert (thighs, shins) == (pytest.approx(1 if skirt else 0), 0)
    assert skirt_of([view_of(FRONT)]).tolist() == [0, 0], "nobody can say"


def test_in_a_skirt_both_legs_have_what_lies_between_them() -> None:
    view = view_of(FRONT)
    view.alpha[85:110, 70:90] = 255
    left, right = LEGS[0][0], LEGS[1][0]
    shared = {}
    for share in (0.0, 1.0):
        parts = sprites_of(view, np.array([share, 0]))
        both = np.minimum(parts[left][..., 3], parts[right][..., 3])[85:108]
        shared[share] = int((both == 255).sum())
    assert shared[1.0] > shared[0.0] + 20


def test_what_hangs_between_the_legs_ends_at_the_hem() -> None:
    views = []
    for apart in range(8, 18, 2):
        pose = standing(80, 140, HEIGHT, arms=1.2)
        for side, way in (("LEFT", 1), ("RIGHT", -1)):
            pose[[L[f"{side}_{name}"] for name in ("KNEE", "ANKLE", "HEEL", "TOE")], 0] += way * apart
        view = view_of(pose)
        middle = 0.3 * pose[[L.LEFT_HIP, L.RIGHT_HIP], :2] + 0.7 * pose[[L.LEFT_KNEE, L.RIGHT_KNEE], :2]
        corners = np.array([*pose[[L.LEFT_HIP, L.RIGHT_HIP], :2], middle[1], middle[0]])
        cv2.fillConvexPoly(view.alpha, corners.round().astype(np.int32), 255)
        views.append(view)
    thighs, shins = skirt_of(views)
    assert 0.5 < thighs < 0.85 and shins == 0


def test_a_strip_between_the_legs_reaches_down_to_the_hem_alone() -> None:
    view = view_of(FRONT)
    hip, knee = (int(FRONT[[L[f"LEFT_{name}"]], 1][0]) for name in ("HIP", "KNEE"))
    view.alpha[hip : knee + 8, 72:88] = 255
    left, right = LEGS[0][0], LEGS[1][0]
    parts = sprites_of(view, np.array([0.5, 0]))
    both = (np.minimum(parts[left][..., 3], parts[right][..., 3]) > 200).sum(axis=1)
    rows = hip + (np.array([0.4, 0.75]) * (knee - hip)).astype(int)
    assert both[rows[0]] >= 2 and both[rows[1]] == 0


def test_what_lies_between_an_arm_and_the_trunk_is_the_nearers() -> None:
    pose = standing(80, 140, HEIGHT, arms=0.35)
    view = view_of(pose)
    elbow, shoulder = pose[L.LEFT_ELBOW, :2].astype(int), pose[L.LEFT_SHOULDER, :2].astype(int)
    row = (elbow[1] + shoulder[1]) // 2
    view.alpha[row, shoulder[0] - 4 : elbow[0] + 6] = 255
    owner = label(view, OWN_WIDTHS).owner[row]
    arm = np.flatnonzero(owner == NAMES.index("left upper arm"))
    edge = int(pose[[L.LEFT_SHOULDER, L.LEFT_HIP], 0].max())
    middle = (elbow[0] + shoulder[0]) // 2
    assert arm.min() <= (edge + middle) / 2 + 1 and owner[edge - 3] == TORSO
