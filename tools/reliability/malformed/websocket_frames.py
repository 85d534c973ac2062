"""Malformed WebSocket connections (RFC 6455), as bytes. Pure, as `http_requests`."""

from __future__ import annotations

import json
import random
import struct
import zlib

from tools.reliability.malformed.http_requests import ODD_VALUES, head_of

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
FINAL, COMPRESSED = 0x80, 0x40
UPGRADE = [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"]
KEY = b"Sec-WebSocket-Key: c29hay1zb2FrLXNvYWstcw=="
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate"
DEEP = "[" * 8000


def connection(rng: random.Random, token: str) -> bytes:
    """All that a client sends: the handshake, mostly with the token, and then what no client should send."""
    headers = [*UPGRADE, KEY, *([DEFLATE] if rng.random() < 0.5 else [])]
    if rng.random() < 0.9:
        headers.append(f"Authorization: Bearer {token}".encode())
    if rng.random() < 0.1:  # and the handshake is broken too
        headers[rng.randrange(3)] = rng.choice((b"Sec-WebSocket-Version: 99", b"Upgrade: h2c", b"X: y"))
        headers[3] = rng.choice((b"Sec-WebSocket-Key: short", b"Sec-WebSocket-Key: \xff", KEY))
    frames = b"".join(_frames(rng) for _ in range(rng.randint(1, 3)))
    return head_of(b"GET", b"/api/events", headers) + frames


def frame(
    opcode: int, payload: bytes, *, flags: int = FINAL, says: int | None = None, mask: bool = True
) -> bytes:
    """says: how long it says it is, where that is not so."""
    length = len(payload) if says is None else says
    masked = 0x80 if mask else 0
    if length < 126:
        head = struct.pack("!BB", flags | opcode, masked | length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", flags | opcode, masked | 126, length)
    else:
        head = struct.pack("!BBQ", flags | opcode, masked | 127, length)
    return head + (b"\0\0\0\0" if mask else b"") + payload  # the mask of zeros changes nothing


def _frames(rng: random.Random) -> bytes:
    which = rng.randrange(10)
    if which == 0:
        says = rng.choice((100 << 20, 1 << 62, (1 << 64) - 1))
        return frame(rng.choice((TEXT, BINARY)), b"a" * 4000, says=says)
    if which == 1:
        return frame(rng.choice((3, 7, 11, 15)), rng.randbytes(20))
    if which == 2:
        return frame(TEXT, b"x", flags=FINAL | rng.choice((0x10, 0x20, 0x70)))
    if which == 3:
        return frame(TEXT, b"{}", mask=False)
    if which == 4:  # pieces without an end, or without a beginning
        first, others = rng.choice((0, TEXT)), rng.choice((0, TEXT))
        return frame(first, b"[", flags=0) + frame(others, b"[" * 200, flags=0) * 200
    if which == 5:
        return frame(PING, b"p" * rng.choice((125, 126, 5000))) * rng.choice((1, 200))
    if which == 6:
        return frame(CLOSE, rng.choice((b"\x00", b"\x00\x00", b"\xff\xff\xff", b"\x03\xe8" + b"\xff" * 50)))
    if which == 7:
        return frame(TEXT, rng.choice(_BOMBS), flags=FINAL | COMPRESSED)
    if which == 8:
        texts = (b"\xff\xfe", DEEP.encode(), b"a" * 16_384, b"a" * 70_000, rng.randbytes(99))
        return frame(TEXT, rng.choice(texts))
    return frame(TEXT, json.dumps(_asked(rng)).encode())


def _asked(rng: random.Random) -> object:
    """A message that asks for nothing that can be done."""
    if rng.random() < 0.4:
        return rng.choice(ODD_VALUES)
    arguments = rng.choice((rng.choice(ODD_VALUES), {"no such argument": rng.choice(ODD_VALUES)}))
    if arguments == {}:
        arguments = None
    return {
        "action": rng.choice((*ODD_VALUES, "freeze", "delay", "player")),
        "arguments": arguments,
        "id": rng.choice(ODD_VALUES),
        "confirm": rng.choice(ODD_VALUES),
    }


def _packed(length: int) -> bytes:
    """So many bytes as permessage-deflate has them (RFC 7692)."""
    deflate = zlib.compressobj(wbits=-15)
    return (deflate.compress(bytes(length)) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


_BOMBS = (_packed(20_000), _packed(16 << 20))
