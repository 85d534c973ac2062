"""What a show file says about its controls: `[control]`."""

from __future__ import annotations

from pydantic import Field

from realtime.config.fields import Port, ShowPath, StrictModel, Text


class ControlError(RuntimeError):
    """The control server cannot be started; one line for the operator."""


class Control(StrictModel):
    """The operator's console, the API, OSC and the show log."""

    token: str | None = Field(default=None, min_length=12, max_length=200, pattern=r"^[A-Za-z0-9_.~-]+$")
    """The token that the console and the API ask for; by default a new one is made up and printed."""
    log: ShowPath | None = None
    """The folder in which a log of actions and states is kept; by default there is none."""
    osc_host: Text = "127.0.0.1"
    """The address on which OSC is received. OSC has no token: whoever reaches this address can do
    everything."""
    osc_port: Port = 0
    """The UDP port for OSC; 0: none."""
