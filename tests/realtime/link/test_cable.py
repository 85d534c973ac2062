"""A show on two machines with a cable between them: two network namespaces, and all processes real."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from realtime.transport.curve_keys import make_keys
from tests.realtime.test_show_runs import ROOT, wait_for
from tools.benchmarking.network import Machine, Network, NoNetwork, two_machines

OUTAGE_S = 14.0
"""TCP by itself tries again some 6, 12 and 25 s after it was interrupted."""
BACK_S = 10.0
START_S = 120.0
END_S = 60.0
HEARD, LOST = "is heard", "is not heard any more"


@pytest.fixture
def network() -> Iterator[Network]:
    with ExitStack() as stack:
        try:
            found = stack.enter_context(two_machines())
        except NoNetwork as error:
            pytest.skip(f"no two network namespaces here: {error}")
        yield found


class Running:
    """One machine's `run_live`, and what it has said so far."""

    def __init__(self, machine: Machine, role: str, folder: Path) -> None:
        (folder / role).mkdir()
        command = [sys.executable, "-m", "tests.realtime.fake_live", str(folder / role)]
        self.process = machine.start(
            [*command, "--role", role, "--show", str(folder / "show.toml")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.report = folder / role / "report.json"
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.strip() for line in self.process.stdout)

    @property
    def states(self) -> list[str]:
        """That the programme has been in."""
        said = [line.removeprefix("playout: ") for line in self.lines if line.startswith("playout: ")]
        return [text for text in said if text.isupper()]

    @property
    def told(self) -> list[str]:
        """Each time that the performer was heard, or no more. A start that takes long is told, too."""
        lines = [line for line in self.lines if "the performer at" in line and "is not heard yet" not in line]
        return [LOST if LOST in line else HEARD if line.endswith(HEARD) else line for line in lines]


@pytest.fixture
def show(network: Network, tmp_path: Path) -> Path:
    make_keys(tmp_path / "keys")
    path = tmp_path / "show.toml"
    path.write_text(
        f"[link]\nperformer = '{network.performer.address}'\nplayout = '{network.playout.address}'\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def start(network: Network, show: Path) -> Callable[[str], Running]:
    return lambda role: Running(getattr(network, role), role, show.parent)


def test_the_cable_is_pulled_out_and_plugged_in_again(
    network: Network, start: Callable[[str], Running]
) -> None:
    performer, playout = start("performer"), start("playout")
    wait_for(lambda: playout.states[-1:] == ["LIVE"] and playout.told[-1:] == [HEARD], START_S)
    network.plug(False)
    wait_for(lambda: playout.states[-1:] == ["FALLBACK"], END_S)
    time.sleep(OUTAGE_S)
    wait_for(lambda: playout.told[-1] == LOST, END_S)
    network.plug(True)
    wait_for(lambda: playout.states[-1:] == ["LIVE"], BACK_S)
    wait_for(lambda: playout.told[-1] == HEARD, END_S)
    told = playout.told
    assert len(told) >= 3 and told == [HEARD, *(len(told) // 2) * [LOST, HEARD]], "it may have paused before"
    playout.process.terminate()
    assert playout.process.wait(END_S) == performer.process.wait(END_S) == 0
    wait_for(lambda: not network.performer.pids() and not network.playout.pids(), END_S)
    playout.reader.join(END_S)
    programme = json.loads(playout.report.read_text(encoding="utf-8"))["programme"]
    assert programme["seconds"]["fallback"] > OUTAGE_S
    holds = playout.states.count("HOLD")
    assert programme["seconds"]["hold"] <= 0.25 * max(1, holds)
    assert programme["missed"] < 0.2 * programme["ticks"]  # a clock that waits for the link misses a third


def test_who_has_not_the_keys_gets_nothing(
    network: Network, show: Path, start: Callable[[str], Running]
) -> None:
    start("performer")
    playout = start("playout")
    wait_for(lambda: playout.states[-1:] == ["LIVE"], START_S)
    make_keys(show.parent / "others")

    def heard(*keys: str) -> int:
        command = [sys.executable, "-m", "tests.realtime.spy", str(show), *keys]
        spy = network.playout.start(command, cwd=ROOT, stdout=subprocess.PIPE)
        return int(spy.communicate(timeout=START_S)[0])

    assert heard(str(show.parent / "keys")) > 0
    assert heard(str(show.parent / "others")) == 0
    assert heard() == 0


def test_nothing_is_left_of_a_network_that_failed(network: Network) -> None:
    with pytest.raises(KeyError), two_machines() as other:
        sleeper = other.performer.start(["sleep", "1000"])
        wait_for(other.performer.pids)
        raise KeyError
    assert sleeper.wait(END_S) != 0
    with pytest.raises(NoNetwork):
        other.performer.pids()
