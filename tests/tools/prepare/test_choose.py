from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.packs import standing
from tools.alignment.solve import STILL, Alignment, Scene
from tools.prepare import rules
from tools.prepare.choose import count, judge, require, shots, smooth_landmarks, too_small
from tools.prepare.files import PrepareError
from tools.prepare.scan import Scan
from tools.prepare.scene.placing import Placement

SIZE = (256, 256)
STEP_NS = 33_333_333


def scan_of(frames: int) -> Scan:
    """Nothing is wrong with any frame."""
    return Scan(
        numbers=np.arange(frames),
        times_ns=np.arange(frames) * STEP_NS,
        videos=np.zeros(frames, np.int64),
        landmarks=np.stack([standing(128, 230, 190)] * frames),
        world=np.zeros((frames, 33, 3), np.float32),
        reasons=np.full(frames, "", "<U64"),
        sharpness=np.ones(frames, np.float32),
        others=np.full((frames, 4), np.nan, np.float32),
        left_out={},
        frames=(frames,),
        broken=("",),
        alignment=(),
    )


def still(frames: int) -> Alignment:
    """One camera on a tripod."""
    none = np.zeros(frames, np.float32)
    return Alignment(
        scenes=np.zeros(frames, np.int64),
        matrices=np.tile(np.eye(3), (frames, 1, 1)),
        residual_px=none,
        uncertain_px=none,
        support=none + 1,
        zoom=none + 1,
        roll=none,
        shots=np.zeros(frames, np.int64),
        transition=np.zeros(frames, np.bool_),
        plain=np.zeros(frames, np.bool_),
        found=(Scene(STILL, 0, frames, "identity", False),),
    )


def test_a_person_whole_in_the_picture_is_of_use() -> None:
    person = standing(128, 230, 190)
    assert rules.fault(person, SIZE, []) == ""
    hidden = person.copy()
    hidden[11:, 3] = 0.1
    assert rules.fault(hidden, SIZE, []) == rules.HIDDEN
    assert rules.fault(person + np.array([120, 0, 0, 0], np.float32), SIZE, []) == rules.CUT_OFF
    assert rules.fault(person + np.array([0, 60, 0, 0], np.float32), SIZE, []) == rules.CUT_OFF


def test_others_count_when_they_come_near() -> None:
    person = standing(128, 230, 190)
    near, far = np.array([150, 40, 220, 230], np.float32), np.array([230, 200, 250, 230], np.float32)
    assert rules.fault(person, SIZE, [far, near]) == rules.CROWDED
    assert rules.fault(person, SIZE, [far]) == ""


def test_people_are_seen_once_a_second_so_the_second_around_is_dropped() -> None:
    scan = scan_of(120)
    scan.reasons[60] = rules.CROWDED
    reasons = judge(scan, still(len(scan.numbers)))
    assert (reasons[31:90] == rules.CROWDED).all()
    assert (reasons[:29] == "").all() and (reasons[92:] == "").all()
    other_video = replace(scan, videos=np.array([0] * 61 + [1] * 59))
    assert (judge(other_video, still(120))[61:] == "").all()


def test_dissolves_and_titles_are_dropped() -> None:
    alignment = still(60)
    alignment.transition[20:24] = True
    alignment.scenes[40:] = 1
    alignment.scenes[50:] = -1
    card = Scene(STILL, 40, 10, "identity", True)
    reasons = judge(scan_of(60), replace(alignment, found=(*alignment.found, card)))
    assert np.flatnonzero(reasons == rules.TRANSITION).tolist() == [20, 21, 22, 23]
    assert np.flatnonzero(reasons == rules.CARD).tolist() == list(range(40, 50))
    assert (reasons[50:] == "").all()


def test_smeared_frames_are_dropped_and_earlier_reasons_stand() -> None:
    scan = scan_of(60)
    scan.sharpness[10:13] = 0.5
    scan.sharpness[12] = np.nan
    scan.reasons[11] = rules.CUT_OFF
    reasons = judge(scan, still(len(scan.numbers)))
    assert reasons[10] == rules.SMEARED and reasons[11] == rules.CUT_OFF and reasons[12] == ""
    nobody = replace(scan, sharpness=np.full(60, np.nan, np.float32), reasons=np.full(60, rules.NOBODY))
    assert (judge(nobody, still(60)) == rules.NOBODY).all()


def test_what_is_left_keeps_its_numbers_and_is_smoothed_where_it_belongs() -> None:
    scan = scan_of(80)
    rows = np.array([*range(20), *range(30, 80)])
    maps = np.tile(np.eye(3), (70, 1, 1))
    views = np.zeros((70, 2), np.int64)
    views[40:] = (64, 0)
    maps[40:, 0, 2] = 64  # the camera panned along
    placement = Placement(maps, views, np.ones(70, np.bool_), np.zeros(70, np.int64), np.ones(70))
    left = shots(scan, rows, placement)
    assert left.numbers.tolist() == rows.tolist()
    assert left.landmarks.shape == (70, 33, 4) and 150 < left.standing_px < 230
    np.testing.assert_allclose(left.landmarks[-1], scan.landmarks[-1], atol=0.5)
    np.testing.assert_allclose(left.landmarks[0], scan.landmarks[0], atol=0.5)


def test_frames_that_would_be_blown_up_are_told() -> None:
    none, scales = np.zeros(2, np.int64), np.array([1.9, 2.1])
    placement = Placement(np.tile(np.eye(3), (2, 1, 1)), np.zeros((2, 2), np.int64), none == 0, none, scales)
    assert too_small(placement).tolist() == [False, True]


def test_reasons_are_counted_and_too_few_frames_refused() -> None:
    reasons = np.array(["", rules.CUT_OFF, rules.NOBODY, rules.CUT_OFF])
    dropped = count(reasons, {rules.DAMAGED: 1, rules.TOO_CLOSE: 0})
    assert dropped == {rules.CUT_OFF: 2, rules.NOBODY: 1, rules.DAMAGED: 1}
    require([Path("a.mp4")], 60, dropped)
    with pytest.raises(PrepareError, match=r"a\.mp4, b\.mp4 have 59 usable frames.*2 cut off.*step back"):
        require([Path("a.mp4"), Path("b.mp4")], 59, dropped)
    with pytest.raises(PrepareError, match=r"a\.mp4 has 5 usable frames.*too short"):
        require([Path("a.mp4")], 5, {})


def test_every_reason_has_its_advice() -> None:
    names = [value for name, value in vars(rules).items() if name.isupper() and isinstance(value, str)]
    assert len(names) == 13 and set(names) == set(rules.ADVICE)


def test_jitter_is_smoothed_but_not_over_a_gap() -> None:
    random = np.random.default_rng(0)
    true = np.stack([standing(100 + (50 if n >= 20 else 0) + n, 200, 150) for n in range(40)])
    seen = true.copy()
    seen[..., :2] += random.normal(0, 1, (40, 33, 2))
    indices = np.array([*range(20), *range(50, 70)])
    times_ns = indices * 33_333_333
    smooth = smooth_landmarks(seen, indices, times_ns)
    before, after = (np.abs(each - true)[..., :2].mean() for each in (seen, smooth))
    assert after < 0.8 * before
    np.testing.assert_allclose(smooth[..., 3], seen[..., 3], atol=1e-3)
    np.testing.assert_allclose(smooth_landmarks(true, indices, times_ns), true, atol=1e-2)  # the jump is kept
    np.testing.assert_allclose(smooth_landmarks(seen[:4], indices[:4], times_ns[:4]), seen[:4], atol=1e-3)
