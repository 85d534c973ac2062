"""Makes errors and foreign texts fit for one line to the operator: short and printable."""

from __future__ import annotations

LONGEST_SHOWN = 60
"""The most characters of a foreign text that are shown."""


def one_line(error: BaseException) -> str:
    """An error as a line for the operator. Our own errors speak for themselves; others get their type's
    name."""
    text = " ".join(str(error).split())
    module = type(error).__module__.split(".")[0]
    if module in ("realtime", "engines", "calibration") and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def shown(value: object) -> str:
    """A foreign value, short and printable for a terminal's line."""
    text = repr(value[:LONGEST_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
