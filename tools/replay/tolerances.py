"""TABLE of how far a replay may be from its rehearsal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """What a check allows, ends included. unit: for people."""

    most: float
    unit: str
    help: str


TOLERANCES: Mapping[str, Tolerance] = {
    "actions": Tolerance(250, "ms", "how far from its time an action is done"),
    "states": Tolerance(750, "ms", "how far from its time the programme changes its state"),
    "players": Tolerance(10_000, "ms", "how far from its time another player, who is loaded, is there"),
    "frames": Tolerance(50, "%", "of the camera's pictures that were seen, those that are not seen again"),
    "ticks": Tolerance(5, "ticks", "how many ticks earlier or later a picture is seen, for 95 % of them"),
    "latency p50": Tolerance(100, "ms", "how much longer the way from camera to programme takes, median"),
    "latency p95": Tolerance(200, "ms", "likewise, for 95 % of the pictures"),
    "pictures": Tolerance(7, "levels", "how different the same picture of the programme is, median"),
    "worst": Tolerance(14, "levels", "likewise, for 95 % of the pictures"),
}


def tolerances(given: Iterable[str] = ()) -> dict[str, float]:
    """The table's values. given: "NAME=VALUE" in place of some. Raises ValueError."""
    most = {name: tolerance.most for name, tolerance in TOLERANCES.items()}
    for text in given:
        name, _, value = text.rpartition("=")
        if name not in most:
            raise ValueError(f"--allow {text}: write NAME=VALUE; the names are: {', '.join(most)}")
        try:
            most[name] = float(value)
        except ValueError:
            raise ValueError(f"--allow {text}: {value!r} is no number") from None
    return most
