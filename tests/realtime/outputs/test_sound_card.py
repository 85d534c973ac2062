"""A sound card that is pulled, and comes back: with a stand-in for the card."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from realtime.config.outputs import Recorder
from realtime.outputs import sound
from realtime.outputs.recording import RecorderSink
from realtime.outputs.sink import Format
from realtime.outputs.sound import RATE, CardSound
from tests.realtime.outputs.feeding import playing, wait_for_state, wait_until
from tests.realtime.outputs.test_recording import SIZE, frame


class Card:
    """In a sound card's place. It is as loud as it was made, until it is pulled."""

    def __init__(self, level: int) -> None:
        self._level, self.pulled = level, threading.Event()

    def __enter__(self) -> Card:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def decode(self, audio: int) -> Iterator[av.AudioFrame]:
        while not self.pulled.wait(0.01):
            samples = np.full((1, 2 * RATE // 100), self._level, np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            frame.sample_rate = RATE
            yield frame
        raise av.error.OSError(errno.ENODEV, "No such device")


def test_a_sound_card_that_is_pulled_is_silence_until_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recording goes on, and says so."""
    plugged_in: list[Card] = []

    def open_card(device: str) -> Card:
        if not plugged_in:
            raise av.error.FileNotFoundError(errno.ENOENT, "No such file or directory")
        return plugged_in[-1]

    monkeypatch.setattr(sound, "open_card", open_card)
    monkeypatch.setattr(sound, "REOPEN_S", 0.01)
    settings = Recorder(kind="recorder", folder=tmp_path, audio="alsa:hw:1")
    sink = RecorderSink(settings, Format(SIZE, Fraction(20)))
    with playing(sink.send, frame):
        sink.order("start")
        wait_for_state(sink, "running")
        for level in (1000, 2000):
            wait_until(lambda: "audio: hw:1 cannot be opened (No such file" in sink.status().reason, "told")
            plugged_in.append(Card(level))
            wait_until(lambda: not sink.status().reason, "heard")
            plugged_in.pop().pulled.set()
            wait_until(lambda: "audio: hw:1" in sink.status().reason, "pulled")
        assert sink.status().state == "running"
        sink.order("stop")
        wait_for_state(sink, "off")
    sink.close()
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_sound_card_hears_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(1000)
    monkeypatch.setattr(sound, "open_card", lambda device: card)
    heard = CardSound("hw:1")
    samples = []

    def is_heard() -> bool:
        samples.append(heard.take(time.monotonic_ns(), None, RATE // 100))
        return bool((samples[-1] == 1000).all())

    wait_until(is_heard, "heard")
    card.pulled.set()
    wait_until(lambda: "gives no sound (No such device)" in heard.trouble, "pulled")
    wait_until(lambda: not heard.take(time.monotonic_ns(), None, RATE // 100).any(), "silence")
    heard.close()
