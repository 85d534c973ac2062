"""Who may watch by WebRTC. Pure: time is an argument.

Strangers share the seats of the programme; the operator has other seats, which no crowd can take. A seat
is taken by an offer, and an offer costs a stranger nothing. So one that has not led to a connection after a
while makes way, first for who comes next, and later in any case.
"""

from __future__ import annotations

from dataclasses import dataclass, field

OPERATOR_SEATS = 16
"""Pictures that consoles and other holders of the token may have open at once, two a console."""

CONNECTING_S = 3.0
"""After this a stranger that is not connected makes way for another one. Phones take less than a second."""


class TooMany(RuntimeError):
    """Nobody else may watch now; the text is one line for the viewer."""


@dataclass
class _Seat:
    operator: bool
    since_s: float
    connected: bool = False


@dataclass
class Seats:
    """strangers: how many of them may watch at once."""

    strangers: int
    _seats: dict[str, _Seat] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._seats)

    def take(self, session: str, *, operator: bool, now_s: float) -> str | None:
        """A seat for a new session: the session that has to go for it, if any. Raises TooMany."""
        alike = {name: seat for name, seat in self._seats.items() if seat.operator == operator}
        gone = None
        if len(alike) >= (OPERATOR_SEATS if operator else self.strangers):
            gone = next(
                (
                    name
                    for name, seat in alike.items()  # the oldest first
                    if not seat.connected and now_s - seat.since_s >= CONNECTING_S
                ),
                None,
            )
            if gone is None:
                raise TooMany(
                    f"operators have {len(alike)} pictures open; close one"
                    if operator
                    else f"{len(alike)} viewers are connected; try again later"
                )
            del self._seats[gone]
        self._seats[session] = _Seat(operator, now_s)
        return gone

    def connected(self, session: str) -> None:
        """The session's media flow."""
        if session in self._seats:
            self._seats[session].connected = True

    def leave(self, session: str) -> None:
        self._seats.pop(session, None)
