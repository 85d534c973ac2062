"""What an arm hides is filled in from frames that show it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.doll.bank import Bank, Frame
from engines.doll.cutting import NOTHING
from engines.skeleton import Landmark as L
from tests.engines.doll.dolls import (
    FRONT,
    SKIN,
    STRIPES,
    WIDE,
    arm_before_chest,
    bank_of,
    drawn,
    dressed,
    moved,
)
from tools.player.fill import AROUND, filled

CROSSED = arm_before_chest(FRONT)


def under_the_arm(frame: Frame) -> NDArray[np.bool_]:
    """(h, w): the middle of what the forearm hides of the trunk, where it is the arm that is seen."""
    y, x = np.mgrid[0 : frame.view.alpha.shape[0], 0 : frame.view.alpha.shape[1]]
    middle = (frame.view.landmarks[L.LEFT_ELBOW] + frame.view.landmarks[L.LEFT_WRIST])[:2] / 2
    arm = (frame.view.picture == SKIN).all(axis=2) & (frame.labels.under != NOTHING)
    return np.asarray((np.hypot(x - middle[0], y - middle[1]) < 6) & arm)


def like_skin(colours: NDArray[np.uint8]) -> float:
    """The share of colours (N, 3) that are nearer to an arm's than to any stripe's."""
    known = np.array([SKIN, *STRIPES], float)
    return float((np.abs(colours[:, None] - known).sum(axis=-1).argmin(axis=1) == 0).mean())


def test_the_shirt_under_an_arm_comes_from_a_frame_that_shows_it() -> None:
    crossed = filled(bank_of(CROSSED, WIDE))[0]
    hidden = under_the_arm(crossed)
    assert hidden.sum() > 30
    assert crossed.body is not None
    true = dressed(WIDE)[0]  # the trunk is in the same place
    assert np.abs(crossed.body[hidden].astype(int) - true[hidden]).mean() < 25
    assert (np.abs(crossed.body[hidden].astype(int) - true[hidden]).max(axis=1) < 40).mean() > 0.8


def test_what_is_farther_from_the_arm_stays() -> None:
    crossed = filled(bank_of(CROSSED, WIDE))[0]
    assert crossed.body is not None
    hidden = (crossed.labels.under != NOTHING).astype(np.uint8)
    rest = (cv2.dilate(hidden, np.ones((AROUND, AROUND), np.uint8)) == 0) & (crossed.view.alpha > 0)
    np.testing.assert_array_equal(crossed.body[rest], crossed.view.picture[rest])


def test_a_frame_that_hides_nothing_is_left_as_it_is() -> None:
    bank = bank_of(moved(WIDE, 0, 0))
    bank.frames[0].labels.hidden[:] = 0
    assert filled(bank)[0] is bank.frames[0]


def test_a_single_frame_is_left_as_it_is() -> None:
    bank = bank_of(CROSSED)
    assert filled(bank)[0] is bank.frames[0]


@pytest.mark.parametrize("others", [1, 2])
def test_no_arm_of_another_frame_is_filled_in(others: int) -> None:
    """Where all hide the same, the shirt around goes on."""
    for frame in filled(bank_of(CROSSED, *[arm_before_chest(moved(FRONT, 1, 0))] * others)):
        hidden = under_the_arm(frame)
        assert frame.body is not None and hidden.sum() > 30
        assert like_skin(frame.body[hidden]) < 0.1


def test_a_doll_whose_arm_is_lifted_shows_the_shirt() -> None:
    plain = bank_of(CROSSED, WIDE)
    whole = Bank(filled(plain), plain.widths, plain.body)
    hidden = under_the_arm(plain.frames[0])
    lifted = CROSSED.copy()
    arm = [L.LEFT_ELBOW, L.LEFT_WRIST, L.LEFT_INDEX, L.LEFT_PINKY, L.LEFT_THUMB]
    lifted[arm] = WIDE[arm]
    before, after = (drawn(bank, lifted, frames=0)[hidden][:, :3] for bank in (plain, whole))
    assert like_skin(before) > 0.7 > 0.1 > like_skin(after)
