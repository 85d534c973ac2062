"""From the bytes of a MIDI message to the key or fader that was moved, and back for its LED. Pure.

The format is that of channel voice messages in the MIDI 1.0 specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

NOTE_OFF, NOTE_ON, CONTROL_CHANGE = 0x8, 0x9, 0xB
FULL = 127


@dataclass(frozen=True)
class Moved:
    """channel: 1 to 16. number: of the note, or of the control change. share: how hard a note was struck, 0
    for one that was let go; where a fader stands; 0 to 1."""

    kind: Literal["note", "cc"]
    channel: int
    number: int
    share: float


def moved_of(data: Sequence[int]) -> Moved | None:
    """What a message tells; None for all others, such as clocks. data: its bytes."""
    if len(data) != 3 or not all(0 <= byte <= FULL for byte in data[1:]):
        return None
    status, channel = data[0] >> 4, (data[0] & 0xF) + 1
    if status == CONTROL_CHANGE:
        return Moved("cc", channel, data[1], data[2] / FULL)
    if status in (NOTE_ON, NOTE_OFF):
        return Moved("note", channel, data[1], data[2] / FULL if status == NOTE_ON else 0.0)
    return None


def led_of(kind: Literal["note", "cc"], channel: int, number: int, *, lit: bool) -> tuple[int, int, int]:
    """The message that lights the LED of a key or button, or puts it out: its own, as most controllers take
    it."""
    status = NOTE_ON if kind == "note" else CONTROL_CHANGE
    return status << 4 | channel - 1, number, FULL if lit else 0
