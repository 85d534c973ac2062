"""Slows down who guesses the token. Pure: time is an argument, in seconds of any clock that only rises."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections import OrderedDict
from typing import TypeVar

from realtime.control.budget import Budget

_Value = TypeVar("_Value")

TRIES, TRY_EVERY_S = 5, 5.0
"""How many wrong tokens one address may send at once, and after how long it may send another one."""

ALL_TRIES, ALL_TRIES_PER_S = 100, 5.0
"""The same for all addresses together that have sent a wrong one before."""

MOST_ADDRESSES = 1024
"""Addresses that are remembered; the one that was longest quiet is forgotten first."""

LINE_EVERY_S = 10.0
"""At most one line in so long is told of wrong tokens."""


class WrongTokens:
    """Which addresses may try a token now.

    A token is not looked at while its address has no try left, so more requests find out nothing. Nobody else
    waits for that: an address that has sent no wrong token may always try, and so may one that has shown the
    right one (and this machine), as long as it is remembered. The same wrong token again is no new guess:
    a script with an old token does not use up the tries of its machine.
    """

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[Budget, set[bytes]]] = OrderedDict()
        self._right: OrderedDict[str, None] = OrderedDict()
        self._all = Budget(ALL_TRIES, ALL_TRIES_PER_S)
        self._salt = secrets.token_bytes(16)  # what is remembered of a token says nothing about it
        self._told_s: float | None = None
        self._untold = 0

    def may_try(self, address: str, now_s: float) -> bool:
        """Whether a token from this address is looked at. address: "" for this machine."""
        place = _place(address)
        if not address or place in self._right or place not in self._wrong:
            return True
        return self._wrong[place][0].has(1, now_s) and self._all.has(1, now_s)

    def was_right(self, address: str) -> None:
        """The right token came from here."""
        _remember(self._right, _place(address), None)

    def was_wrong(self, address: str, token: str, now_s: float) -> None:
        """A token was looked at, and is not the show's."""
        place = _place(address)
        budget, seen = self._wrong.get(place) or (Budget(TRIES, 1 / TRY_EVERY_S), set())
        _remember(self._wrong, place, (budget, seen))
        digest = hashlib.blake2b(
            token.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=8
        ).digest()
        if digest in seen:
            return
        if len(seen) >= TRIES:
            seen.pop()
        seen.add(digest)
        if budget.take(1, now_s):
            self._all.take(1, now_s)

    def line(self, now_s: float) -> str | None:
        """What to tell of one more wrong or refused token, or None where a line was told a moment ago."""
        self._untold += 1
        if self._told_s is not None and now_s - self._told_s < LINE_EVERY_S:
            return None
        untold, self._untold, self._told_s = self._untold, 0, now_s
        return "wrong token" if untold == 1 else f"wrong token; {untold} of them since the last such line"


def _place(address: str) -> str:
    """Of an IPv6 address its network (/64), which one machine has for itself."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))


def _remember(table: OrderedDict[str, _Value], place: str, value: _Value) -> None:
    table[place] = value
    table.move_to_end(place)
    if len(table) > MOST_ADDRESSES:
        table.popitem(last=False)
