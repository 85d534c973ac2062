"""Malformed OSC packets, and messages that no process of a show sends another. Pure, as `http_requests`."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

from realtime.transport.messages import PROTOCOL
from tools.reliability.malformed.http_requests import ODD_VALUES

GREETING = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00"
"""How a ZeroMQ connection begins (ZMTP 3.0, https://rfc.zeromq.org/spec/23/): signature and version."""

MECHANISMS = (b"NULL", b"PLAIN", b"CURVE", b"\xff" * 20)
DEEP = "[" * 30_000


def osc(rng: random.Random) -> bytes:
    """A packet that asks for nothing that can be done."""
    which = rng.randrange(7)
    if which == 0:
        return rng.randbytes(rng.randint(0, 1400))
    if which == 1:
        return b"#bundle\0" + bytes(8) + struct.pack("!i", rng.choice((-1, 0, 3, 2**31 - 1))) + b"/x\0\0"
    if which == 2:  # bundles in bundles
        packet = _osc("/dancecam/none", ",", b"")
        for _ in range(rng.choice((3, 20, 100))):
            packet = b"#bundle\0" + bytes(8) + struct.pack("!i", len(packet)) + packet
        return packet
    if which == 3:
        element = _osc("/dancecam/none", ",", b"")
        return b"#bundle\0" + bytes(8) + (struct.pack("!i", len(element)) + element) * rng.choice((33, 300))
    if which == 4:
        number = rng.choice((b"\x7f\xc0\0\0", b"\x7f\x80\0\0", b"\x7f\xff\xff"))  # NaN, infinity, cut off
        return _osc("/dancecam/delay", rng.choice((",f", ",d", ",h")), number)
    if which == 5:
        return _osc("/dancecam/" + rng.choice(("none", "\u00e9", "a" * 3000)), ",s", b"\xff\xfe\0\0")
    types = rng.choice((",b", ",[[[", ",iiii", ",s" * 400, ",\xff"))
    return _osc("/dancecam/player", types, rng.randbytes(16))


def _osc(address: str, types: str, arguments: bytes) -> bytes:
    return _padded(address.encode()) + _padded(types.encode()) + arguments


def _padded(text: bytes) -> bytes:
    return text + bytes(4 - len(text) % 4)


def raw(rng: random.Random) -> bytes:
    """To a socket of ZeroMQ: no greeting, half of one, or a greeting with frames that are broken."""
    which = rng.randrange(5)
    if which == 0:
        return rng.randbytes(rng.randint(1, 3000))
    if which == 1:
        return GREETING[: rng.randint(1, len(GREETING))]
    greeting = GREETING + rng.choice(MECHANISMS).ljust(20, b"\0") + bytes(32)
    if which == 2:
        return greeting + rng.randbytes(rng.randint(1, 300))
    if which == 3:  # a command that says it is 1 EiB long
        return greeting + b"\x06" + struct.pack("!Q", 1 << 60) + b"\x05READY"
    ready = b"\x05READY\x0bSocket-Type" + struct.pack("!I", 4) + b"PUSH"
    frames = b"\x02" + struct.pack("!Q", rng.choice((1 << 60, 1 << 33, (1 << 64) - 1))) + b"a" * 1000
    return greeting + b"\x04" + bytes([len(ready)]) + ready + frames


def message(rng: random.Random) -> list[bytes]:
    """The parts of a message to a process of the show that is nothing it could use."""
    return [_part(rng) for _ in range(rng.choice((1, 1, 1, 1, 3)))]


def _part(rng: random.Random) -> bytes:
    which = rng.randrange(7)
    if which == 0:
        return rng.randbytes(rng.choice((0, 1, 20, 300, 100_000)))
    if which == 1:
        return rng.choice((DEEP, "nul", "NaN", "[]", "{}", '"ab', "1" * 5000, "\u00e9", '{"id": ')).encode()
    if which == 2:
        return json.dumps(rng.choice(ODD_VALUES)).encode()
    if which == 3:  # as outputs tell the playout what they want, and windows which key was pressed
        first = rng.choice([value for value in ODD_VALUES if value != " "])  # the space bar is a key
        return json.dumps([first, rng.choice(ODD_VALUES)]).encode()
    if which == 4:  # as the web server asks the desk
        ask: Any = rng.choice(("act", "note", "tell", "count", "_state", None, ["act"], {}))
        given: dict[str, Any] = {"ask": ask, "id": rng.choice(ODD_VALUES), "no such field": None}
        return json.dumps(given).encode()
    version = rng.choice((PROTOCOL, PROTOCOL, 0, 255, -1, "4", None))
    status = {
        "version": version,
        "stage": rng.choice((*ODD_VALUES, "performer")),
        "attempt": rng.choice(ODD_VALUES),
        "alive_ns": rng.choice(("x", None, [], float("nan"))),
        "ready": rng.choice(ODD_VALUES),
        "delta": rng.choice(ODD_VALUES),
        "playout": rng.choice(ODD_VALUES),
    }
    return json.dumps(status).encode()
