"""From the bytes that a terminal sends to the keys that were pressed. Pure: time is an argument.

An arrow or a function key comes as an escape sequence, whose bytes may arrive apart: no part of one is ever
taken for a key of its own. A key that is held down is sent again and again, and is one press.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection
from enum import Enum, auto

from engines.time_units import NS_PER_MS

ESCAPE = "\x1b"

ALONE_NS = 100 * NS_PER_MS
"""An Escape that nothing follows for so long was the Escape key. A letter that follows sooner was typed with
Alt, and is no key of ours. `[` and `O` begin a sequence however late they come."""

HELD_NS = 800 * NS_PER_MS
"""The same character again within this is a key that is held: longer than keyboards wait before they repeat
(usually 0.25 to 0.66 s)."""

HELD_QUICK_NS = 150 * NS_PER_MS
"""The same for keys that are struck in time with music. One that is held counts twice."""

MOUSE_BYTES = 3
"""What follows `ESC [ M`, from a terminal that an earlier program has left reporting its mouse."""


class _At(Enum):
    GROUND = auto()
    ESCAPE = auto()
    SEQUENCE_BEGINS = auto()
    SEQUENCE = auto()
    MOUSE = auto()


class KeyReader:
    """Feed it what is read; ask `idle` now and then while `waiting`."""

    def __init__(self, quick: Collection[str] = ()) -> None:
        """quick: characters of keys that may be struck again at once."""
        self._quick = frozenset(quick)
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._at = _At.GROUND
        self._escape_ns = 0
        self._escape_told = False
        self._mouse_left = 0
        self._last, self._last_ns = "", 0

    @property
    def waiting(self) -> bool:
        """Whether an Escape has come that may have been the key."""
        return self._at is _At.ESCAPE and not self._escape_told

    def feed(self, data: bytes, now_ns: int) -> list[str]:
        """The keys that were pressed, each as its character."""
        keys = self.idle(now_ns)
        for character in self._decoder.decode(data):
            key = self._step(character, now_ns)
            if key is not None and self._is_press(key, now_ns):
                keys.append(key)
        return keys

    def idle(self, now_ns: int) -> list[str]:
        """The Escape key, once it is clear that it was pressed alone."""
        if not self.waiting or now_ns - self._escape_ns < ALONE_NS:
            return []
        self._escape_told = True
        return [ESCAPE] if self._is_press(ESCAPE, now_ns) else []

    def _is_press(self, key: str, now_ns: int) -> bool:
        held_ns = HELD_QUICK_NS if key in self._quick else HELD_NS
        held = key == self._last and now_ns - self._last_ns < held_ns
        self._last, self._last_ns = key, now_ns
        return not held

    def _step(self, character: str, now_ns: int) -> str | None:
        """The key that this character is, None where it is a part of something else."""
        if self._at is _At.MOUSE:
            self._mouse_left -= 1
            if self._mouse_left == 0:
                self._at = _At.GROUND
            return None
        if character == ESCAPE:
            self._at, self._escape_ns, self._escape_told = _At.ESCAPE, now_ns, False
            return None
        if self._at is _At.ESCAPE:
            if character in "[O":
                self._at = _At.SEQUENCE_BEGINS if character == "[" else _At.SEQUENCE
                return None
            self._at = _At.GROUND
            return character if self._escape_told else None
        if self._at in (_At.SEQUENCE_BEGINS, _At.SEQUENCE):
            return self._in_sequence(character)
        return character

    def _in_sequence(self, character: str) -> str | None:
        """ECMA-48, 5.4: parameters are 0-9:;<=>?, and one of @ to ~ ends it; besides, the Linux console sends
        `ESC [ [ A`, rxvt ends some in `$`, and a mouse is followed by bytes of its own."""
        begins = self._at is _At.SEQUENCE_BEGINS
        if begins and character == "M":
            self._at, self._mouse_left = _At.MOUSE, MOUSE_BYTES
            return None
        if "0" <= character <= "?" or (begins and character == "["):
            self._at = _At.SEQUENCE
            return None
        self._at = _At.GROUND
        if "@" <= character <= "~" or character == "$":
            return None
        return character  # it was cut short: a space must be heard as what it is
