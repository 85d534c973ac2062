"""The show log: one JSON line for each action and each change of state, who and when. Never a picture."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from realtime.inputs.lines import JsonLines


class ShowLogError(OSError):
    """The log cannot be written; the text names the file."""


class ShowLog(JsonLines):
    """One file for each show."""

    def __init__(self, folder: Path, started: datetime) -> None:
        """The file is named by the time at which the show started. Raises ShowLogError."""
        path = folder / f"show-{started:%Y%m%d-%H%M%S}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            super().__init__(path, "the show log")
        except OSError as error:
            raise ShowLogError(f"the show log {path} cannot be written: {error.strerror}") from error
