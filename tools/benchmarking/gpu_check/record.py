"""The results of a check as JSON, rewritten whenever there is something new."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tools.benchmarking.measuring.results import Figure, ResultsError, Row

FORMAT = 1


class CheckError(RuntimeError):
    """A measurement is not as it must be; the text says what was found and what was expected."""


@dataclass(frozen=True)
class Failure:
    """what: the step that failed, within its part. traceback: Python's, or empty."""

    what: str
    error: str
    traceback: str = ""


@dataclass
class Part:
    """The results of one part. seconds: its time; budget_s: its limit. facts: results that are not rows."""

    name: str
    title: str
    budget_s: float
    seconds: float = 0.0
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Part:
        """Raises KeyError, TypeError."""
        rows = [Row(**row) for row in entry["rows"]]
        return cls(**{**entry, "rows": rows, "failures": [Failure(**each) for each in entry["failures"]]})


@dataclass
class Record:
    """A whole check. device: "cuda", or "cpu" for a rehearsal."""

    device: str
    quick: bool
    command: str
    started: str
    format: int = FORMAT
    parts: list[Part] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, Any]:
        """Facts about the machine; empty where the part that finds them did not run."""
        return next((part.facts for part in self.parts if part.name == "environment"), {})

    @property
    def machine(self) -> str:
        """The machine's name in tables."""
        return str(self.facts.get("machine", "unknown"))

    @property
    def is_rehearsal(self) -> bool:
        """Whether its figures tell nothing about a GPU."""
        return self.quick or self.device != "cuda"

    @property
    def failed(self) -> list[str]:
        return [part.name for part in self.parts if part.failures]

    def write(self, path: Path) -> None:
        """Replaces the file as a whole. Raises OSError."""
        _write(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Record:
        """Raises ResultsError."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != FORMAT:
                raise ValueError(f"it is of format {data['format']}, not {FORMAT}")
            return cls(**{**data, "parts": [Part.from_json(entry) for entry in data["parts"]]})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"{path} is nothing that tools.gpu_check wrote ({error})") from error


class Notebook:
    """Where a running part writes each result at once: a killed part loses nothing."""

    def __init__(self, part: Part, path: Path) -> None:
        self._part, self._path = part, path
        self._save()

    def row(self, what: str, **figures: Figure) -> None:
        """figures: by the names of `tools.benchmarking.show.page.COLUMNS`; None is left out."""
        self._part.rows.append(Row(what, {name: each for name, each in figures.items() if each is not None}))
        self._save()

    def note(self, text: str) -> None:
        self._part.notes.append(text)
        self._save()

    def facts(self, **facts: Any) -> None:
        self._part.facts.update(facts)
        self._save()

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Within this context, an error is recorded as the failure of `what`, and the part goes on
        afterwards."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # whatever it is, the rest of the part is of worth
            self.fail(what, error)

    def fail(self, what: str, error: BaseException) -> None:
        text = " ".join(str(error).split())
        kind = type(error).__name__
        self._part.failures.append(
            Failure(what, f"{kind}: {text}" if text else kind, "".join(traceback.format_exception(error)))
        )
        self._save()

    def _save(self) -> None:
        _write(self._path, asdict(self._part))


def _write(path: Path, data: dict[str, Any]) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
