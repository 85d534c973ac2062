"""A punctual stage goes before other processes, as far as the system allows it; others leave them more."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from realtime.config.inputs import RecordInputs
from realtime.config.outputs import Ndi, Recorder
from realtime.config.show import Show
from realtime.stages import stage_main
from realtime.stages.table import ENCODER_NICENESS, INPUTS_NICENESS, WEB_NICENESS, stages_of


class System:
    """Answers in the operating system's place; allows what it is told to."""

    def __init__(self, *allowed: str) -> None:
        self.allowed = allowed
        self.asked: list[str] = []

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what not in self.allowed:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    def sched_setscheduler(self, pid: int, policy: int, param: os.sched_param) -> None:
        assert (pid, policy, param.sched_priority) == (0, os.SCHED_RR, 1)
        self._ask("real time")

    def setpriority(self, which: int, who: int, niceness: int) -> None:
        assert (which, who, niceness) == (os.PRIO_PROCESS, 0, stage_main.NICENESS)
        self._ask("niceness")


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [
        (["real time"], ["real time"]),
        (["niceness"], ["real time", "niceness"]),
        ([], ["real time", "niceness"]),
    ],
)
def test_it_takes_the_most_that_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, allowed: list[str], asked: list[str]
) -> None:
    system = System(*allowed)
    monkeypatch.setattr(os, "sched_setscheduler", system.sched_setscheduler)
    monkeypatch.setattr(os, "setpriority", system.setpriority)
    stage_main._go_first()
    assert system.asked == asked


def test_only_the_playout_is_punctual() -> None:
    assert [stage.name for stage in stages_of(Show()).values() if stage.punctual] == ["playout"]


def test_what_is_not_the_show_leaves_it_more() -> None:
    outputs = (Recorder(kind="recorder", folder=Path("x")), Ndi(kind="ndi", name="board"))
    stages = stages_of(Show(outputs=outputs, record_inputs=RecordInputs(folder=Path("y"))))
    assert {name: stage.niceness for name, stage in stages.items()} == {
        "performer": 0,
        "playout": 0,
        "web server": WEB_NICENESS,
        "output recorder": ENCODER_NICENESS,
        "output board": 0,
        "output inputs": INPUTS_NICENESS,
        "output webrtc": ENCODER_NICENESS,
    }
