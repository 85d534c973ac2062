"""What an operator can do: one row of `actions.ACTIONS`, and when it must be confirmed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from realtime.control.arguments import Arguments, Form
from realtime.transport.orders import Orders


class Unconfirmed(RuntimeError):
    """A risky action that was asked for without a confirmation."""


class Risk(StrEnum):
    """When an action must be confirmed, unless it was armed: held down in the console, by another key in the
    terminal, or by `confirm`."""

    NONE = "none"
    ON_AIR = "on air"
    """While the live player is on air, or will be as soon as the picture is healthy."""
    ALWAYS = "always"


@dataclass(frozen=True)
class Action:
    """key: the default: one character, a name from `keys.NAMED_KEYS`, or "" for none.

    apply: the orders that follow, given checked arguments; it may raise ArgumentError. forms: the ways to
    give it arguments; a key gives none. can_be_armed: whether `arm` confirms it. timed: it depends on when it
    is asked for, so the desk adds `at_ns` (monotonic) to its arguments, and its key may be struck quickly.
    """

    name: str
    key: str
    help: str
    apply: Callable[[Orders, Arguments], Orders]
    risk: Risk = Risk.NONE
    forms: tuple[Form, ...] = ((),)
    lamp: str = ""
    """The field of the orders that is true while it is on, "" for none; it lights surfaces' buttons."""
    can_be_armed: bool = True
    timed: bool = False

    def needs_confirmation(self, orders: Orders) -> bool:
        """While these orders are in force."""
        if self.risk is Risk.NONE or (orders.armed and self.can_be_armed):
            return False
        return self.risk is Risk.ALWAYS or orders.taken

    def order(self, orders: Orders, given: Arguments, *, confirmed: bool = False) -> Orders:
        """The orders that follow. Raises Unconfirmed, ArgumentError."""
        if not confirmed and self.needs_confirmation(orders):
            raise Unconfirmed(f"{self.name} must be confirmed{', or armed before' * self.can_be_armed}")
        after = self.apply(orders, given)
        return after if self.risk is Risk.NONE else replace(after, armed=False)
