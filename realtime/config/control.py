"""What a show file says about its controls: `[control]`."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from realtime.config.fields import Port, ShowPath, StrictModel, Text
from realtime.config.hosts import is_loopback
from realtime.config.surfaces import ArtNet, Midi, OscFeedback, OscMap


class ControlError(RuntimeError):
    """The control server cannot be started; one line for the operator."""


class Control(StrictModel):
    """The operator's console, the API, control surfaces and the show log."""

    token: str | None = Field(default=None, min_length=12, max_length=200, pattern=r"^[A-Za-z0-9_.~-]+$")
    """The token that the console and the API ask for; by default a new one is made up and printed."""
    log: ShowPath | None = None
    """The folder in which a log of actions and states is kept; by default there is none."""
    osc_host: Text = "127.0.0.1"
    """The address on which OSC is received. OSC has no token: whoever reaches this address can do
    everything."""
    osc_port: Port = 0
    """The UDP port for OSC; 0: none."""
    osc_map: OscMap = ()
    """OSC addresses of your own, and what they do."""
    osc_feedback: OscFeedback | None = None
    """Where the show's state is sent by OSC."""
    midi: Midi | None = None
    """A MIDI controller."""
    artnet: ArtNet | None = None
    """A lighting desk."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.osc_map and not self.osc_port:
            raise ValueError("osc_map: no OSC is received: give osc_port")
        back = self.osc_feedback
        is_here = back is not None and (back.host == self.osc_host or is_loopback(back.host))
        if back is not None and is_here and back.port == self.osc_port:
            raise ValueError("osc_feedback: this is where the show itself receives OSC (osc_port)")
        return self

    @property
    def has_surfaces(self) -> bool:
        """Whether anything but the page can control the show over a network or a cable."""
        return bool(self.osc_port or self.osc_feedback or self.midi or self.artnet)
