"""A control server with a desk that is played."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.realtime.control.network.test_server import Place


@pytest.fixture
def place() -> Iterator[Place]:
    with closing(Place()) as one:
        yield one
