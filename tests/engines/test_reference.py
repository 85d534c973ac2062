"""The paper doll on a CPU: parts, maps, choice of views, painting; on a player who is drawn."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from calibration.body import measure_body
from engines.body import Body, Stance
from engines.body_parts import NAMES, PARTS, TABLE, depths, fit, points_of
from engines.reference import References, View, cut_up, outline, sharpened, standing_px, visible_areas
from engines.skeleton import Landmark as L
from tests.packs import paint, standing

SIZE = (160, 160)
HEIGHT = 100.0


def body_of(landmarks: NDArray[np.float32], height: float = HEIGHT) -> Body:
    """A body that is `height` high wherever it stands."""
    stance = Stance(140.0, height)
    return replace(measure_body(np.stack([landmarks] * 30)), near=stance, far=stance)


def view_of(landmarks: NDArray[np.float32], height: float = HEIGHT, size: tuple[int, int] = SIZE) -> View:
    picture, mask = paint(np.full((size[1], size[0], 3), 90, np.uint8), landmarks, height)
    return View(picture, mask, landmarks, height)


FRONT = standing(80, 140, HEIGHT, arms=0.7)
WIDE = standing(80, 140, HEIGHT, arms=1.3)
BODY = body_of(FRONT)
BOTH = References([view_of(FRONT), view_of(WIDE)], BODY)
ONE = References([view_of(FRONT)], BODY)


def doll(
    references: References,
    landmarks: NDArray[np.float32],
    *,
    size: tuple[int, int] = SIZE,
    corner: tuple[int, int] = (0, 0),
) -> NDArray[np.uint8]:
    out = np.full((size[1], size[0], 4), 77, np.uint8)
    references.paint(landmarks, references.choose(landmarks), out, corner)
    return out


def moved(landmarks: NDArray[np.float32], x: float, y: float) -> NDArray[np.float32]:
    return landmarks + np.array([x, y, 0, 0], np.float32)


def lying(landmarks: NDArray[np.float32], turn: float) -> NDArray[np.float32]:
    """The person turned about the picture's middle by `turn` radians."""
    cos, sin = np.cos(turn), np.sin(turn)
    out = landmarks.copy()
    out[:, :2] = (landmarks[:, :2] - 80) @ np.array([[cos, sin], [-sin, cos]]) + 80
    return out.astype(np.float32)


def test_the_table_is_sound() -> None:
    for name, part in PARTS.items():
        assert all(name in PARTS[other].neighbours for other in part.neighbours), name
        assert 1 <= len(part.start) <= 2 and 1 <= len(part.end) <= 2
    np.testing.assert_allclose(TABLE.weights.sum(axis=1), 1)


def test_a_player_without_views_is_refused() -> None:
    with pytest.raises(ValueError, match="one view at least"):
        References([], BODY)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_view_whose_landmarks_are_no_numbers_is_refused(bad: float) -> None:
    landmarks = FRONT.copy()
    landmarks[L.LEFT_KNEE, 1] = bad
    view = view_of(FRONT)
    with pytest.raises(ValueError, match="no numbers"):
        References([replace(view, landmarks=landmarks)], BODY)
    for height in (bad, 0.0):
        with pytest.raises(ValueError, match="no numbers"):
            References([replace(view, height=height)], BODY)


def test_a_view_shows_itself() -> None:
    view = view_of(FRONT)
    out, mask = doll(ONE, FRONT), view.alpha == 255
    difference = np.abs(out[..., :3] - sharpened(view.picture, view.alpha))[mask]
    assert 10 * np.log10(255**2 / np.square(difference).mean()) > 40
    assert (out[..., 3][mask] > 250).all() and not out[..., 3][~mask].any()


@settings(deadline=None, max_examples=15)
@given(x=st.integers(-60, 60), y=st.integers(-60, 60))
def test_the_doll_moves_with_the_landmarks(x: int, y: int) -> None:
    out, still = doll(BOTH, moved(FRONT, x, y), size=(320, 320), corner=(-80, -80)), doll(BOTH, FRONT)
    there = out[80 + y : 240 + y, 80 + x : 240 + x]
    assert np.abs(there.astype(int) - still).max() <= 1
    assert out.sum() == there.sum(), "something is left behind"


def test_a_player_twice_as_tall_is_twice_as_large() -> None:
    tall = FRONT * np.array([2, 2, 2, 1], np.float32)
    references = References([view_of(FRONT)], body_of(FRONT, 2 * HEIGHT))
    out = doll(references, tall, size=(320, 320))
    small = out[::2, ::2].astype(int)  # pixel 2 x of the large picture is pixel x of the view
    assert np.abs(small - doll(ONE, FRONT)).max() <= 2


