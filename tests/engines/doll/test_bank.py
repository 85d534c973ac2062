"""What a bank knows of its frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.body import Stance
from engines.doll.bank import Bank, standing_px
from engines.doll.parts import COUNT, NAMES, TORSO
from engines.skeleton import Landmark as L
from tests.engines.doll.dolls import (
    FRONT,
    HEIGHT,
    OWN_WIDTHS,
    WIDE,
    arm_before_chest,
    bank_of,
    body_of,
    frame_of,
    moved,
    view_of,
)

BODY = body_of(FRONT)
FOREARM = NAMES.index("left forearm")


def test_a_player_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="one frame at least"):
        Bank([], OWN_WIDTHS, BODY)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_frame_whose_landmarks_are_no_numbers_is_refused(bad: float) -> None:
    frame = frame_of(view_of(FRONT))
    landmarks = FRONT.copy()
    landmarks[L.LEFT_KNEE, 1] = bad
    with pytest.raises(ValueError, match="no numbers"):
        Bank([replace(frame, view=replace(frame.view, landmarks=landmarks))], OWN_WIDTHS, BODY)
    for height in (bad, 0.0):
        with pytest.raises(ValueError, match="no numbers"):
            Bank([replace(frame, view=replace(frame.view, height=height))], OWN_WIDTHS, BODY)


def test_a_frame_that_hides_a_part_lacks_it() -> None:
    view = view_of(WIDE)
    wrist = WIDE[L.LEFT_WRIST, :2].round().astype(int)
    view.alpha[wrist[1] - 14 : wrist[1] + 14, wrist[0] - 14 : wrist[0] + 14] = 0
    bank = Bank([frame_of(each) for each in (view_of(FRONT), view_of(FRONT), view)], OWN_WIDTHS, BODY)
    hand = NAMES.index("left hand")
    assert bank.lack[2, hand] == 1 and not bank.lack[:2].any()
    assert bank.lack[2, NAMES.index("right hand")] == 0


def test_what_crosses_the_body_is_not_cleanly_cut() -> None:
    bank = bank_of(WIDE, arm_before_chest(FRONT))
    assert bank.leaving.shape == (2, COUNT)
    assert bank.leaving[1, FOREARM] > 0.7 and bank.leaving[1, TORSO] > 0.1
    assert bank.leaving[0, FOREARM] == 0 and bank.leaving[0, TORSO] < bank.leaving[1, TORSO] / 2
    assert bank.covers[1, FOREARM] > 0 and bank.covers[0, FOREARM] == 0


def test_frames_are_kept_to_be_written_alone() -> None:
    frames = [frame_of(view_of(FRONT))]
    assert len(Bank(frames, OWN_WIDTHS, BODY).frames) == 1
    assert Bank(frames, OWN_WIDTHS, BODY, keep=False).frames == ()


def test_what_is_known_of_the_frames_is_not_measured_again() -> None:
    one = bank_of(FRONT, arm_before_chest(FRONT))
    other = Bank(one.frames, OWN_WIDTHS, BODY, shown=one.seen)
    np.testing.assert_array_equal(one.lack, other.lack)
    np.testing.assert_array_equal(one.leaving, other.leaving)


def test_the_standing_height_follows_the_ankles() -> None:
    body = replace(BODY, far=Stance(100.0, 50.0))
    assert standing_px(FRONT, body) == pytest.approx(HEIGHT)
    assert standing_px(moved(FRONT, 0, -20), body) == pytest.approx(75)
    assert standing_px(np.stack([moved(FRONT, 0, -200)]), body) == pytest.approx([50])
