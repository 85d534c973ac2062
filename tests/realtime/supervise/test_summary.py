"""The line at the end of a show."""

from __future__ import annotations

from typing import Any

from realtime.supervise.summary import summary
from realtime.transport.telemetry import Totals


def report(**changes: Any) -> dict[str, Any]:
    return {
        "frames": {"shown": 236},
        "latency_ms": {"capture_to_programme": {"p50": 48.25, "p95": 61.0, "p99": 70.0}},
        "programme": {"ticks": 242, "missed": 0, "seconds": {"live": 7.8, "hold": 0.2, "fallback": 0.0}},
        "restarts": {},
        **changes,
    }


def test_it_says_how_long_how_smooth_and_how_late() -> None:
    assert summary(report()) == (
        "on air 8 s (LIVE 8 s), no tick of 242 missed, 29.5 new pictures of the player a second, "
        "48 ms from camera to programme (95 %: 61)"
    )


def test_what_went_wrong_is_said() -> None:
    programme = {"ticks": 90, "missed": 2, "seconds": {"live": 2.0, "fallback": 1.0}}
    said = summary(report(programme=programme, latency_ms={}, restarts={"performer": 2}))
    assert said == (
        "on air 3 s (LIVE 2 s, FALLBACK 1 s), 2 ticks of 90 missed, "
        "78.7 new pictures of the player a second, performer started again 2x"
    )


def test_a_show_that_was_never_on_air_has_none() -> None:
    assert summary(Totals().report(0, 0)) is None