@settings(deadline=None, max_examples=15)
@given(x=st.integers(-40, 120), y=st.integers(-40, 120), turn=st.floats(0, 6.3))
def test_a_window_shows_what_the_whole_shows_there(x: int, y: int, turn: float) -> None:
    landmarks = lying(FRONT, turn)
    whole = doll(BOTH, landmarks, size=(320, 320), corner=(-80, -80))
    window = doll(BOTH, landmarks, size=(64, 48), corner=(x, y))
    difference = np.abs(window.astype(int) - whole[y + 80 : y + 128, x + 80 : x + 144])
    assert difference.mean() < 0.5  # coordinates are rounded to a 32nd of a pixel from the window's corner


@settings(deadline=None, max_examples=60)
@given(
    arrays(np.float32, (33, 4), elements=st.floats(-300, 600, width=32)),
    st.tuples(st.integers(-2000, 2000), st.integers(-2000, 2000)),
)
def test_any_landmarks_can_be_painted(landmarks: NDArray[np.float32], corner: tuple[int, int]) -> None:
    out = doll(BOTH, landmarks, size=(64, 48), corner=corner)
    assert (out[..., :3] <= out[..., 3:].astype(int) + 1).all(), "it is not premultiplied"


@pytest.mark.parametrize("far", [1e6, 1e18, 3e38])
def test_landmarks_out_of_all_bounds_can_be_painted(far: float) -> None:
    with np.errstate(all="ignore"):
        for landmarks in (
            FRONT * np.float32(far),
            moved(FRONT, far, -far),
            np.full((33, 4), far, np.float32),
        ):
            doll(BOTH, np.nan_to_num(landmarks), size=(64, 48))


def test_limbs_without_a_length_do_no_harm() -> None:
    landmarks = FRONT.copy()
    landmarks[L.LEFT_ELBOW] = landmarks[L.LEFT_WRIST] = landmarks[L.LEFT_SHOULDER]
    driven = points_of(landmarks.astype(float), TABLE)
    view = points_of(np.repeat(FRONT[None].astype(float), len(NAMES), 0), TABLE)
    view = type(view)(*(each[range(len(NAMES)), range(len(NAMES))] for each in view))
    maps = np.stack(fit(driven, view, np.array(HEIGHT), np.full(len(NAMES), HEIGHT), TABLE))
    assert np.isfinite(maps).all()
    assert doll(ONE, landmarks)[..., 3].any()
    assert not doll(ONE, np.zeros((33, 4), np.float32), corner=(500, 500)).any()


@pytest.mark.parametrize("turn", [np.pi / 2, np.pi, -np.pi / 2])
def test_a_player_who_lies_or_stands_on_his_head_is_turned(turn: float) -> None:
    out, upright = doll(ONE, lying(FRONT, turn)), doll(ONE, FRONT)
    np.testing.assert_allclose(out[..., 3].sum(dtype=float), upright[..., 3].sum(dtype=float), rtol=0.02)
    head = lying(FRONT, turn)[L.NOSE, :2].round().astype(int)
    at_home = FRONT[L.NOSE, :2].round().astype(int)
    np.testing.assert_allclose(out[head[1], head[0]], upright[at_home[1], at_home[0]], atol=3)


def test_a_doll_outside_the_window_leaves_it_clear() -> None:
    assert not doll(BOTH, FRONT, corner=(1000, 0)).any()
    assert not doll(BOTH, FRONT, corner=(0, -1000)).any()


# --- parts ---


def test_every_pixel_of_the_player_is_in_a_part_and_no_other() -> None:
    view = view_of(FRONT)
    covered = np.zeros(view.alpha.shape, np.uint8)
    for sprite in cut_up(view):
        (x, y), (height, width) = sprite.corner, sprite.pixels.shape[:2]
        piece = covered[y : y + height, x : x + width]
        np.maximum(piece, sprite.pixels[..., 3], out=piece)
    np.testing.assert_array_equal(covered, view.alpha)


def test_what_does_not_hang_together_with_a_part_is_not_of_it() -> None:
    """Fingers beside a thigh lie nearer to it than to the knuckles, where the hand's landmarks end."""
    view = view_of(FRONT)
    scrap = (slice(100, 106), slice(140, 146))
    assert not view.alpha[90:116, 130:156].any()
    alpha = view.alpha.copy()
    alpha[scrap] = 255
    with_scrap, without = (References([replace(view, alpha=each)], BODY) for each in (alpha, view.alpha))
    np.testing.assert_array_equal(doll(with_scrap, FRONT), doll(without, FRONT))


