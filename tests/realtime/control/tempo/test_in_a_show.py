"""A show that follows a MIDI clock: real processes, with a stand-in for mido in them."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from realtime.config.tempo import Tempo
from realtime.supervise.supervisor import Supervisor
from tests.realtime.fakes import Heard, fake_nets, fake_show
from tests.realtime.test_show_runs import child, in_background, wait_for

PACKAGES = Path(__file__).parent / "packages"
DECK = "Deck:Deck MIDI 1 20:0"
FRAME_MS = 1000 / 30


class Midi:
    """What is plugged in."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def plug(self, **bpm: float) -> None:
        """name → beats a minute."""
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps({f"{name} 20:0": each for name, each in bpm.items()}), encoding="utf-8")
        part.replace(self._path)


@pytest.fixture
def midi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Midi:
    monkeypatch.syspath_prepend(str(PACKAGES))  # what is spawned has it too
    monkeypatch.setenv("DANCECAM_FAKE_MIDI", str(tmp_path / "midi.json"))
    return Midi(tmp_path / "midi.json")


def test_the_player_follows_a_midi_clock_that_comes_and_goes(tmp_path: Path, midi: Midi) -> None:
    midi.plug(Deck=97)
    show, player = fake_show(tmp_path, tempo=Tempo(source="midi:deck", board_lag_ms=40))
    heard = Heard()
    supervisor = Supervisor(show, player, fake_nets, heard)
    desk = supervisor.desk
    statuses: list[dict[str, Any]] = []
    desk.listen(
        lambda event: statuses.append(event["show"].get("tempo", {})) if event["type"] == "state" else None
    )

    def bpm_is(bpm: float) -> bool:
        return desk.orders.bpm == pytest.approx(bpm, rel=0.01)

    def said(text: str) -> bool:
        return any(text in line for line in heard.lines)

    def steps() -> None:
        wait_for(lambda: bpm_is(97))
        desk.act("beat", who="test", confirmed=True)
        wait_for(lambda: supervisor.status().playout.beats > 0)
        wait_for(lambda: supervisor.status().playout.delay_s > 0.1)
        wait_for(lambda: supervisor.status().playout.beat_error_ms is not None)
        playout = supervisor.status().playout
        assert playout.delay_s < playout.beats * 60 / 97
        midi.plug()
        wait_for(lambda: supervisor.status().tempo.bpm is None)
        wait_for(lambda: said("tempo: no MIDI device is named 'deck'"))
        followed = [status["bpm"] for status in statuses if status.get("bpm") is not None]
        assert desk.orders.bpm == followed[-1], "it goes on"
        assert supervisor.status().playout.beats > 0
        desk.act("tempo", {"bpm": 100}, who="test")
        midi.plug(Deck=130)
        wait_for(lambda: bpm_is(130))
        process = child("tempo")
        assert process is not None
        process.send_signal(signal.SIGKILL)
        wait_for(lambda: any("started again" in status.get("reason", "") for status in list(statuses)))
        wait_for(lambda: supervisor.status().tempo.bpm is not None)
        assert supervisor.report()["restarts"] == {"tempo": 1}
        midi.plug()
        wait_for(lambda: supervisor.status().tempo.bpm is None)
        midi.plug(Deck=0)
        wait_for(lambda: "let it send its clock" in supervisor.status().tempo.reason)

    errors = in_background(supervisor, steps)
    supervisor.run()
    assert errors == []
    assert said("tempo: MIDI clock of deck is followed")
    assert said("the tempo goes on as it was")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("link", "tempo: Ableton Link needs aalink"),
        ("midi:Deck", "tempo: MIDI needs mido and python-rtmidi"),
    ],
)
def test_without_the_package_one_line_says_so_and_the_show_goes_on(
    source: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("aalink", "mido"):
        (tmp_path / f"{package}.py").write_text(f"raise ImportError('no {package} here')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    show, player = fake_show(tmp_path, tempo=Tempo(source=source))
    heard = Heard()
    supervisor = Supervisor(show, player, fake_nets, heard)

    def steps() -> None:
        wait_for(lambda: any(line.startswith(words) for line in heard.lines))
        supervisor.desk.act("tempo", {"bpm": 120}, who="test")
        supervisor.desk.act("beat", who="test", confirmed=True)
        wait_for(lambda: supervisor.status().playout.beats > 0)

    errors = in_background(supervisor, steps)
    supervisor.run()
    assert errors == []
    lines = [line for line in heard.lines if line.startswith(words)]
    assert len(lines) == 1 and "pip install" in lines[0]
