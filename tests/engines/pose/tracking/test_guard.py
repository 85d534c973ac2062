"""When what is tracked is taken for somebody else's, of made-up people."""

from __future__ import annotations

from engines.pose.tracking.guard import CLOSE_NS, HIDDEN_NS, LOOKS_ELSEWHERE, Guard, Verdict
from engines.pose.tracking.roster import Roster
from tests.engines.pose.tracking.test_roster import STEP_NS, at


def crossing(one: int = 3, other: int = 3) -> tuple[Roster, Guard, int]:
    """1 goes to the right and 2 to the left, by default in alike clothes, until they are near each other."""
    roster = Roster()
    guard = Guard(roster)
    for step in range(10):
        t_ns = step * STEP_NS
        roster.see([at(100 + 10 * step, one), at(320 - 10 * step, other)], t_ns)
        unsure = guard.step(1, at(100 + 10 * step, one), t_ns)
    assert unsure, "they are 40 px from each other"
    return roster, guard, t_ns


def test_one_who_is_alone_is_sure() -> None:
    roster = Roster()
    guard = Guard(roster)
    for step in range(30):
        t_ns = step * STEP_NS
        if step % 10 == 0:
            roster.see([at(100 + step, 3)], t_ns)
        assert not guard.step(1, at(100 + step, 3), t_ns)
    assert roster[1].seen_ns == t_ns


def test_a_track_that_went_over_to_the_other_goes_back() -> None:
    roster, guard, t_ns = crossing()
    verdicts = []
    for step in range(6, 6 + LOOKS_ELSEWHERE):  # both are seen again, past each other; 2 is tracked
        later_ns = t_ns + step * STEP_NS
        tracked = at(230 - 10 * step, 3)
        assert guard.step(1, tracked, later_ns) and guard.is_due(later_ns)
        seen = roster.see([at(190 + 10 * step, 3), at(230 - 10 * step, 3)], later_ns)
        assert [one.person_id for one in seen] == [1, 2]
        verdicts.append(guard.judge(1, tracked, seen, later_ns))
    assert verdicts == [Verdict.FOLLOWED] * (LOOKS_ELSEWHERE - 1) + [Verdict.ELSEWHERE]
    assert roster[1].body.x > 240


def test_a_track_that_stayed_goes_on() -> None:
    roster, guard, t_ns = crossing()
    for step in range(6, 12):
        later_ns = t_ns + step * STEP_NS
        tracked = at(190 + 10 * step, 3)
        guard.step(1, tracked, later_ns)
        seen = roster.see([tracked, at(230 - 10 * step, 3)], later_ns)
        assert guard.judge(1, tracked, seen, later_ns) is Verdict.FOLLOWED
    assert not guard.step(1, at(310, 3), later_ns + STEP_NS), "they are apart again"


def test_one_who_stays_hidden_is_lost() -> None:
    roster = Roster()
    guard = Guard(roster)
    for step in range(10):
        t_ns = step * STEP_NS
        roster.see([at(100 + 10 * step, 0), at(320 - 10 * step, 5)], t_ns)
        guard.step(1, at(100 + 10 * step, 0), t_ns)
    verdicts = []
    for _ in range(HIDDEN_NS // CLOSE_NS + 1):  # only 2 is seen, where the track is
        t_ns += CLOSE_NS
        tracked = at(215, 5)
        assert guard.step(1, tracked, t_ns)
        verdicts.append(guard.judge(1, tracked, roster.see([tracked], t_ns), t_ns))
    assert verdicts[-1] is Verdict.LOST and set(verdicts[:-1]) == {Verdict.FOLLOWED}


def test_one_whom_the_detector_overlooks_is_his_where_all_others_are_seen_elsewhere() -> None:
    roster, guard, t_ns = crossing(0, 5)
    t_ns += CLOSE_NS
    tracked = at(220, 0)
    assert guard.step(1, tracked, t_ns)
    seen = roster.see([at(180, 5)], t_ns)
    assert [one.person_id for one in seen] == [2] and roster[1].seen_ns < t_ns
    assert guard.judge(1, tracked, seen, t_ns) is Verdict.FOLLOWED
    assert roster[1].seen_ns == t_ns and roster[1].body is tracked


def test_a_leap_is_looked_at_at_once() -> None:
    roster = Roster()
    guard = Guard(roster)
    roster.see([at(100, 3)], 0)
    assert not guard.step(1, at(100, 3), 0)
    assert guard.step(1, at(160, 3), STEP_NS), "6 m/s"
    assert guard.is_due(STEP_NS) and roster[1].body.x == 100


def test_new_clothes_with_nobody_near_are_learned() -> None:
    """He has turned round, or the light has changed: nobody else can be meant."""
    roster = Roster()
    guard = Guard(roster)
    for step in range(30):
        roster.see([at(100, 0)], step * STEP_NS)
        guard.step(1, at(100, 0), step * STEP_NS)
    unsure = True
    for step in range(30, 200):
        t_ns = step * STEP_NS
        unsure = guard.step(1, at(100, 5), t_ns)
        if unsure and guard.is_due(t_ns):
            assert guard.judge(1, at(100, 5), [], t_ns) is Verdict.FOLLOWED
    assert not unsure and 1 in roster


def test_a_former_id_of_the_same_person_makes_nobody_doubt_him() -> None:
    """Somebody who comes in quickly is given a new id on the way; nobody else was ever seen."""
    roster = Roster()
    guard = Guard(roster)
    for step in range(3):
        roster.see([at(100 + step, 3, size=100)], step * STEP_NS)
    t_ns = 3 * STEP_NS
    newer = roster.see([at(110, 3, size=250)], t_ns)[0]
    assert newer.person_id == 2
    guard.begin(2, t_ns)
    for step in range(4, 40):
        t_ns = step * STEP_NS
        assert not guard.step(2, at(106 + step, 3, size=250), t_ns)
