"""Which frame each part is drawn from: the best choice of all, steady from picture to picture."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines.doll.bank import Bank, Frame
from engines.doll.choice import (
    AT_CAMERA,
    COARSE,
    COVERED,
    CUT,
    FOLLOW,
    FOLLOWING,
    LACKING,
    LEAVING,
    MOVED,
    STAY,
    UNCOVERED,
    Chooser,
    Drawing,
    choose,
    in_order,
)
from engines.doll.cutting import View, label
from engines.doll.drawing import Doll
from engines.doll.parts import COUNT, HEAD, NAMES, PARENTS, TABLE, TORSO, directions, distance
from engines.skeleton import Landmark as L
from tests.engines.doll.dolls import (
    FRONT,
    HEIGHT,
    LEFT_HAND,
    OWN_WIDTHS,
    SIZE,
    WIDE,
    arm_before_chest,
    bank_of,
    body_of,
    dressed,
    facing,
    frame_of,
    open_handed,
    standing,
    view_of,
)

Frames = NDArray[np.int64]
ARM = NAMES.index("left upper arm")


@lru_cache
def made_up(count: int, seed: int) -> Bank:
    """A bank of which all that is known of its frames is random."""
    random = np.random.default_rng(seed)
    bank = bank_of(*[FRONT] * count, numbers=[int(each) for each in random.choice(20, count, replace=False)])
    shape = (count, COUNT)
    bank.directions = np.stack([directions(random.normal(size=(33, 4)), TABLE) for _ in range(count)])
    bank.lack, bank.leaving = random.random(shape) ** 4, random.random(shape)
    bank.covers, bank.at_camera = 0.02 * random.random(shape), random.random(shape)
    bank.heights = HEIGHT * random.uniform(0.7, 1.2, count)
    return bank


def cost_of(
    bank: Bank, landmarks: NDArray[np.float32], choices: Frames, current: Frames | None
) -> NDArray[np.float64]:
    """(N,): what choices (N, P) cost together, counted part by part."""
    own, total = directions(landmarks.astype(float), TABLE), np.zeros(len(choices))
    for part in range(COUNT):
        frames = choices[:, part]
        apart = distance(bank.directions, own)[:, part]
        cost = apart + LACKING * bank.lack[:, part]
        cost = cost + UNCOVERED * COVERED * bank.covers[:, part] * np.clip(apart / MOVED, 0, 1)
        cost = cost + COARSE * np.maximum(np.log(HEIGHT / bank.heights), 0)
        if current is not None:
            ahead = bank.numbers - bank.numbers[current[part]]
            cost[ahead == 0] -= STAY
            cost[(ahead > 0) & (ahead <= FOLLOWING)] -= FOLLOW
        total += cost[frames]
        if part != TORSO:
            parents = choices[:, PARENTS[part]]
            leaves = CUT + LEAVING * bank.leaving[frames, part] + COVERED * bank.covers[parents, part]
            leaves += AT_CAMERA * bank.at_camera[parents, part]
            total += np.where(frames != parents, leaves, 0)
    return total


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("moving", [False, True])
def test_no_choice_of_two_frames_is_better(seed: int, moving: bool) -> None:
    bank, every = made_up(2, seed), np.array(list(itertools.product(range(2), repeat=COUNT)))
    current = np.random.default_rng(seed).integers(0, 2, COUNT) if moving else None
    chosen = choose(bank, FRONT, current=current, height=HEIGHT)
    costs = cost_of(bank, FRONT, every, current)
    assert cost_of(bank, FRONT, chosen[None], current)[0] == pytest.approx(costs.min())
    assert len(every) == 2**COUNT and costs.max() > costs.min() + 1


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_no_random_choice_of_many_frames_is_better(seed: int) -> None:
    bank, random = made_up(9, 3), np.random.default_rng(seed)
    current = random.integers(0, 9, COUNT)
    chosen = choose(bank, FRONT, current=current, height=HEIGHT)
    best = cost_of(bank, FRONT, chosen[None], current)[0]
    near = np.where(random.random((3000, COUNT)) < 0.15, random.integers(0, 9, (3000, COUNT)), chosen)
    far = random.integers(0, 9, (3000, COUNT))
    for others in (near, far):
        assert cost_of(bank, FRONT, others, current).min() >= best - 1e-9


# --- what is chosen ---


def test_a_pose_is_shown_by_its_own_frame() -> None:
    bank = bank_of(FRONT, WIDE)
    assert (choose(bank, FRONT) == 0).all() and (choose(bank, WIDE) == 1).all()


def test_an_arm_that_is_held_otherwise_comes_from_a_frame_of_its_own() -> None:
    bank = bank_of(standing(80, 140, HEIGHT, arms=1.2), standing(80, 140, HEIGHT, arms=2.0))
    pose = standing(80, 140, HEIGHT, arms=1.2)
    for joint in ("ELBOW", "WRIST", "INDEX", "PINKY", "THUMB"):
        pose[L[f"LEFT_{joint}"]] = standing(80, 140, HEIGHT, arms=2.0)[L[f"LEFT_{joint}"]]
    chosen = dict(zip(NAMES, choose(bank, pose).tolist(), strict=True))
    for side, frame in (("left", 1), ("right", 0)):
        assert {chosen[f"{side} {part}"] for part in ("forearm", "hand")} == {frame}


def test_a_hand_that_is_turned_over_comes_from_another_frame() -> None:
    palm, back = open_handed(FRONT), open_handed(FRONT, inwards=True)
    bank = bank_of(palm, back)
    for row, pose in enumerate((palm, back)):
        assert choose(bank, pose)[LEFT_HAND] == row
    mixed = palm.copy()
    mixed[[L.LEFT_INDEX, L.LEFT_PINKY]] = palm[[L.LEFT_PINKY, L.LEFT_INDEX]]
    bank.lack[1, TORSO] = 0.3 / LACKING  # all else is the other one's
    chosen = choose(bank, mixed)
    assert chosen[LEFT_HAND] == 1 and chosen[TORSO] == chosen[HEAD] == 0


def test_a_frame_that_hides_a_part_is_not_chosen_for_it() -> None:
    view = view_of(WIDE, number=1000)
    wrist = WIDE[L.LEFT_WRIST, :2].round().astype(int)
    view.alpha[wrist[1] - 14 : wrist[1] + 14, wrist[0] - 14 : wrist[0] + 14] = 0
    bank = Bank([frame_of(view_of(FRONT)), frame_of(view)], OWN_WIDTHS, body_of(FRONT))
    chosen = choose(bank, WIDE)
    assert chosen[LEFT_HAND] == 0 and chosen[NAMES.index("right hand")] == 1


def test_an_arm_before_the_body_is_taken_with_the_body() -> None:
    crossed = arm_before_chest(FRONT)
    bank = bank_of(crossed, FRONT)
    assert (choose(bank, crossed) == 0).all()
    bank.lack[0, TORSO] = 0.2 / LACKING  # less than what it costs that the arm leaves its shirt
    chosen = choose(bank, crossed)
    assert chosen[TORSO] == chosen[NAMES.index("left forearm")] == 0


def test_a_frame_filmed_from_afar_is_chosen_last() -> None:
    bank = bank_of(FRONT, FRONT)
    bank.heights[0] = 0.5 * HEIGHT
    assert (choose(bank, FRONT) == 1).all()
    assert (choose(bank, FRONT, height=0.5 * HEIGHT) == 0).all(), "both will do"


@settings(max_examples=20)
@given(st.lists(st.booleans(), min_size=9, max_size=9).filter(any), st.booleans())
def test_frames_that_are_not_allowed_are_not_used(allowed: list[bool], moving: bool) -> None:
    current = np.arange(COUNT) % 9 if moving else None
    chosen = choose(made_up(9, 3), FRONT, allowed=np.array(allowed), current=current)
    assert np.array(allowed)[chosen].all()


# --- from picture to picture ---


def test_a_part_stays_with_its_frame_until_another_is_clearly_better() -> None:
    low, high = (standing(80, 140, HEIGHT, arms=angle) for angle in (0.5, 1.5))
    bank = bank_of(low, high)
    between = [standing(80, 140, HEIGHT, arms=angle) for angle in (0.97, 1.03)]
    assert [int(choose(bank, pose)[ARM]) for pose in between] == [0, 1], "the better frame changes between"
    for current in (0, 1):
        held = np.full(COUNT, current)
        assert all((choose(bank, pose, current=held) == current).all() for pose in between)
        assert choose(bank, (low, high)[1 - current], current=held)[ARM] == 1 - current


@pytest.mark.parametrize(
    ("ahead", "follows"), [(1, True), (FOLLOWING, True), (FOLLOWING + 1, False), (-1, False)]
)
def test_the_next_frames_of_the_footage_are_followed(ahead: int, follows: bool) -> None:
    bank = bank_of(FRONT, FRONT, FRONT, numbers=[100, 100 + ahead, 500])
    bank.lack[:] = np.array([0.3, 0.5 * FOLLOW, 0.0])[:, None] / LACKING
    current = np.zeros(COUNT, np.int64)
    assert (choose(bank, FRONT) == 2).all()
    assert (choose(bank, FRONT, current=current) == (1 if follows else 2)).all()


def test_a_frame_is_followed_by_the_next_one_only_where_that_shows_the_pose_better() -> None:
    poses = [standing(80, 140, HEIGHT, arms=angle) for angle in (0.5, 0.75, 1.0)]
    bank, current = bank_of(*poses, numbers=[0, 1, 2]), np.zeros(COUNT, np.int64)
    assert (choose(bank, poses[0], current=current) == 0).all()
    assert choose(bank, poses[2], current=current)[ARM] == 2


def test_a_part_fades_into_its_new_frame_over_four_pictures() -> None:
    low, high = (standing(80, 140, HEIGHT, arms=angle) for angle in (0.5, 1.5))
    chooser = Chooser(bank_of(low, high), fade=4)
    first = chooser(low)
    assert (first.frames == 0).all() and (first.share == 1).all()
    shares = []
    for number in range(6):
        drawing = chooser(low if number == 2 else high)  # a fade that has begun goes on
        shares.append(round(float(drawing.share[ARM]), 3))
        assert drawing.frames[ARM] == 1
        assert drawing.before[ARM] == (0 if number < 4 else 1)
    assert shares == [0.2, 0.4, 0.6, 0.8, 1, 1]
    chooser.reset()
    assert (chooser(low).frames == 0).all(), "what was shown is forgotten"


def test_a_frame_that_follows_in_the_footage_is_shown_at_once() -> None:
    low, high = (standing(80, 140, HEIGHT, arms=angle) for angle in (0.5, 1.5))
    chooser = Chooser(bank_of(low, high, numbers=[7, 7 + FOLLOWING]))
    chooser(low)
    drawing = chooser(high)
    assert drawing.frames[ARM] == 1 and (drawing.share == 1).all()


def test_the_first_picture_is_not_faded() -> None:
    drawing = Chooser(bank_of(FRONT, WIDE))(WIDE)
    assert (drawing.share == 1).all() and (drawing.frames == 1).all()
    assert Drawing.of(drawing.frames).order is None


def lit(pose: NDArray[np.float32], light: float, number: int) -> Frame:
    """A frame in another light."""
    picture, mask = dressed(pose)
    view = View(np.asarray(picture * light, np.uint8), mask, pose, HEIGHT, number)
    return Frame(view, label(view, OWN_WIDTHS))


def changes(fade: int) -> list[float]:
    """From picture to picture of a player who turns slowly: how far his trunk is from the last, levels."""
    turns = np.linspace(-50, 50, 50)
    frames = [
        lit(facing(FRONT, float(turn)), light, 1000 * row)
        for row, (turn, light) in enumerate(zip(turns[::12], (1, 0.4, 1, 0.4, 1), strict=True))
    ]
    bank = Bank(frames, OWN_WIDTHS, body_of(FRONT))
    doll, chooser = Doll(bank), Chooser(bank, fade)
    last, found = None, []
    for turn in turns:
        pose, out = facing(FRONT, float(turn)), np.empty((SIZE[1], SIZE[0], 4), np.uint8)
        doll.paint(pose, chooser(pose), out)
        trunk = out[60:76, 76:84, :3].astype(float)  # its middle stands still: what changes is the frame
        if last is not None:
            found.append(float(np.abs(trunk - last).mean()))
        last = trunk
    return found


def test_the_picture_never_jumps() -> None:
    hard, soft = changes(0), changes(4)
    assert max(hard) > 30, "the frames are meant to differ"
    assert max(soft) < max(hard) / 4
    assert np.count_nonzero(np.array(hard) > 20) == 4, "each frame is shown once"


# --- which part is before which ---


def test_parts_change_their_order_where_that_is_clear() -> None:
    left, right = NAMES.index("left forearm"), NAMES.index("right forearm")
    joints = {side: [L[f"{side}_{joint}"] for joint in ("ELBOW", "WRIST")] for side in ("LEFT", "RIGHT")}

    def held(depth: float) -> NDArray[np.float32]:
        pose = FRONT.copy()
        pose[joints["LEFT"], 2] = -depth
        return pose

    def left_is_nearer(order: Frames) -> bool:
        return order.tolist().index(left) > order.tolist().index(right)

    order = in_order(held(-10), HEIGHT)
    assert not left_is_nearer(order) and sorted(order) == list(range(COUNT))
    order = in_order(held(1.0), HEIGHT, order)
    assert not left_is_nearer(order) and left_is_nearer(in_order(held(1.0), HEIGHT))
    order = in_order(held(10), HEIGHT, order)
    assert left_is_nearer(order)
    assert left_is_nearer(in_order(held(-1.0), HEIGHT, order))
    np.testing.assert_array_equal(
        in_order(held(10), HEIGHT, in_order(held(10), HEIGHT)), in_order(held(10), HEIGHT)
    )


def test_a_chooser_says_in_which_order() -> None:
    chooser = Chooser(bank_of(FRONT))
    for pose in (FRONT, arm_before_chest(FRONT)):
        order = chooser(pose).order
        assert order is not None and sorted(order) == list(range(COUNT))
    assert order.tolist().index(NAMES.index("left forearm")) > order.tolist().index(TORSO)
