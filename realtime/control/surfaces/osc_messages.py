"""From the bytes of an OSC packet to what they ask for. Pure. https://opensoundcontrol.stanford.edu/spec-1_0.html

Controllers send a number with a button: 1.0 when it is pressed, 0.0 when it is let go. So

- a number that is more than an action's arguments is such a button's: 0 asks for nothing;
- a float for an action that turns something over (`/dancecam/freeze 1.0`) is a button's too: 1.0 turns over;
- an integer or a boolean sets it (`/dancecam/freeze 1`, `/dancecam/freeze F`), and so does any number at
  `/dancecam/freeze/on`.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pythonosc.osc_message import OscMessage, ParseError

from realtime.config.surfaces import OSC_ROOT as ROOT
from realtime.control.actions import ACTIONS
from realtime.control.surfaces.mapping import Asked, Binding

CONFIRM = "confirm"
"""As the last argument, or before a button's number, it confirms a risky action."""

LONGEST_PACKET = 8192
MOST_MESSAGES, DEEPEST = 32, 4
"""In one packet; and how many bundles may lie in each other."""

_MESSAGE = re.compile(rb"/[^\0]*\0+(,[ifdhsTFN]*\0.*)?", re.DOTALL)
_BUNDLE, _BUNDLE_HEAD = b"#bundle\0", 16


class MalformedError(ValueError):
    """No OSC packet that we read."""


def messages(packet: bytes) -> list[tuple[str, tuple[object, ...]]]:
    """(address, arguments) of a message, or of all messages of a bundle, whatever its time says.

    Raises MalformedError.
    """
    if len(packet) > LONGEST_PACKET:
        raise MalformedError("it is too long")
    found: list[tuple[str, tuple[object, ...]]] = []
    for data in _split(packet, 0):
        if len(found) >= MOST_MESSAGES:
            raise MalformedError("it has too many messages")
        found.append(_parsed(data))
    return found


def _split(packet: bytes, depth: int) -> Iterator[bytes]:
    """The messages of a bundle. python-osc's own reader never ends where an element's size is negative."""
    if not packet.startswith(_BUNDLE):
        yield packet
        return
    if depth >= DEEPEST:
        raise MalformedError("bundles lie too deep in each other")
    at = _BUNDLE_HEAD
    if len(packet) < at:
        raise MalformedError("the bundle has no time")
    while at < len(packet):
        size = int.from_bytes(packet[at : at + 4], "big")
        at += 4
        if not 0 < size <= len(packet) - at:
            raise MalformedError("an element of the bundle is cut off")
        yield from _split(packet[at : at + size], depth + 1)
        at += size


def _parsed(data: bytes) -> tuple[str, tuple[object, ...]]:
    if _MESSAGE.fullmatch(data) is None:
        raise MalformedError("it has no address, or arguments of a kind that no action has")
    try:
        message = OscMessage(data)
    except (ParseError, ValueError, IndexError, struct.error) as error:
        raise MalformedError("its arguments are cut off, or its text is not UTF-8") from error
    given = tuple(message)
    if any(isinstance(value, float) and math.isnan(value) for value in given):
        raise MalformedError("an argument is not a number")
    return message.address, given


def asked(address: str, given: Sequence[object]) -> Asked | None:
    """The action behind an address; None for a button that was let go.

    An action that does not exist, and arguments that do not fit, are left to the desk to refuse.
    """
    path = address.removeprefix(f"{ROOT}/")
    action = ACTIONS.get(path.removesuffix("/on"))
    values = tuple(given)
    if action is None:
        return Asked(path, values)
    confirmed = values[-1:] == (CONFIRM,)
    if confirmed:
        values = values[:-1]
    elif len(values) > 1 and values[-2] == CONFIRM and _is_number(values[-1]):
        values, confirmed = (*values[:-2], values[-1]), True
    lengths = {len(form) for form in action.forms}
    toggles = any(argument.kind == "flag" for form in action.forms for argument in form)
    if path.endswith("/on"):
        if not toggles or not values or len(values) not in lengths or not _is_number(values[-1]):
            return Asked(path, values, confirmed)
        return Asked(action.name, (*values[:-1], values[-1] != 0), confirmed)
    is_button = bool(values) and _is_number(values[-1])
    if toggles:
        is_button = is_button and isinstance(values[-1], float)
    elif len(values) in lengths:
        is_button = False
    if is_button and len(values) - 1 in lengths:
        return Asked(action.name, values[:-1], confirmed) if values[-1] else None
    return Asked(action.name, values, confirmed)


def asked_by(binding: Binding, given: Sequence[object]) -> Asked | None:
    """The action behind an address of the show file; None for a button that was let go.

    If the file names a value, the message's one argument is it. If nothing is missing, a number is a
    button's. Else the message brings what is missing, as at the action's own address.
    """
    name, values = binding.action.name, (*binding.fixed.values(), *given)
    if binding.value is not None:
        if len(given) != 1:
            return Asked(name, values, binding.confirm)
        value = given[0]
        is_switch = binding.value.kind == "flag" and _is_number(value)
        return Asked(name, (*binding.fixed.values(), value != 0 if is_switch else value), binding.confirm)
    if binding.complete:
        if not given or (len(given) == 1 and _is_number(given[0])):
            return binding.press() if not given or given[0] else None
        return Asked(name, values, binding.confirm)
    found = asked(f"{ROOT}/{name}", values)
    return None if found is None else replace(found, confirmed=found.confirmed or binding.confirm)


def _is_number(value: object) -> bool:
    return isinstance(value, bool | int | float)
