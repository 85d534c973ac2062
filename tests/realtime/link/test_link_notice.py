"""What the operator is told of the other machine."""

from __future__ import annotations

from pathlib import Path

from realtime.link.link_notice import PATIENCE_S, LinkNotice
from realtime.transport.bus import Link

S = 1_000_000_000
LINK = Link("playout", "10.0.0.6", "10.0.0.5", 5570, Path("keys"))


def told(*heard: tuple[float, bool]) -> list[str | None]:
    notice = LinkNotice("performer", LINK)
    return [notice.step(is_heard, int(at_s * S)) for at_s, is_heard in heard]


def test_each_change_is_told_once() -> None:
    first, second, lost, still, back = told((0, True), (1, True), (2, False), (99, False), (100, True))
    assert first == back == "the performer at 10.0.0.6 is heard"
    assert lost is not None and "not heard any more" in lost
    assert second is still is None


def test_silence_from_the_start_is_told_after_a_while_with_what_may_be_wrong() -> None:
    early, late, later, heard = told((0, False), (PATIENCE_S + 1, False), (PATIENCE_S + 2, False), (60, True))
    assert early is later is None
    assert late is not None and "not heard yet" in late and "5570" in late
    assert heard == "the performer at 10.0.0.6 is heard"
