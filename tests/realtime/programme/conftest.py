"""A playout that is ticked by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from realtime.outputs.sink import OutputSink
from realtime.programme import playout
from realtime.transport.orders import Orders
from tests.realtime.fakes import fake_show
from tests.realtime.programme.on_air import Board, Start, TickClock, Viewer


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """A board with one viewer of everything, and of other sinks; show keys by name. orders: see `Board`."""
    boards: list[Board] = []
    clock = TickClock()
    monkeypatch.setattr(playout, "time", clock)

    def make(
        *sinks: OutputSink,
        plates: tuple[Path, ...] = (),
        orders: Orders | None = None,
        **changes: object,
    ) -> tuple[Board, Viewer]:
        show, player = fake_show(tmp_path, healthy_ms=100, **changes)
        player = replace(player, plates=plates)
        viewer = Viewer("all", "picture", "layer", "preview")
        board = Board(show, player, [viewer, *sinks], clock, orders)
        boards.append(board)
        return board, viewer

    yield make
    for board in boards:
        board.close()
