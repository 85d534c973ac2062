"""MIDI controllers: keys and faders do actions, and the keys of what is on are lit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from realtime.config.surfaces import Midi, MidiControl
from realtime.control.budget import Budget
from realtime.control.desk import AnyDesk, Event
from realtime.control.midi_port import MidiError, MidiPort, port_named
from realtime.control.surfaces.lamps import is_lit
from realtime.control.surfaces.levers import Fader, Switch
from realtime.control.surfaces.mapping import Asked, Binding, midi_bindings
from realtime.control.surfaces.midi_messages import led_of, moved_of
from realtime.control.surfaces.surface import Asker
from realtime.transport.texts import one_line

logger = logging.getLogger(__name__)

PRESSES, PRESSES_PER_S = 200, 100
"""Keys that are heard at once, and a second: more than fingers can, less than a broken controller sends."""


class Key:
    """A key, button or fader of the map, and what it asks for. Pure: time, in seconds, is an argument."""

    def __init__(self, control: MidiControl, binding: Binding) -> None:
        self.control, self.binding = control, binding
        self._switch, self.fader = Switch(), Fader()
        self.is_fader = binding.value is not None and binding.value.kind == "number"

    def is_meant(self, kind: str, channel: int, number: int) -> bool:
        if number != (self.control.note if kind == "note" else self.control.cc):
            return False
        return self.control.channel in (None, channel)

    def turn(self, share: float) -> Asked | None:
        """What a key or button at this share asks for. A note is on however softly it was struck, and struck
        again also where its end was not heard."""
        turned = self._switch.turn(share) if self.control.note is None else share > 0
        if turned is None:
            return None
        if self.binding.value is not None:
            return self.binding.at(turned)
        return self.binding.press() if turned else None

    def take(self, now_s: float) -> Asked | None:
        """What a fader asks for now."""
        share = self.fader.take(now_s)
        return None if share is None else self.binding.at(self.binding.scaled(share))


class MidiSurface:
    """A controller at a MIDI port. Keys are done from MIDI's thread, faders from the loop's."""

    def __init__(self, desk: AnyDesk, settings: Midi) -> None:
        """Raises MapError."""
        self._desk, self._settings = desk, settings
        self.asker = Asker(desk, "midi")
        self._keys = [Key(control, binding) for control, binding in midi_bindings(settings)]
        self._budget = Budget(PRESSES, PRESSES_PER_S)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._port: MidiPort | None = None
        self._leds: Leds | None = None
        self._stop_listening: Callable[[], None] = lambda: None
        self._moving = False
        self._later: asyncio.TimerHandle | None = None
        self.who = f"midi {settings.port}"

    async def start(self) -> None:
        """Never fails: where the packages or the device are missing, operators are told what to do."""
        self._loop = asyncio.get_running_loop()
        try:
            self._port = MidiPort(self._settings.port, self.hear, self._tell)
        except MidiError as error:
            self._desk.note(self.who, "midi", str(error))
            return
        if self._settings.leds:
            self._leds = Leds(self._settings.port, self._keys)
            self._stop_listening = self._desk.listen(self._happened)

    def close(self) -> None:
        self._stop_listening()
        if self._later is not None:
            self._later.cancel()
        if self._port is not None:
            self._port.close()
        if self._leds is not None:
            self._leds.close()
        self.asker.close()

    def hear(self, message: Any, at_ns: int) -> None:
        """A `mido.Message`, in MIDI's thread."""
        moved = moved_of(message.bytes())
        if moved is None or self._loop is None:
            return
        key = next((key for key in self._keys if key.is_meant(moved.kind, moved.channel, moved.number)), None)
        if key is None:
            return
        if key.is_fader:
            key.fader.move(moved.share)
            if not self._moving:
                self._moving = True
                self._loop.call_soon_threadsafe(self._move)
            return
        asked = key.turn(moved.share)
        if asked is not None and self._budget.take(1, at_ns / 1e9):
            self.asker.ask(asked, self.who)

    def _move(self) -> None:
        """Does what the faders ask for, and looks again when the next one may."""
        self._moving = False
        self._later = None
        now_s = time.monotonic()
        faders = [key for key in self._keys if key.is_fader]
        for key in faders:
            asked = key.take(now_s)
            if asked is not None:
                self.asker.ask(asked, self.who)
        waits_s = [wait_s for key in faders if (wait_s := key.fader.wait_s(now_s)) is not None]
        if waits_s and self._loop is not None and self._later is None:
            self._later = self._loop.call_later(min(waits_s), self._move)

    def _tell(self, text: str) -> None:
        """The device comes or goes; in a thread of the port's."""
        self._desk.note(self.who, "midi", text)
        if self._settings.leds and self._loop is not None:
            self._loop.call_soon_threadsafe(self._light_anew)

    def _happened(self, event: Event) -> None:
        if event["type"] == "state" and self._loop is not None:
            self._loop.call_soon_threadsafe(self._light)

    def _light_anew(self) -> None:
        if self._leds is not None:
            self._leds.close()
            self._light()

    def _light(self) -> None:
        if self._leds is not None and self._port is not None and not self._port.reason:
            self._leds.show(self._desk.state())


class Leds:
    """The LEDs of a controller, by its output of the same name. For the loop's thread."""

    def __init__(self, name: str, keys: Sequence[Key]) -> None:
        self._name, self._keys = name, keys
        self._output: Any = None
        self._shown: dict[int, bool] = {}

    def show(self, state: dict[str, Any]) -> None:
        """Lights what is on. state: as in `Desk.state`. What cannot be sent is sent with the next change."""
        import mido

        try:
            if self._output is None:
                found = port_named(self._name, mido.get_output_names())
                if found is None:
                    return
                self._output, self._shown = mido.open_output(found), {}
            for n, key in enumerate(self._keys):
                lit = is_lit(key.binding.action.name, key.binding.fixed, state)
                if not key.is_fader and self._shown.get(n) is not lit:
                    control = key.control
                    kind, number = ("cc", control.cc) if control.note is None else ("note", control.note)
                    data = led_of(kind, control.channel or 1, number or 0, lit=lit)  # type: ignore[arg-type]
                    self._output.send(mido.Message.from_bytes(data))
                    self._shown[n] = lit
        except OSError as error:  # RtMidi's own errors are too
            logger.warning("the LEDs of the MIDI device %s: %s", self._name, one_line(error))
            self.close()

    def close(self) -> None:
        output, self._output = self._output, None
        if output is not None:
            output.close()
