"""What a show file says about control surfaces: OSC addresses and feedback, MIDI controllers, Art-Net."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from realtime.config.fields import StrictModel, Text, no_two_alike

OSC_ROOT = "/dancecam"
"""The show's own addresses begin with it."""

MOST_MAPPED = 512
"""Entries of one map."""


def _ip_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("this is no IP address, such as 127.0.0.1 or 10.0.0.20") from None


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError("this is no IP address or network, such as 10.0.0.20 or 10.0.0.0/24") from None


def _osc_address(address: str) -> str:
    """OSC 1.0, "OSC Address Spaces and OSC Addresses"."""
    if not address.startswith("/") or not all("!" <= letter <= "~" for letter in address):
        raise ValueError("an OSC address begins with / and is of ASCII letters without spaces")
    if set(address) & set("#*,?[]{}"):
        raise ValueError("an OSC address has none of # * , ? [ ] { }")
    if f"{address}/".startswith(f"{OSC_ROOT}/"):
        raise ValueError(f"addresses below {OSC_ROOT} are the show's own")
    return address


IpText = Annotated[str, AfterValidator(_ip_address)]


class Mapped(StrictModel):
    """What a button, a fader or an address does."""

    action: Text
    """One of the actions."""
    arguments: dict[str, StrictBool | StrictInt | StrictFloat | StrictStr] = Field(default={}, max_length=8)
    """The action's arguments, by name."""
    value: Text | None = None
    """The argument that the control itself gives: a fader its position, a switch whether it is on."""
    confirm: bool = False
    """Confirms a risky action; without it such an action must be armed first."""


class OscAddress(Mapped):
    """An entry of `[[control.osc_map]]`."""

    address: Annotated[str, Field(max_length=200), AfterValidator(_osc_address)]
    """The OSC address, such as '/cue/7/start'."""


class MidiControl(Mapped):
    """An entry of `[[control.midi.map]]`."""

    note: int | None = Field(default=None, ge=0, le=127)
    """The note of a key or pad; 60 is middle C."""
    cc: int | None = Field(default=None, ge=0, le=127)
    """The number of a control change, for a fader, a knob or a button that sends one."""
    channel: int | None = Field(default=None, ge=1, le=16)
    """The MIDI channel; by default every channel."""

    @model_validator(mode="after")
    def _is_one_control(self) -> Self:
        if (self.note is None) == (self.cc is None):
            raise ValueError("give either note or cc")
        return self

    @property
    def called(self) -> str:
        """Such as "note 36" or "cc 7 on channel 2"."""
        name = f"cc {self.cc}" if self.note is None else f"note {self.note}"
        return name if self.channel is None else f"{name} on channel {self.channel}"

    def is_same(self, other: MidiControl) -> bool:
        """Whether one key or fader could be both."""
        if (self.note, self.cc) != (other.note, other.cc):
            return False
        return self.channel == other.channel or None in (self.channel, other.channel)


class Midi(StrictModel):
    """A MIDI controller whose keys and faders do actions."""

    port: Text
    """The name of the MIDI port, or a part of it."""
    leds: bool = False
    """The keys of what is on are lit: their note, or control change, is sent to the controller."""
    map: Annotated[tuple[MidiControl, ...], Field(max_length=MOST_MAPPED)] = ()
    """What keys and faders do."""

    @model_validator(mode="after")
    def _no_two_the_same(self) -> Self:
        for n, control in enumerate(self.map):
            if any(control.is_same(other) for other in self.map[:n]):
                raise ValueError(f"map: {control.called} is there twice")
        return self


class OscFeedback(StrictModel):
    """Where the show's state is sent by OSC: controllers listen on a fixed port."""

    host: IpText = "127.0.0.1"
    """The controller's IP address."""
    port: int = Field(ge=1, le=65535)
    """The UDP port on which it listens."""
    every_s: float = Field(default=5.0, ge=1, le=60)
    """All is sent again after so many seconds, besides every change at once."""


class ArtNet(StrictModel):
    """A lighting desk: three channels for TAKE, SLATE and the length of fades."""

    host: IpText = "127.0.0.1"
    """The address on which Art-Net is received. It knows no token."""
    port: int = Field(default=6454, ge=1, le=65535)
    """The UDP port; lighting desks send to 6454."""
    senders: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Field(min_length=1)] = (
        "127.0.0.1",
    )
    """Who is heard: addresses or networks."""
    universe: int = Field(default=0, ge=0, le=32767)
    """The Art-Net universe, from 0 (the Port-Address: net, sub-net and universe in one number)."""
    channel: int = Field(default=1, ge=1, le=510)
    """The first of the three channels."""
    confirm: bool = False
    """TAKE needs no arming."""


def _no_address_twice(entries: tuple[OscAddress, ...]) -> tuple[OscAddress, ...]:
    no_two_alike("OSC addresses", (entry.address for entry in entries))
    return entries


OscMap = Annotated[tuple[OscAddress, ...], Field(max_length=MOST_MAPPED), AfterValidator(_no_address_twice)]
