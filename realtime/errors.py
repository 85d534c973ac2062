"""What operators read of an error."""

from __future__ import annotations


def one_line(error: BaseException) -> str:
    """An error for the operator. Our own errors speak for themselves; others say what they are."""
    text = " ".join(str(error).split())
    module = type(error).__module__.split(".")[0]
    if module in ("realtime", "engines", "calibration") and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
