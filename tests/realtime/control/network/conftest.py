"""Control servers for tests: `place` with a desk that is played, `server` for hostile clients."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace

import pytest

from realtime.control.desk import Desk, Event
from realtime.control.keys import Keymap
from realtime.control.network.server import ControlServer
from realtime.transport.orders import Orders
from realtime.transport.telemetry import Totals
from tests.realtime.control.network.hostile import ELSEWHERE, TOKEN
from tests.realtime.control.network.place import Place


@pytest.fixture
def place() -> Iterator[Place]:
    with closing(Place()) as one:
        yield one


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def server(heard: list[Event]) -> Iterator[ControlServer]:
    desk = Desk(Orders(), Keymap(), {"player": {"Demo": "", "Jones": "Jones"}})
    desk.listen(heard.append)
    with closing(
        ControlServer(
            desk,
            Totals(),
            lambda: None,
            token=TOKEN,
            host="127.0.0.1",
            port=0,
            trusted_proxies=[ELSEWHERE],
        )
    ) as one:
        yield one


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """For wrong tokens no time passes: no try comes back, however long a test takes."""
    monkeypatch.setattr("realtime.control.network.auth.time", SimpleNamespace(monotonic=lambda: 100.0))


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Nothing may be said on the operator's terminal."""
    with caplog.at_level(logging.WARNING):
        yield caplog
    assert not [record.getMessage() for record in caplog.records]
