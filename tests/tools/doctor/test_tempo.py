"""What the doctor says of the music's tempo."""

import sys

import pytest

from realtime.config.show import Show
from realtime.config.tempo import Tempo
from tests.realtime.control.fake_midi import FakeMidi
from tools.doctor.finding import Case, Level
from tools.doctor.tempo import judge_link, look_at_tempo


def found(source: str) -> str:
    (finding,) = look_at_tempo(Case(Show(tempo=Tempo(source=source))))
    return str(finding)


def test_where_the_tempo_comes_from_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found("tap") == "OK    tempo    it is tapped"
    with FakeMidi("Deck 20:0").installed():
        assert found("midi:deck") == "OK    tempo    the MIDI device Deck 20:0 is there"
        assert found("midi:Keys") == (
            "WARN  tempo    no MIDI device is named 'Keys'; there are: Deck 20:0 -> connect it"
        )
        monkeypatch.setitem(sys.modules, "mido", None)
        assert "pip install mido==1.3.3 python-rtmidi==1.5.8" in found("midi:deck")
    missing = judge_link(installed=False)
    assert missing.level is Level.WARN and "pip install aalink==0.2.3" in missing.advice
    assert judge_link(installed=True).level is Level.OK
