"""The result of a check, in one line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from realtime.config.show import Show


class Level(StrEnum):
    """WARN: the show runs, but not as well or as safely as it should. FAIL: it will not run, or must not."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """found: the present state. advice: what to do; "" where nothing is to be done."""

    level: Level
    check: str
    found: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.level:<5} {self.check:<8} {self.found}{f' -> {self.advice}' if self.advice else ''}"


@dataclass(frozen=True)
class Case:
    """What to check. file: the show file, None without one. beside_show: the show is already running, and
    holds its camera and its ports."""

    show: Show
    file: Path | None = None
    beside_show: bool = False


def ok(check: str, found: str) -> Finding:
    return Finding(Level.OK, check, found)


def warn(check: str, found: str, advice: str) -> Finding:
    return Finding(Level.WARN, check, found, advice)


def fail(check: str, found: str, advice: str) -> Finding:
    return Finding(Level.FAIL, check, found, advice)
