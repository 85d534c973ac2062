"""What a performer that loads says of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engines.runtime.progress import doing, found
from realtime.config.show import Show
from realtime.performer import performer
from realtime.performer.networks import Nets
from realtime.transport.telemetry import Meter
from tests.realtime.fakes import fake_nets

QUANTIZING = "quantizing the generator (about half a minute, once)"
CHOSEN = "precision of the generator: f32 66 ms, int8 35 ms at 320x448: int8, 1 thread"


def test_what_takes_long_and_what_was_found_reaches_console_and_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performer, "Performer", lambda *_: SimpleNamespace(start=lambda must_open: None))

    def load(show: Show) -> Nets:
        doing(QUANTIZING)
        found(CHOSEN)
        return fake_nets(show)

    steps: list[str] = []
    meter = Meter()
    context: Any = SimpleNamespace(
        rig=SimpleNamespace(show=Show(camera="fan.mp4", players=(Path("players/other"),)), nets=load),
        attempt=1,
    )
    link: Any = SimpleNamespace(meter=meter, bus=None)
    performer._load(context, link, cast(Any, SimpleNamespace(begin=steps.append, step=steps.append)))
    assert steps == ["loading the networks", QUANTIZING, "opening camera fan.mp4"]
    assert [text for _, text in meter.take().events] == [QUANTIZING, CHOSEN]
    doing("nobody listens any more")
    assert not meter.has_events()
