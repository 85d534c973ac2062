"""TABLE of what an operator can do: the action, its key, its help. All else is drawn from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Orders:
    """Everything the operator wants, at one moment. It is sent whole and again, so none can be lost.

    armed: the next TAKE counts. taken: live goes on air whenever it is healthy. frozen: what is on air stands
    still. slate: the slate is on air, whatever else. player: the folder of the pack that dances; empty: the
    show's own. quit: the show ends.
    """

    armed: bool = False
    taken: bool = False
    frozen: bool = False
    slate: bool = False
    mirror: bool = False
    skeleton: bool = False
    player: str = ""
    quit: bool = False

    def pack(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Orders:
        return cls(**json.loads(data))


@dataclass(frozen=True)
class Action:
    """key: one character, or a name from `hotkeys.NAMED_KEYS`. apply: the orders that follow."""

    name: str
    key: str
    help: str
    apply: Callable[[Orders], Orders]


def _take(orders: Orders) -> Orders:
    if not orders.armed:
        return orders
    return replace(orders, armed=False, taken=True, frozen=False, slate=False)


ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        Action("arm", "a", "allow the next TAKE; again to disarm", lambda o: replace(o, armed=not o.armed)),
        Action("take", "t", "put the live player on air (arm first)", _take),
        Action(
            "freeze", "f", "freeze what is on air; again to go on", lambda o: replace(o, frozen=not o.frozen)
        ),
        Action(
            "fallback",
            "b",
            "put the fallback on air, until the next TAKE",
            lambda o: replace(o, taken=False, frozen=False, slate=False),
        ),
        Action(
            "slate",
            "space",
            "panic: the slate, at once, until the next TAKE or fallback",
            lambda o: replace(o, slate=True),
        ),
        Action("mirror", "m", "mirror the fan's moves", lambda o: replace(o, mirror=not o.mirror)),
        Action(
            "skeleton",
            "k",
            "draw the stick figure over the player",
            lambda o: replace(o, skeleton=not o.skeleton),
        ),
        Action("quit", "q", "end the show", lambda o: replace(o, quit=True)),
        Action("help", "h", "show these keys", lambda o: o),
    )
}


def help_text() -> str:
    """The table, for people."""
    return "\n".join(f"  {action.key:>5}  {action.name:<9} {action.help}" for action in ACTIONS.values())
