"""A recording's folder: its takes, and `coverage.json` with what they cover so far."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from tools.coverage.meter import Coverage, CoverageError
from tools.record.takes import takes_in

STATE = "coverage.json"


class RecordingError(ValueError):
    """A folder into which one cannot record; the text says why and what to do."""


@dataclass(frozen=True)
class Recording:
    """folder: where the takes go. coverage: of all takes so far."""

    folder: Path
    coverage: Coverage

    @classmethod
    def open(cls, folder: Path) -> Recording:
        """Makes the folder, or continues with what is in it. Raises RecordingError."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecordingError(f"{folder} cannot be made: {error.strerror}; name another folder") from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise RecordingError(f"{folder} may not be written to: name another folder")
        state = folder / STATE
        if not state.exists():
            if takes_in(folder):
                raise RecordingError(
                    f"{folder} holds takes but no {STATE}: name another folder, or write it again with "
                    f"python -m tools.coverage {quote(str(folder))} --json > {quote(str(state))}"
                )
            return cls(folder, Coverage())
        try:
            coverage = Coverage.from_json(json.loads(state.read_text(encoding="utf-8")))
        except (OSError, ValueError, CoverageError) as error:
            raise RecordingError(
                f"{state} cannot be read ({error}): write it again with "
                f"python -m tools.coverage {quote(str(folder))} --json > {quote(str(state))}"
            ) from None
        return cls(folder, coverage)

    def save(self) -> None:
        """Replaces coverage.json as a whole. Raises OSError."""
        part = self.folder / f".{STATE}.part"
        part.write_text(json.dumps(self.coverage.to_json()) + "\n", encoding="utf-8")
        part.replace(self.folder / STATE)
