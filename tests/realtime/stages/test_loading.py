"""What a performer that loads says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engines.runtime.progress import doing, found
from realtime.config.show import Show
from realtime.performer import performer
from realtime.performer.networks import Nets
from realtime.stages.memory import LOAD_BYTES
from realtime.transport.telemetry import Meter
from tests.realtime.fakes import fake_nets

QUANTIZING = "quantizing the generator (about half a minute, once)"
CHOSEN = "precision of the generator: f32 66 ms, int8 35 ms at 320x448: int8, 1 thread"


@pytest.fixture(autouse=True)
def nicer(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """By how much the process would be nicer."""
    by: list[int] = []
    monkeypatch.setattr(performer, "be_nicer", by.append)
    return by


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


@pytest.mark.parametrize("attempt", [0, 1])
def test_the_other_players_are_loaded_before_the_show_unless_it_is_started_again(
    monkeypatch: pytest.MonkeyPatch, nicer: list[int], attempt: int
) -> None:
    """And it takes its time only once they are."""
    given: list[Any] = []

    def start(*arguments: Any) -> Any:
        given.extend(arguments)
        return SimpleNamespace(start=lambda must_open: None)

    monkeypatch.setattr(performer, "Performer", start)
    monkeypatch.setattr(performer, "free_bytes", lambda: LOAD_BYTES)

    def load(show: Show) -> Nets:
        def other(folder: Path) -> Nets:
            assert not nicer
            return replace(fake_nets(show), name=folder.name, heavy=(object(),))

        return replace(other(Path("first")), load_player=other)

    others = (Path("players/two"), Path("players/three"))
    context: Any = SimpleNamespace(
        rig=SimpleNamespace(show=Show(camera="fan.mp4", players=others), nets=load), attempt=attempt
    )
    link: Any = SimpleNamespace(meter=Meter(), bus=None)
    parts: list[str] = []
    performer._load(context, link, cast(Any, SimpleNamespace(begin=parts.append, step=parts.append)))
    assert nicer == [performer.NICENESS]
    loaded = given[4]
    assert {folder: nets.name for folder, nets in loaded.items()} == (
        {} if attempt else {folder: folder.name for folder in others}
    )
    assert parts[1:-1] == ([] if attempt else ["loading the player two", "loading the player three"])
