"""All control surfaces of a show, beside the pages: in the web server's process, in its loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

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


class Surfaces:
    """For the loop's thread. Begins with `start`."""

    def __init__(self, desk: AnyDesk, control: Control) -> None:
        """Raises MapError."""
        self._all: dict[str, Surface] = {}
        self._counted: dict[str, Counter[str]] = {}
        feedback = None if control.osc_feedback is None else FeedbackSender(desk, control.osc_feedback)
        if control.osc_port:
            own, feed_back = (
                osc_bindings(control.osc_map),
                (lambda: None) if feedback is None else feedback.ask,
            )
            osc = OscServer(desk, control.osc_host, control.osc_port, own, feed_back)
            self._all[_unheard("OSC", control.osc_host, control.osc_port, "osc_port")] = osc
            self._counted["osc"] = osc.ignored
        if control.artnet is not None:
            settings = control.artnet
            artnet = ArtNetServer(desk, settings)
            self._all[_unheard("Art-Net", settings.host, settings.port, "artnet.port")] = artnet
            self._counted["artnet"] = artnet.ignored
        if control.midi is not None:
            self._all["MIDI cannot be heard ({})"] = MidiSurface(desk, control.midi)
        if feedback is not None:  # the last: who hears it may ask for something
            self._all["OSC feedback cannot be sent ({})"] = feedback

    @property
    def ignored(self) -> Mapping[str, Mapping[str, int]]:
        """What was not looked at, by surface and cause."""
        return self._counted

    async def start(self) -> None:
        """Raises ControlError where a port cannot be had."""
        for trouble, surface in self._all.items():
            try:
                await surface.start()
            except OSError as error:
                raise ControlError(trouble.format(error.strerror or error)) from error

    def close(self) -> None:
        for surface in self._all.values():
            surface.close()


def _unheard(what: str, host: str, port: int, key: str) -> str:
    return (
        f"{what} cannot be heard on {host}:{port} ({{}}): close the program that has it, or choose another "
        f"control.{key}"
    )
