"""Who agreed to a player's likeness, for what and until when: the table `[likeness]` of a player pack.

`engines.pack.manifest` reads it; `tools.train` and `tools.rights` write it. A show checks it before it begins
and at each change of player.
"""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

TABLE = "likeness"
KEYS = ("agreed_by", "for", "until", "note")
NEAR_DAYS = 30
"""Operators are reminded from this many days before the last day on."""
LONGEST_TEXT = 500
"""The most characters in each of the texts."""

_NOT_SHOWN = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, surrogates and ends of lines."""
_HEADER = re.compile(rf"\[\s*{TABLE}\s*\]\s*(#.*)?")


@dataclass(frozen=True)
class Rights:
    """An agreement. agreed_by: who gave it. purpose: for what. until: the last day on which it holds."""

    agreed_by: str
    purpose: str
    until: date
    note: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for a text that cannot be kept."""
        for key, text in (("agreed_by", self.agreed_by), ("for", self.purpose), ("note", self.note)):
            if not text and key != "note":
                raise ValueError(f"{key} is empty")
            if not is_line(text, LONGEST_TEXT):
                raise ValueError(f"{key} must be one line of {LONGEST_TEXT} characters at most")

    @classmethod
    def read(cls, table: object) -> Rights:
        """An agreement from its TOML table. Raises ValueError with one line."""
        if not isinstance(table, Mapping):
            raise ValueError(f"[{TABLE}] is no table")
        unknown = sorted(set(table) - set(KEYS))
        if unknown:
            raise ValueError(f"[{TABLE}] has the unknown key {unknown[0]!a}; known: {', '.join(KEYS)}")
        texts = [table.get(key, "") for key in ("agreed_by", "for", "note")]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"[{TABLE}]: agreed_by, for and note are texts")
        try:
            return cls(texts[0], texts[1], read_date(table.get("until")), texts[2])
        except ValueError as error:
            raise ValueError(f"[{TABLE}]: {error}") from error

    def days_left(self, today: date) -> int:
        """Days until the last day: 0 on it, negative after it."""
        return (self.until - today).days

    def is_near(self, today: date) -> bool:
        """Whether operators must be reminded: the last day is near, or over."""
        return self.days_left(today) <= NEAR_DAYS

    def expiry(self, name: str, today: date) -> str:
        """Why the player `name` may not be shown any more, one line; "" while the agreement holds."""
        if self.days_left(today) >= 0:
            return ""
        return (
            f"player {name}: the agreement on the likeness ended with {self.until.isoformat()} (agreed by "
            f"{self.agreed_by}): renew it and write it down with python -m tools.rights, or start the show "
            "with --allow-expired"
        )


def is_line(text: str, longest: int) -> bool:
    """Whether it is one line of at most `longest` characters, all of which a terminal shows as they are."""
    return len(text) <= longest and not any(unicodedata.category(each) in _NOT_SHOWN for each in text)


def read_date(value: object) -> date:
    """A date, or a text such as 2027-06-30. Raises ValueError."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"{value} is no day: {error}") from error
    raise ValueError("until must be a date such as 2027-06-30")


def without_rights(manifest: str) -> str:
    """The manifest's text without its table `[likeness]`, if it has one."""
    lines = manifest.split("\n")
    begin = next((n for n, line in enumerate(lines) if _HEADER.fullmatch(line.strip())), None)
    if begin is None:
        return manifest
    after = (n for n in range(begin + 1, len(lines)) if lines[n].lstrip().startswith("["))
    rest = lines[next(after, len(lines)) :]
    before = lines[:begin]
    while before and not before[-1].strip():
        before.pop()
    return "\n".join([*before, *(["", *rest] if rest else [""])])


def with_rights(manifest: str, rights: Rights | None) -> str:
    """The manifest's text with these rights in place of its own; None: without rights.

    Raises ValueError where the text's form does not allow a safe change.
    """
    text = without_rights(manifest)
    if rights is not None:
        texts = {"agreed_by": rights.agreed_by, "for": rights.purpose, "note": rights.note}
        lines = [
            *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in texts.items() if value),
            f"until = {rights.until.isoformat()}",
        ]
        text = "\n".join([text.rstrip("\n"), "", f"[{TABLE}]", *lines, ""])
    by_hand = f"[{TABLE}] cannot be changed without changing the rest: edit it by hand"
    before = tomllib.loads(manifest)
    before.pop(TABLE, None)
    try:
        after = tomllib.loads(text)
        written = Rights.read(after.pop(TABLE)) if TABLE in after else None
    except ValueError as error:
        raise ValueError(by_hand) from error
    if repr(before) != repr(after) or written != rights:  # as texts, since nan differs from itself
        raise ValueError(by_hand)
    return text
