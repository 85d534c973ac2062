from __future__ import annotations

from tools.coverage.mannequin import Mannequin
from tools.coverage.meter import NS_PER_S, Coverage
from tools.coverage.pose_space import AXES, NEEDED
from tools.record.prompts import FREE, FREE_EVERY, GO_S, READY_S, Prompter

SIZE = (640, 360)


def at(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def test_a_prompt_is_announced_then_given_then_followed_by_another() -> None:
    prompter, coverage = Prompter(), Coverage()
    first = prompter.cue(coverage, at(10))
    assert (first.go, first.countdown) == (False, 2)
    assert prompter.cue(coverage, at(11.5)).countdown == 1
    given = prompter.cue(coverage, at(10.1 + READY_S))
    assert given.go
    assert given.prompt is first.prompt
    assert given.countdown == GO_S
    later = prompter.cue(coverage, at(10 + READY_S + GO_S))
    assert later.prompt.text != first.prompt.text
    assert not later.go


def test_what_is_needed_comes_first_and_nothing_is_asked_for_ever() -> None:
    prompter, coverage = Prompter(), Coverage()
    asked = []
    for number in range(200):
        prompt = prompter.cue(coverage, at(number * (READY_S + 60))).prompt
        asked.append(prompt)
    poses = [prompt for prompt in asked if prompt.bin is not None]
    needed = sum(one.weight == NEEDED for axis in AXES for one in axis.bins)
    assert len({prompt.text for prompt in poses[:needed]}) == needed
    assert {prompt.text for prompt in poses} == {one.film for axis in AXES for one in axis.bins}
    assert asked[FREE_EVERY] is FREE[0]
    assert [prompt for prompt in asked if prompt.bin is None][: len(FREE)] == list(FREE)


def test_a_pose_that_is_covered_is_not_asked_for_again() -> None:
    prompter, coverage = Prompter(), Coverage()
    prompt = prompter.cue(coverage, 0).prompt
    assert prompt.bin is not None
    landmarks = Mannequin().landmarks(SIZE)
    for number in range(150):
        coverage.add(landmarks, SIZE, number * NS_PER_S // 30)
    assert prompt.axis is not None
    assert coverage.progress(prompt.axis, prompt.bin) == 1
    following = prompter.cue(coverage, at(READY_S + 3)).prompt
    assert following.text != prompt.text
    assert following.bin is not None
    assert following.axis is not None
    assert coverage.progress(following.axis, following.bin) < 1


def test_skipping_goes_on_at_once() -> None:
    prompter, coverage = Prompter(), Coverage()
    first = prompter.cue(coverage, 0).prompt
    prompter.skip()
    assert prompter.cue(coverage, 1).prompt.text != first.text


def test_when_nothing_is_missing_the_player_dances_freely() -> None:
    coverage = Coverage()
    for tally in coverage.tallies.values():
        tally.seconds, tally.moments = 9.0, 9
    prompter = Prompter()
    asked = [prompter.cue(coverage, at(number * 100)).prompt for number in range(len(FREE) + 1)]
    assert asked == [*FREE, FREE[0]]
