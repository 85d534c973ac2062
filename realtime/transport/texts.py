"""What may stand in a line for the operator: an error, and what came from outside, short and printable."""

from __future__ import annotations

LONGEST_SHOWN = 60
"""Characters of what somebody sent that are repeated to people."""


def one_line(error: BaseException) -> str:
    """An error for the operator. Our own errors speak for themselves; others say what they are."""
    text = " ".join(str(error).split())
    module = type(error).__module__.split(".")[0]
    if module in ("realtime", "engines", "calibration") and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def shown(value: object) -> str:
    """Something that came from outside, as it may stand in a line on a terminal: short and printable."""
    text = repr(value[:LONGEST_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