def test_a_view_without_the_player_has_empty_parts() -> None:
    view = replace(view_of(FRONT), alpha=np.zeros(SIZE[::-1], np.uint8))
    assert all(not sprite.pixels.any() for sprite in cut_up(view))
    assert not visible_areas(view.alpha, view.landmarks, view.height).any()
    assert not doll(References([view], BODY), FRONT).any()


def test_areas_are_those_of_the_player_at_any_size() -> None:
    view = view_of(FRONT)
    areas = visible_areas(view.alpha, view.landmarks, view.height)
    assert areas.sum() == pytest.approx((view.alpha > 0).sum() / HEIGHT**2, rel=0.02)
    large = view_of(FRONT * np.array([4, 4, 4, 1], np.float32), 4 * HEIGHT, (640, 640))
    np.testing.assert_allclose(
        visible_areas(large.alpha, large.landmarks, large.height), areas, rtol=0.15, atol=5e-4
    )


# --- choice ---


def test_a_pose_is_shown_by_its_own_view() -> None:
    assert (BOTH.choose(FRONT) == 0).all()
    arms = [NAMES.index(name) for name in ("left upper arm", "right forearm")]
    assert (BOTH.choose(WIDE)[arms] == 1).all()


def test_a_part_stays_with_its_view_until_another_is_clearly_better() -> None:
    arm = NAMES.index("left upper arm")
    low, high = (standing(80, 140, HEIGHT, arms=angle) for angle in (0.5, 1.5))
    both = References([view_of(low), view_of(high)], BODY)
    between = [standing(80, 140, HEIGHT, arms=angle) for angle in (0.97, 1.03)]
    assert [int(both.choose(pose)[arm]) for pose in between] == [0, 1], "the better view changes between"
    for current in (0, 1):
        held = np.full(len(NAMES), current)
        assert all(both.choose(pose, held)[arm] == current for pose in between)
        assert both.choose((low, high)[1 - current], held)[arm] == 1 - current


def test_a_view_that_hides_a_part_is_not_chosen_for_it() -> None:
    view = view_of(WIDE)
    alpha = view.alpha.copy()
    wrist = WIDE[L.LEFT_WRIST, :2].round().astype(int)
    alpha[wrist[1] - 14 : wrist[1] + 14, wrist[0] - 14 : wrist[0] + 14] = 0
    references = References([view_of(FRONT), replace(view, alpha=alpha)], BODY)
    chosen = dict(zip(NAMES, references.choose(WIDE), strict=True))
    assert chosen["left hand"] == 0 and chosen["right hand"] == 1


def test_the_standing_height_follows_the_ankles() -> None:
    body = replace(BODY, far=Stance(100.0, 50.0))
    assert standing_px(FRONT, body) == pytest.approx(HEIGHT)
    assert standing_px(moved(FRONT, 0, -20), body) == pytest.approx(75)
    assert standing_px(np.stack([moved(FRONT, 0, -200)]), body) == pytest.approx([50])


@pytest.mark.parametrize("turn", [0.0, 0.6, 2.0])
def test_painting_by_rectangles_is_painting_every_part_on_the_whole_picture(turn: float) -> None:
    """But for rounding: OpenCV samples at steps of 1/32 of a pixel, counted from the rectangle's corner."""
    landmarks = lying(WIDE, turn)
    chosen = BOTH.choose(landmarks)
    height = standing_px(landmarks, BODY)
    whole = np.zeros((SIZE[1], SIZE[0], 4))
    for part in np.argsort(-depths(landmarks.astype(float), height, TABLE), kind="stable"):
        sprite, to_view = BOTH.sprites[chosen[part]][part], BOTH.maps(landmarks, height, chosen)[part]
        to_view[:, 2] -= sprite.corner
        moved = cv2.warpAffine(sprite.pixels, to_view, SIZE, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        whole = moved + whole * (1 - moved[..., 3:] / 255)
    difference = np.abs(doll(BOTH, landmarks) - whole)
    assert difference.mean() < 0.05
    assert difference.max() <= 16


def test_an_outline_holds_all_that_is_not_transparent() -> None:
    for sprite in BOTH.sprites[0]:
        corners = outline(sprite)
        assert cv2.isContourConvex(corners.astype(np.float32))
        for y, x in np.argwhere(sprite.pixels[..., 3]).tolist():
            place = (float(x + sprite.corner[0]), float(y + sprite.corner[1]))
            assert cv2.pointPolygonTest(corners.astype(np.float32), place, True) >= 1 - 1e-3
