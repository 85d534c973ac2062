"""Reads TOML files that people write; what is wrong with one is a line for who wrote it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails

from realtime.config.fields import UNKNOWN_KEY
from realtime.config.redact import redact

MOST_BYTES = 1024 * 1024
LONGEST_GIVEN = 200
"""Characters of a wrong value that its error shows."""

SECRET = {"token", "urls", "username", "credential"}
"""Keys whose values must not appear in messages."""


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The content of a file. what: names it in the error, such as "show file x.toml". Raises ValueError with
    one line."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{what} cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise ValueError(f"{what} is none: it is larger than {MOST_BYTES} bytes")
    try:
        return tomllib.loads(content.decode())
    except RecursionError as error:
        raise ValueError(f"{what} is not TOML: it is nested too deeply") from error
    except ValueError as error:  # of TOML, of UTF-8, of a number too long
        raise ValueError(f"{what} is not TOML: {error}") from error


def line_of(error: ErrorDetails) -> str:
    """What is wrong, for who wrote it. What was written is shown too, but no secrets, and no tables, which
    may have some."""
    key = ".".join(str(part) for part in error["loc"])
    key = "".join(each if each.isprintable() else repr(each)[1:-1] for each in key)
    if error["type"] == UNKNOWN_KEY:
        beside, context = f"{key}." if key else "", error["ctx"]
        return f"unknown key {beside + context['key']!r}; known keys here: {context['known']}"
    text, given = error["msg"].removeprefix("Value error, "), redact(repr(error["input"]))
    if SECRET & set(error["loc"]) or "{" in given:
        return f"{key}: {text}"
    return f"{key}: {text} (given: {given if len(given) <= LONGEST_GIVEN else given[:LONGEST_GIVEN] + '...'})"
