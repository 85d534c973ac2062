"""A benchmark's results as data: rows of figures, with the machine and the command."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Figure = float | str | None


class ResultsError(ValueError):
    """A results file that cannot be read; the text names it and the next step."""


@dataclass(frozen=True)
class Row:
    """One measured thing. figures: by the names of `page.COLUMNS`."""

    what: str
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Result:
    """One part on one machine. machine: its name in tables. details: more about it, and its load."""

    part: str
    title: str
    machine: str
    command: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """A result replaces the older one of the same key."""
        return self.part, self.title, self.machine


def read_results(path: Path) -> list[Result]:
    """The results in a file by `write_results`; none where there is no file. Raises ResultsError."""
    if not path.exists():
        return []
    try:
        return [
            Result(**{**entry, "rows": [Row(**row) for row in entry["rows"]]})
            for entry in json.loads(path.read_text(encoding="utf-8"))["results"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f"{path} holds no results that can be read ({error}): move it away, and measure again"
        ) from error


def write_results(path: Path, new: Iterable[Result]) -> list[Result]:
    """Adds `new` to those in `path`, in place of older ones of the same key; returns all.

    Raises ResultsError, OSError.
    """
    kept = {result.key: result for result in (*read_results(path), *new)}
    everything = list(kept.values())
    part = path.with_name(path.name + ".part")
    part.write_text(
        json.dumps({"results": [asdict(result) for result in everything]}, indent=1) + "\n", encoding="utf-8"
    )
    part.replace(path)
    return everything
