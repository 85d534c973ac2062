"""A MIDI input, opened by its name, and opened again when its device is plugged in again.

For whatever hears MIDI: a clock, or the notes of a control surface. Needs mido and python-rtmidi (the extra
`midi`), which are imported when the first port is made.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from realtime.transport.backoff import Backoff

INSTALL = "install them with: pip install mido==1.3.3 python-rtmidi==1.5.8"

LOOK_S = 1.0
"""How often it is looked whether the device of an open port is still there: no driver tells."""

MOST_NAMED = 8
"""Ports that an error lists."""

SEQUENCER = Path("/dev/snd/seq")
"""What ALSA, Linux's sound system, has MIDI through."""


class MidiError(RuntimeError):
    """MIDI cannot be heard; one line that says what to do."""


def port_names() -> list[str]:
    """The MIDI inputs of this machine. Raises MidiError."""
    mido = _library()
    if mido.backend.name.endswith(".rtmidi") and sys.platform == "linux" and not SEQUENCER.exists():
        # Asked without it, ALSA prints a line of its own each time.
        raise MidiError(f"this machine has no MIDI ({SEQUENCER} is missing): try: modprobe snd-seq")
    try:
        return list(mido.get_input_names())
    except OSError as error:  # RtMidi's own errors are too
        raise MidiError(f"this machine's MIDI cannot be used: {' '.join(str(error).split())}") from error


def port_named(wanted: str, names: Sequence[str]) -> str | None:
    """The one of `names` that is meant: it is `wanted`, or begins with it, or has it in it, whichever comes
    first; None where none does. Capitals do not matter. ALSA's names end with numbers that change when a
    device is plugged in again, so the beginning is enough."""
    wanted = wanted.casefold()
    fits: tuple[Callable[[str], bool], ...] = (
        lambda name: name == wanted,
        lambda name: name.startswith(wanted),
        lambda name: wanted in name,
    )
    return next((name for fit in fits for name in names if fit(name.casefold())), None)


class MidiPort:
    """Open from the moment it is made, or from when its device is there, until `close`."""

    def __init__(
        self,
        name: str,
        hear: Callable[[Any, int], None],
        tell: Callable[[str], None] = lambda text: None,
        *,
        look_s: float = LOOK_S,
    ) -> None:
        """name: see `port_named`. hear: is given each message (a `mido.Message`; clock messages too) and when
        it came, monotonic nanoseconds; in MIDI's own thread, so it must be quick and raise nothing. tell: is
        given one line when the device comes or goes. Raises MidiError where the packages are missing.
        """
        self._library = _library()
        self.name = name
        self._hear, self._tell, self._look_s = hear, tell, look_s
        self._backoff = Backoff(most_s=5.0)
        self._ending = threading.Event()
        self._port: Any = None
        self.reason = "it is being opened"
        """Why nothing is heard, one line; "" while the port is open."""
        self._thread = threading.Thread(target=self._run, name=f"midi {name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Frees the port; nothing is heard afterwards."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            opened_s = time.monotonic()
            try:
                opened = self._open()
                while not self._ending.wait(self._look_s):
                    if opened not in port_names():
                        raise MidiError(f"the MIDI device {opened} is gone")
            except MidiError as error:
                ran_s = time.monotonic() - opened_s if self._port is not None else 0.0
                self._shut()
                if self.reason != str(error):
                    self.reason = str(error)
                    self._tell(self.reason)
                self._ending.wait(self._backoff.failed(ran_s))
        self._shut()

    def _open(self) -> str:
        """The full name of the port, which is open now. Raises MidiError."""
        names = port_names()
        found = port_named(self.name, names)
        if found is None:
            there = ", ".join(names[:MOST_NAMED]) or "none is there"
            raise MidiError(f"no MIDI device is named {self.name!r}: connect it, or name another ({there})")
        try:
            self._port = self._library.open_input(found, callback=self._came)
        except OSError as error:
            why = " ".join(str(error).split())
            raise MidiError(
                f"the MIDI device {found} cannot be opened ({why}): close the program that has it"
            ) from error
        self.reason = ""
        self._tell(f"the MIDI device {found} is heard")
        return found

    def _came(self, message: Any) -> None:
        self._hear(message, time.monotonic_ns())

    def _shut(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()


def _library() -> Any:
    """The module mido. Raises MidiError."""
    try:
        import mido
        import rtmidi  # noqa: F401  # mido imports it when it is first asked
    except ImportError as error:
        raise MidiError(f"MIDI needs mido and python-rtmidi ({error}): {INSTALL}") from error
    return mido
