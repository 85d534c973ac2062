"""What a show file says about its controls: `[control]`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class ControlError(RuntimeError):
    """The control server cannot be started; one line for the operator."""


class Control(BaseModel):
    """The operator's console, the API, OSC and the show log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str | None = Field(
        default=None,
        min_length=12,
        max_length=200,
        pattern=r"^[A-Za-z0-9_.~-]+$",
        title="Token",
        description="What the console and the API ask for; by default a new one is made up and printed.",
    )
    log: Path | None = Field(
        default=None,
        title="Show log",
        description="The folder in which a log of actions and states is kept; by default there is none.",
    )
    osc_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        title="Address of OSC",
        description="Where OSC is heard. It knows no token: whoever reaches this address can do all.",
    )
    osc_port: int = Field(
        default=0, ge=0, le=65535, title="Port of OSC", description="The UDP port; 0 hears no OSC."
    )
