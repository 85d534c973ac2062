"""All control surfaces of a show, beside the pages: in the web server's process, in its loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from realtime.config.control import Control, ControlError
from realtime.control.desk import AnyDesk
from realtime.control.surfaces.artnet import ArtNetServer
from realtime.control.surfaces.mapping import osc_bindings
from realtime.control.surfaces.midi import MidiSurface
from realtime.control.surfaces.osc import OscServer
from realtime.control.surfaces.osc_feedback import FeedbackSender


class Surface(Protocol):
    """start: in the loop's thread; raises OSError where its port cannot be had."""

    async def start(self) -> None: ...

    def close(self) -> None: ...


class Opened(NamedTuple):
    """trouble, advice: what is said where it cannot be had."""

    surface: Surface
    trouble: str
    advice: str = ""


class Surfaces:
    """For the loop's thread. Begins with `start`."""

    def __init__(self, desk: AnyDesk, control: Control) -> None:
        """Raises MapError."""
        self._all: list[Opened] = []
        self._counted: dict[str, Counter[str]] = {}
        feedback = None if control.osc_feedback is None else FeedbackSender(desk, control.osc_feedback)
        if control.osc_port:
            own = osc_bindings(control.osc_map)
            ask = (lambda: None) if feedback is None else feedback.ask
            osc = OscServer(desk, control.osc_host, control.osc_port, own, ask)
            self._all.append(_heard(osc, "OSC", control.osc_host, control.osc_port, "osc_port"))
            self._counted["osc"] = osc.ignored
        if control.artnet is not None:
            artnet = ArtNetServer(desk, control.artnet)
            where = control.artnet.host, control.artnet.port
            self._all.append(_heard(artnet, "Art-Net", *where, "artnet.port"))
            self._counted["artnet"] = artnet.ignored
        if control.midi is not None:
            self._all.append(Opened(MidiSurface(desk, control.midi), "MIDI cannot be heard"))
        if feedback is not None:  # the last: who hears it may ask for something
            self._all.append(Opened(feedback, "OSC feedback cannot be sent"))

    @property
    def ignored(self) -> Mapping[str, Mapping[str, int]]:
        """What was not looked at, by surface and cause."""
        return self._counted

    async def start(self) -> None:
        """Raises ControlError where a port cannot be had."""
        for surface, trouble, advice in self._all:
            try:
                await surface.start()
            except OSError as error:
                raise ControlError(f"{trouble} ({error.strerror or error}){advice}") from error

    def close(self) -> None:
        for opened in self._all:
            opened.surface.close()


def _heard(surface: Surface, what: str, host: str, port: int, key: str) -> Opened:
    advice = f": close the program that has it, or choose another control.{key}"
    return Opened(surface, f"{what} cannot be heard on {host}:{port}", advice)
