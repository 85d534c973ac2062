"""What a check finds, in one line."""

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
    """found: what there is. advice: what to do; "" where nothing is to be done."""

    level: Level
    check: str
    found: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.level:<5} {self.check:<8} {self.found}{f' -> {self.advice}' if self.advice else ''}"


@dataclass(frozen=True)
class Case:
    """What is to be looked at. file: the show file, None where there is none. beside_show: the show runs
    already, and holds its camera and its ports."""

    show: Show
    file: Path | None = None
    beside_show: bool = False


def ok(check: str, found: str) -> Finding:
    return Finding(Level.OK, check, found)


def warn(check: str, found: str, advice: str) -> Finding:
    return Finding(Level.WARN, check, found, advice)


def fail(check: str, found: str, advice: str) -> Finding:
    return Finding(Level.FAIL, check, found, advice)
