"""Ports for programs of the tests that are told where to listen."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress

FIRST, LAST = 20_000, 32_000
"""The system gives none of these to anybody who does not ask for it: nobody takes one before it is used."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of this machine that nobody has."""
    chance = random.SystemRandom()  # another run of the tests, seeded alike, is to find other ones
    while True:
        port = chance.randint(FIRST, LAST)
        with socket.socket(socket.AF_INET, kind) as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def free_ports(count: int, addresses: Sequence[str]) -> int:
    """The first of so many in a row, for TCP, that nobody has at any of these addresses of this machine."""
    chance = random.SystemRandom()
    while True:
        first = chance.randint(FIRST, LAST - count)
        with suppress(OSError), ExitStack() as held:
            for port in range(first, first + count):
                for address in addresses:
                    held.enter_context(socket.create_server((address, port)))
            return first
