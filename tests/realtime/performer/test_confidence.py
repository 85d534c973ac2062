"""How far pictures are trusted: steady, with one reason at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.performer.confidence import JOINTS, MARGIN, SEEN, Confidence, sureness

FRAME_NS = 33_333_333


def play(confidence: Confidence, value: float, seconds: float, start: int = 0) -> list[bool]:
    trusted = []
    for frame in range(start, start + round(seconds * 30)):
        confidence.step(value, frame * FRAME_NS)
        trusted.append(confidence.trusted)
    return trusted


def test_one_bad_picture_is_forgiven_half_a_second_is_not() -> None:
    confidence = Confidence(0.5)
    assert all(play(confidence, 1.0, 1))
    assert play(confidence, 0.0, 1 / 30, 30) == [True]
    assert all(play(confidence, 1.0, 1, 31))
    assert not play(confidence, 0.1, 0.7, 61)[-1]


def test_trust_comes_back_above_the_least_and_not_at_it() -> None:
    confidence = Confidence(0.5)
    play(confidence, 0.2, 2)
    assert not any(play(confidence, 0.5 + MARGIN * 0.5 - 0.02, 5, 60)), "it would flap"
    assert play(confidence, 0.5 + MARGIN * 0.5 + 0.02, 5, 210)[-1]
    assert all(play(confidence, 0.52, 5, 360)), "and so would this"


def test_by_default_everything_is_trusted() -> None:
    assert all(play(Confidence(), 0.0, 2))


def test_nobody_has_no_confidence_and_changes_no_trust_but_another_fan_does() -> None:
    confidence = Confidence(0.5)
    play(confidence, 0.2, 2)
    confidence.interrupted()
    assert confidence.late is None and not confidence.trusted
    confidence.step(0.55, 10**10)
    assert confidence.late == 0.55 and not confidence.trusted
    confidence.reset()
    confidence.step(0.55, 10**10)
    assert confidence.trusted


@pytest.mark.parametrize("least", [0.0, 0.3, 1.0])
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_it_is_a_share_whatever_comes(least: float, values: list[float]) -> None:
    confidence = Confidence(least)
    for frame, value in enumerate(values):
        confidence.step(value, frame * FRAME_NS)
        assert confidence.late is not None and 0 <= confidence.late <= 1
        assert confidence.trusted or least > 0


def test_a_whole_fan_is_sure_and_one_whose_legs_are_hidden_less() -> None:
    landmarks = np.zeros((33, 4), np.float32)
    landmarks[list(JOINTS), 3] = SEEN + 0.05
    assert sureness(landmarks, 1.0) == 1
    assert sureness(landmarks, 0.6) == pytest.approx(0.6)
    landmarks[[25, 26, 27, 28], 3] = 0
    assert sureness(landmarks, 1.0) == pytest.approx(8 / 12 * (SEEN + 0.05) / SEEN)
    landmarks[11, 3] = np.nan
    assert sureness(landmarks, 1.0) == 0
