"""Finds the alarm of a text that a show says, and writes it out with the show's keys. Pure.

For whoever tells operators and clients: the desk, the console, the operator's card.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TypedDict

from realtime.control.actions import ACTIONS
from realtime.control.alarms import ALARMS, ANY, NOTES, Alarm

_STAGE = r"(?:(?:performer|playout|web server|link|output [^:]*): )?"
"""What a stage says is told with the stage's name before it."""


class Hint(TypedDict):
    """An alarm for clients: its name, what it means and what to press, with the show's keys."""

    name: str
    means: str
    press: str


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(_STAGE + ".+".join(re.escape(part) for part in text.split(ANY)), re.DOTALL)


def alarm_beside(reason: str) -> Alarm | None:
    """The alarm that the text beside the state tells of; None where nothing is wrong."""
    return next((row for row in ALARMS if any(_pattern(text).fullmatch(reason) for text in row.beside)), None)


def alarm_in(message: str) -> Alarm | None:
    """The alarm that a message tells of; None where it is a note."""
    return next((row for row in ALARMS if any(_pattern(text).fullmatch(message) for text in row.said)), None)


def note_of(message: str) -> str | None:
    """What a message says where nothing is wrong; None for any other text."""
    if alarm_in(message) is not None:
        return None
    return next((means for text, means in NOTES.items() if _pattern(text).fullmatch(message)), None)


def with_keys(text: str, keys: Mapping[str, str]) -> str:
    """A text of the tables with its actions written out: "{restart}" becomes "restart (p)".

    keys: action → key, "" where it has none. Raises KeyError for an action that there is not.
    """

    def written(found: re.Match[str]) -> str:
        name = ACTIONS[found[1]].name
        return f"{name} ({keys[name]})" if keys.get(name) else name

    return re.sub(r"\{([a-z0-9-]+)\}", written, text)


def hint(alarm: Alarm, keys: Mapping[str, str]) -> Hint:
    """An alarm for clients. keys: see `with_keys`."""
    name, means, press = (with_keys(text, keys) for text in (alarm.name, alarm.means, alarm.press))
    return {"name": name, "means": means, "press": press}
