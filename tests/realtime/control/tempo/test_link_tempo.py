"""Ableton Link, with its own library at both ends of a cable: the show follows, and never leads."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.realtime.test_show_runs import ROOT, wait_for
from tools.benchmarking.network import Machine, Network, NoNetwork, two_machines


@pytest.fixture
def network() -> Iterator[Network]:
    pytest.importorskip("aalink")
    with ExitStack() as stack:
        try:
            found = stack.enter_context(two_machines())
        except NoNetwork as error:
            pytest.skip(f"no two network namespaces here: {error}")
        yield found


class End:
    """A process at one end, and what it said last."""

    def __init__(self, machine: Machine, *words: str) -> None:
        self._process = machine.start(
            [sys.executable, "-m", "tests.realtime.control.tempo.link_end", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.said: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.said.extend(json.loads(line) for line in self._process.stdout)

    def set(self, bpm: float) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{bpm}\n")
        self._process.stdin.flush()

    def is_at(self, bpm: float | None, reason: str) -> bool:
        """Whether it said so last. reason: a part of it, "" where there is none."""
        last = self.said[-1] if self.said else None
        if last is None or last["bpm"] != bpm:
            return False
        return reason in last["reason"] if reason else not last["reason"]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def test_the_show_takes_over_the_musics_tempo_and_never_gives_its_own(network: Network) -> None:
    with closing(End(network.playout, "show")) as show:
        wait_for(lambda: show.is_at(None, "nobody is heard on Ableton Link"))
        with closing(End(network.performer, "music", "97")) as music:
            wait_for(lambda: show.is_at(97, "") and music.said)
            assert {each["bpm"] for each in music.said} == {97}, "it was there before the music"
            music.set(132.5)
            wait_for(lambda: show.is_at(132.5, ""))
            music.set(400)
            wait_for(lambda: show.is_at(None, "400 bpm is no tempo from 30 to 300"))
            music.set(132.5)
            wait_for(lambda: show.is_at(132.5, ""))
        wait_for(lambda: show.is_at(None, "nobody is heard on Ableton Link"))
        with closing(End(network.performer, "music", "120")) as music:
            wait_for(lambda: show.is_at(120, "") and music.said)
            assert {each["bpm"] for each in music.said} == {120}
