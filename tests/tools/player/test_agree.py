"""Labels of a bank's frames are corrected by the other frames."""

from __future__ import annotations

import numpy as np
import pytest

from engines.doll.bank import Bank, Frame
from engines.doll.cutting import NOTHING, Floats, Labels
from engines.doll.parts import ARMS, NAMES, TORSO
from engines.skeleton import Landmark as L
from tests.engines.doll.dolls import (
    FRONT,
    OWN_WIDTHS,
    WIDE,
    arm_before_chest,
    body_of,
    frame_of,
    moved,
    view_of,
)
from tools.player.agree import agreed

THIGH, FOREARM = NAMES.index("left thigh"), NAMES.index("left forearm")
CLEAR = [moved(WIDE, x, 0) for x in (-4, -2, 2, 4)]


def corrected(frame: Frame, poses: list[Floats]) -> Labels:
    """The frame's labels, by frames of other poses."""
    frames = [frame, *(frame_of(view_of(pose, number=1000 + row)) for row, pose in enumerate(poses))]
    return agreed(Bank(frames, OWN_WIDTHS, body_of(FRONT)))[0].labels


def hand_beside_hip() -> Frame:
    """The left hand hangs beside the thigh; all that it hides is taken for the body's."""
    frame = frame_of(view_of(FRONT))
    hip = FRONT[L.LEFT_HIP, :2].astype(int)
    owner, under = frame.labels.owner.copy(), np.full_like(frame.labels.under, NOTHING)
    beside = np.s_[hip[1] + 8 : hip[1] + 16, hip[0] + 4 : hip[0] + 24]
    frame.view.alpha[beside] = 255
    owner[beside], under[beside] = FOREARM, THIGH
    return Frame(frame.view, Labels(owner, under))


def test_there_is_no_body_behind_a_hand_where_others_see_through() -> None:
    frame = hand_beside_hip()
    before, after = (labels.under == THIGH for labels in (frame.labels, corrected(frame, CLEAR)))
    hip = FRONT[L.LEFT_HIP, :2].astype(int)
    assert before[hip[1] + 12, hip[0] + 20] and not after[hip[1] + 12, hip[0] + 16 : hip[0] + 24].any()
    assert after[hip[1] + 12, hip[0] + 5], "there is a thigh"


def test_where_nobody_can_tell_the_players_own_widths_say_it() -> None:
    frame = hand_beside_hip()
    after = agreed(Bank([frame], OWN_WIDTHS, body_of(FRONT)))[0].labels.under == THIGH
    hip = FRONT[L.LEFT_HIP, :2].astype(int)
    assert after[hip[1] + 12, hip[0] + 4 : hip[0] + 6].all() and not after[hip[1] + 12, hip[0] + 16 :].any()


def test_the_chest_goes_on_behind_an_arm() -> None:
    frame = frame_of(view_of(arm_before_chest(FRONT)))
    before, after = frame.labels.under == TORSO, corrected(frame, CLEAR).under == TORSO
    assert before.sum() > 100 and after[before].mean() > 0.9


def test_what_no_other_arm_has_is_not_the_arms() -> None:
    frame = frame_of(view_of(WIDE))
    owner = frame.labels.owner.copy()
    elbow = WIDE[L.LEFT_ELBOW, :2].astype(int)
    hair = np.s_[elbow[1] - 20 : elbow[1] - 12, elbow[0] - 4 : elbow[0] + 4]
    frame.view.alpha[hair] = 255
    owner[hair] = FOREARM
    after = corrected(Frame(frame.view, Labels(owner, frame.labels.under)), CLEAR).owner
    assert (after[hair] == NOTHING).mean() > 0.8
    rest = np.isin(owner, ARMS) & (frame.view.alpha > 0)
    rest[hair] = False
    assert (after[rest] == owner[rest]).mean() > 0.97


@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_few_frames_do_not_cut_an_arm(others: int) -> None:
    frame = frame_of(view_of(WIDE))
    after = corrected(frame, [arm_before_chest(FRONT)] * others)
    np.testing.assert_array_equal(after.owner, frame.labels.owner)


def test_a_leg_is_whole_behind_an_arm_whatever_others_show() -> None:
    """Those who are most alike may stand otherwise, or be cut wrongly."""
    frame = hand_beside_hip()
    hip, knee = (FRONT[L[f"LEFT_{name}"], :2] for name in ("HIP", "KNEE"))
    row = int(hip[1]) + 12
    middle = int(hip[0] + (row - hip[1]) / (knee[1] - hip[1]) * (knee[0] - hip[0]))
    owner, under = frame.labels.owner.copy(), frame.labels.under.copy()
    across = np.s_[row - 3 : row + 4, middle - 3 : middle + 4]
    owner[across], under[across] = FOREARM, THIGH
    legless = []
    for number, pose in enumerate(CLEAR):
        view = view_of(pose, number=2000 + number)
        view.alpha[int(hip[1]) + 4 :] = 0
        legless.append(frame_of(view))
    bank = Bank([Frame(frame.view, Labels(owner, under)), *legless], OWN_WIDTHS, body_of(FRONT))
    after = agreed(bank)[0].labels.under[row]
    assert (after[middle - 2 : middle + 3] == THIGH).all()
