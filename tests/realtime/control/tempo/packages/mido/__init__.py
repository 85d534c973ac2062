"""Stands in for mido in the processes of a show: devices that send a clock.

The file that the variable DANCECAM_FAKE_MIDI names says what is plugged in: name → beats a minute, 0 for a
device that sends nothing. Ticks come late by some milliseconds, as over USB. Where the machine pauses, the
device does too: a burst of ticks would be another tempo.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

backend = SimpleNamespace(name="fake")

PAUSED_S = 0.1


def _plugged_in() -> dict[str, float]:
    return json.loads(Path(os.environ["DANCECAM_FAKE_MIDI"]).read_text(encoding="utf-8"))


def get_input_names() -> list[str]:
    return list(_plugged_in())


class _Port:
    def __init__(self, name: str, callback: Callable[[Any], None]) -> None:
        self._bpm, self._callback = _plugged_in()[name], callback
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def _play(self) -> None:
        start_s, n, chance = time.monotonic(), 0, random.Random(1)
        while self._bpm and not self._ending.is_set():
            wait_s = start_s + n * 60 / self._bpm / 24 + chance.random() * 0.003 - time.monotonic()
            if wait_s < -PAUSED_S:
                start_s -= wait_s
            time.sleep(max(0.0, wait_s))
            self._callback(SimpleNamespace(type="clock"))
            n += 1

    def close(self) -> None:
        self._ending.set()
        self._thread.join()


open_input = _Port
