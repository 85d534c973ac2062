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

OUTAGE_S = 8.0
"""TCP by itself tries again some 6 and 12 s after it was interrupted."""
BACK_S = 4.0


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
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.strip() for line in self.process.stdout)

    @property
    def states(self) -> list[str]:
        """That the programme has been in."""
        said = [line.removeprefix("playout: ") for line in self.lines if line.startswith("playout: ")]
        return [text for text in said if text.isupper()]


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
    wait_for(lambda: playout.states[-1:] == ["LIVE"], 60)
    network.plug(False)
    wait_for(lambda: playout.states[-2:] == ["HOLD", "FALLBACK"], 5)
    time.sleep(OUTAGE_S)
    network.plug(True)
    wait_for(lambda: playout.states[-1:] == ["LIVE"], BACK_S)
    told = [line for line in playout.lines if "the performer at" in line]
    assert len(told) == 3 and "is not heard any more" in told[1] and told[0] == told[2]
    playout.process.terminate()
    assert playout.process.wait(20) == performer.process.wait(20) == 0
    wait_for(lambda: not network.performer.pids() and not network.playout.pids(), 5)
    programme = json.loads(playout.report.read_text(encoding="utf-8"))["programme"]
    assert programme["seconds"]["fallback"] > OUTAGE_S
    assert programme["seconds"]["hold"] <= 0.25
    assert programme["missed"] < 0.05 * programme["ticks"]  # a clock that waits for the link misses a third


def test_who_has_not_the_keys_gets_nothing(
    network: Network, show: Path, start: Callable[[str], Running]
) -> None:
    start("performer")
    playout = start("playout")
    wait_for(lambda: playout.states[-1:] == ["LIVE"], 60)
    make_keys(show.parent / "others")

    def heard(*keys: str) -> int:
        command = [sys.executable, "-m", "tests.realtime.spy", str(show), *keys]
        spy = network.playout.start(command, cwd=ROOT, stdout=subprocess.PIPE)
        return int(spy.communicate(timeout=60)[0])

    assert heard(str(show.parent / "keys")) > 0
    assert heard(str(show.parent / "others")) == 0
    assert heard() == 0


def test_nothing_is_left_of_a_network_that_failed(network: Network) -> None:
    with pytest.raises(KeyError), two_machines() as other:
        sleeper = other.performer.start(["sleep", "100"])
        raise KeyError
    assert sleeper.wait(5) != 0
    with pytest.raises(NoNetwork):
        other.performer.pids()
