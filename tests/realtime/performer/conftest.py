"""A performer that plays a clip."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from realtime.performer import fan
from realtime.performer.networks import Nets
from tests.realtime.performer.stage import Stage


@pytest.fixture(autouse=True)
def nobody_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause of a busy machine makes no new dancer of anybody."""
    monkeypatch.setattr(fan, "FORGET_NS", 600_000_000_000)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """changes: of the show."""
    stages: list[Stage] = []

    def make(nets: Nets, **changes: object) -> Stage:
        stage = Stage(tmp_path, nets, others={"Two": tmp_path / "two"}, **changes)
        stages.append(stage)
        stage.performer.start(must_open=True)
        return stage

    yield make
    for stage in stages:
        stage.close()
