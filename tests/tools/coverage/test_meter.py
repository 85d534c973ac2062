from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tools.coverage.mannequin import Mannequin, Segment
from tools.coverage.meter import (
    ENOUGH_MINUTES,
    LEAST_MOMENTS,
    LEAST_S,
    MOMENT_NS,
    NS_PER_S,
    Coverage,
    CoverageError,
)
from tools.coverage.pose_space import AXES, GOOD, Axis, Bin

SIZE = (640, 360)
FRAME_NS = NS_PER_S // 30


def play(
    coverage: Coverage, figure: Mannequin, seconds: float, start_ns: int, step_ns: int = FRAME_NS
) -> int:
    landmarks = figure.landmarks(SIZE)
    for number in range(round(seconds * NS_PER_S / step_ns)):
        coverage.add(landmarks, SIZE, start_ns + number * step_ns)
    return start_ns + round(seconds * NS_PER_S)


def the(axis_name: str, name: str) -> tuple[Axis, Bin]:
    axis = next(axis for axis in AXES if axis.name == axis_name)
    return axis, next(one for one in axis.bins if one.name == name)


def whole_dance(repeats: int, seconds: float) -> Coverage:
    coverage = Coverage()
    now = 0
    for _ in range(repeats):
        for axis in AXES:
            for one in axis.bins:
                if one.figure.hop:
                    now = play(coverage, Mannequin(), 0.3, now)
                    now = play(coverage, one.figure, 0.3, now)
                else:
                    now = play(coverage, one.figure, seconds, now)
    return coverage


def test_a_bin_needs_both_time_and_moments() -> None:
    coverage = Coverage()
    landmarks = Mannequin(turn=45).landmarks(SIZE)
    frames = round(LEAST_S * 30) + 2
    for number in range(frames):
        coverage.add(landmarks, SIZE, number * FRAME_NS)
    bin_ = the("turn", "half left")
    assert coverage.progress(*bin_) == pytest.approx(1 / LEAST_MOMENTS)
    coverage.add(landmarks, SIZE, MOMENT_NS)
    assert coverage.progress(*bin_) == 1
    assert coverage.progress(*the("turn", "half right")) == 0


def test_a_glimpse_at_two_moments_is_not_enough() -> None:
    coverage = Coverage()
    for start in (0, 2 * MOMENT_NS):
        play(coverage, Mannequin(turn=45), 0.06, start)
    assert 0 < coverage.progress(*the("turn", "half left")) < 1


def test_a_meter_that_sees_every_third_frame_says_the_same() -> None:
    every, third = Coverage(), Coverage()
    for coverage, step in ((every, FRAME_NS), (third, 3 * FRAME_NS)):
        play(coverage, Mannequin(turn=45), 6, 0, step)
    assert third.usable_s == pytest.approx(every.usable_s, abs=0.15)
    assert third.tallies["turn", "half left"].moments == every.tallies["turn", "half left"].moments


def test_a_gap_does_not_count() -> None:
    coverage = Coverage()
    for seconds in (0, 60, 120):
        coverage.add(Mannequin().landmarks(SIZE), SIZE, seconds * NS_PER_S)
    assert coverage.usable_s < 1


def test_frames_of_no_use_are_counted_by_reason() -> None:
    coverage = Coverage()
    cut = replace(Mannequin(), floor=1.1).landmarks(SIZE)
    for number in range(31):
        assert coverage.add(None, SIZE, number * FRAME_NS) == {}
    for number in range(31, 61):
        assert coverage.add(cut, SIZE, number * FRAME_NS) == {}
    assert coverage.faults == pytest.approx({"nobody in the frame": 1, "cut off by the frame": 1}, abs=0.05)
    assert coverage.usable_s == 0


