"""A whole duet, with fakes in place of the networks: real processes, sockets, shared memory and clocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from realtime.config.duet import Duet
from realtime.config.outputs import Recorder
from realtime.control.desk import Refused
from realtime.pictures.reader import VideoReader
from realtime.supervise.supervisor import Supervisor
from tests.realtime.fakes import SIZE, FakeBoth, Heard, fake_duet_nets, fake_nets, fake_show
from tests.realtime.test_show_runs import in_background, states, wait_for


def fans(supervisor: Supervisor) -> tuple[object, ...]:
    """The second player, and how well each fan is known."""
    state = supervisor.desk.state()["show"]
    return tuple(state.get(name) for name in ("second", "fan", "fan_2"))


def test_a_duet_from_start_to_end(tmp_path: Path) -> None:
    recorder = Recorder(kind="recorder", folder=tmp_path / "recordings")
    show, player = fake_show(tmp_path, duet=Duet(player=tmp_path / "two"), outputs=(recorder,))
    heard = Heard()
    supervisor = Supervisor(show, replace(player, second="Two"), fake_duet_nets, heard)

    def operate() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        wait_for(lambda: fans(supervisor) == ("Two", "sound", "sound"))
        assert supervisor.desk.state()["show"]["too_slow"] == ""
        supervisor.desk.act("pick-2", {"x": 0.5, "y": 0.5}, who="test")
        wait_for(lambda: any("second fan: nobody was found where" in line for line in heard.lines))
        supervisor.desk.act("unpick-2", who="test")
        supervisor.desk.act("record", who="test")
        wait_for(lambda: supervisor.desk.state()["show"]["outputs"][0]["state"] == "running")
        shown = supervisor.totals.counts["frames.shown"]
        wait_for(lambda: supervisor.totals.counts["frames.shown"] > shown + 60)
        supervisor.desk.act("record", who="test")

    errors = in_background(supervisor, operate)
    supervisor.run()
    assert not errors
    assert any("two dancers: about " in line for line in heard.lines), "tried before the camera was opened"
    assert supervisor.report()["restarts"] == {}
    (recording,) = (tmp_path / "recordings").glob("*.mkv")
    reader = VideoReader(recording)
    halves = [(frame[48, 32].mean(), frame[48, SIZE[0] - 32].mean()) for _, frame in reader]
    reader.close()
    both = pytest.approx((FakeBoth.FIRST, FakeBoth.SECOND), abs=8)
    assert sum(each == both for each in halves) >= 20, "in the others the fallback may be seen"


def test_a_show_of_one_player_has_no_second_fan(tmp_path: Path) -> None:
    show, player = fake_show(tmp_path)
    supervisor = Supervisor(show, player, fake_nets, Heard())

    def operate() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        wait_for(lambda: fans(supervisor) == ("", "sound", ""))
        for action, given in (("pick-2", {"x": 0.5, "y": 0.5}), ("unpick-2", {})):
            with pytest.raises(Refused, match="the show is no duet"):
                supervisor.desk.act(action, given, who="test")

    errors = in_background(supervisor, operate)
    supervisor.run()
    assert not errors