def test_a_jump_is_told_from_a_walk_to_the_back() -> None:
    jumping, walking = Coverage(), Coverage()
    for number in range(90):
        phase = number % 30
        hop = 0.12 if 10 <= phase < 20 else 0.0
        jumping.add(Mannequin(hop=hop).landmarks(SIZE), SIZE, number * FRAME_NS)
        away = Mannequin(size=0.6 - 0.1 * number / 90, floor=0.92 - 0.08 * number / 90)
        walking.add(away.landmarks(SIZE), SIZE, number * FRAME_NS)
    assert jumping.tallies["hips", "jump"].moments >= 2
    assert walking.tallies["hips", "jump"].seconds == 0


def test_nothing_filmed_lacks_everything_and_the_needed_comes_first() -> None:
    verdict = Coverage().verdict()
    assert not verdict.enough
    assert (verdict.share, verdict.minutes) == (0, 0)
    weights = [one.weight for _, one in verdict.missing]
    assert weights == sorted(weights, reverse=True)
    assert len(weights) == sum(len(axis.bins) for axis in AXES)
    assert "2.0 minutes" in str(verdict)


def test_a_dance_of_all_figures_for_long_enough_is_enough() -> None:
    seconds = 30 * ENOUGH_MINUTES / sum(len(axis.bins) for axis in AXES) + 0.1
    verdict = whole_dance(2, seconds).verdict()
    assert [one.name for _, one in verdict.missing] == []
    assert verdict.enough, str(verdict)
    short = whole_dance(2, 0.4).verdict()
    assert not short.enough
    assert len(short.lacks) == 1
    assert "minutes" in short.lacks[0]


def test_one_needed_pose_that_lacks_is_not_enough() -> None:
    coverage = whole_dance(2, 30 * ENOUGH_MINUTES / 70 + 0.1)
    coverage.tallies["left arm", "overhead"].moments = 1
    verdict = coverage.verdict()
    assert verdict.lacks == ("1 needed pose",)
    assert verdict.missing[0][1].film == "left arm straight overhead"


def test_a_seldom_pose_may_lack() -> None:
    coverage = whole_dance(2, 30 * ENOUGH_MINUTES / 70 + 0.1)
    coverage.tallies["lean", "left"].seconds = 0
    verdict = coverage.verdict()
    assert verdict.enough
    assert [one.weight for _, one in verdict.missing] == [GOOD]


def test_the_state_comes_back_as_it_was() -> None:
    coverage = Coverage()
    play(coverage, Mannequin(left_arm=(Segment(90), Segment(90)), x=0.3), 5, 0)
    coverage.add(None, SIZE, 6 * NS_PER_S)
    again = Coverage.from_json(json.loads(json.dumps(coverage.to_json())))
    assert again.to_json() == coverage.to_json()
    assert str(again.verdict()) == str(coverage.verdict())
    before = again.tallies["turn", "front"].moments
    play(again, Mannequin(), 0.5, 0)  # the clock of the next take begins anew
    assert again.tallies["turn", "front"].moments == before + 1


def test_bins_that_are_no_more_are_left_out() -> None:
    state = Coverage().to_json()
    state["tallies"].append(["tail", "wagging", 9.0, 9])
    assert ("tail", "wagging") not in Coverage.from_json(state).tallies


@pytest.mark.parametrize(
    "broken", [{}, {"usable_s": "many"}, {**Coverage().to_json(), "floor": [[1], [2, 3]]}]
)
def test_a_damaged_state_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(CoverageError, match="no coverage"):
        Coverage.from_json(broken)


def test_the_map_and_the_dials_show_where_it_was() -> None:
    coverage = Coverage()
    play(coverage, Mannequin(x=0.9, size=0.7, turn=45), 1, 0)
    row, column = divmod(int(coverage.floor.argmax()), coverage.floor.shape[1])
    assert (row, column) == (6, 14)
    assert coverage.dials["turn"].argmax() in (22, 23)
    assert coverage.dials["turn"].sum() == pytest.approx(coverage.usable_s)
