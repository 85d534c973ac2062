"""Malformed HTTP requests, as bytes. Pure: all chance comes from the generator that is given.

None of them asks for anything that a show would do: a body for an action has wrong arguments.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from typing import Any

HOST = b"127.0.0.1"

METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"HEAD", b"BREW", b"get", b"CONNECT")

PATHS = (
    b"/",
    b"/console",
    b"/state",
    b"/metrics",
    b"/api/state",
    b"/api/login",
    b"/api/actions",
    b"/api/openapi.json",
    b"/api/doctor",
    b"/whep/programme",
    b"/whep/preview",
    b"/whep/none",
    b"/whep/programme/none",
    b"/console/operator.js",
    b"/console/../server.py",
    b"/console/%2e%2e/server.py",
    b"/console/%00",
    b"/%ff%fe",
    b"//////[::",
    b"*",
    b"http://[::/",
    b"http://evil.example/",
    b"/?" + b"a=b&" * 300,
    b"/" + b"a" * 1001,
    b"/" + b"a" * 20_000,
    b"/api/actions/%0d%0aX:%20y",
    b"/api/actions/\xc3\xa9",
)

ACTIONS = ("delay", "freeze", "player", "pick", "fade", "mirror", "record", "slate", "none")

NO_REQUESTS = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),  # TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00",  # HTTP/2
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL",  # ZeroMQ
    b"\r\n" * 2000,
    b"\x00" * 4096,
    b"GET /" + b" HTTP/1.1" * 200 + b"\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\n\n",
    b"GET\t/\tHTTP/1.1\r\n\r\n",
    b" GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
)

ODD_HEADERS = (
    b"Host: [::",
    b"Host: 127.0.0.1:99999999",
    b"Host: \xff",
    b"Host: ",
    b"Host: evil.example",
    b"Origin: http://[::",
    b"Origin: null",
    b"Origin: \xff\xfe",
    b"Cookie: dancecam=\xff; =; ;;;",
    b"Cookie: " + b"a=b; " * 500,
    b"Authorization: Bearer",
    b"Authorization: \xff\xfe",
    b"Authorization: Basic OjpbOg==",
    b"Expect: 200-maybe",
    b"Expect: \xff",
    b"X-Forwarded-For: 1.2.3.4, ::::, \xff",
    b"Forwarded: for=\xff",
    b"Content-Type: \xff/\xff",
    b"Content-Type: application/json; charset=klingon",
    b"Content-Encoding: br",
    b"Content-Encoding: gzip",
    b"Content-Encoding: gzip, gzip, gzip",
    b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: chunked, chunked",
    b"Connection: close, keep-alive, upgrade",
    b"Upgrade: h2c",
    b"Range: bytes=-1,0-,9-2",
    b"If-Modified-Since: Thu, 99 Foo 99999 99:99:99 GMT",
    b'If-None-Match: "',
    b"Accept: \xff;q=9",
    b"Name with space: x",
    b": no name",
    b"X\x00Y: z",
    b"X: a\x00b",
    b"X: a\rb",
    b" folded",
    b"X:" + b" " * 8000,
)

LENGTHS = (
    b"-1",
    b"abc",
    b"1e3",
    b"0x10",
    b"+5",
    b"9" * 30,
    b"9" * 5000,
    b"18446744073709551616",
    b"104857600",
)

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    -float("inf"),
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e\U0001f4a9\x1b[2J",
    "a" * 20_000,
    [],
    [[]],
    {},
    {"\udfff": 1},
    ["a", 1, None],
)


def no_request(rng: random.Random) -> bytes:
    """What is no HTTP at all, or has a broken first line."""
    if rng.random() < 0.3:
        return rng.randbytes(rng.randint(1, 2000))
    return rng.choice(NO_REQUESTS)


def odd_headers(rng: random.Random, token: str) -> bytes:
    """A request with headers that no client would send, sometimes with the token."""
    headers = rng.sample(ODD_HEADERS, rng.randint(1, 4))
    if rng.random() < 0.3:
        headers.append(f"Authorization: Bearer {token}".encode())
    if rng.random() < 0.1:
        headers += [b"X-%d: %d" % (n, n) for n in range(rng.choice((200, 2000)))]
    return _request(rng.choice(METHODS), rng.choice(PATHS), headers)


def odd_length(rng: random.Random) -> bytes:
    """A request whose body is not as long as it says, or comes in broken chunks."""
    start = b"POST", rng.choice((b"/api/login", b"/whep/programme", b"/api/actions/delay"))
    body = rng.randbytes(rng.randint(0, 500))
    which = rng.randrange(4)
    if which == 0:
        return _request(*start, [b"Content-Length: " + rng.choice(LENGTHS)], body)
    if which == 1:
        return _request(*start, [b"Content-Length: 5", b"Content-Length: 50"], body)
    if which == 2:
        return _request(*start, [b"Content-Length: 5", b"Transfer-Encoding: chunked"], b"0\r\n\r\n" + body)
    size = rng.choice((b"zz", b"-1", b"ffffffffffffffff", b"5;" + b"x" * 9000, b"\xff", b"100000000"))
    return _request(*start, [b"Transfer-Encoding: chunked"], size + b"\r\n" + body + b"\r\n")


def bomb(rng: random.Random) -> bytes:
    """A short body that is 32 MiB long once it is unpacked."""
    name, data = rng.choice(_BOMBS)
    path = rng.choice((b"/api/login", b"/whep/programme"))
    return _request(b"POST", path, [b"Content-Encoding: " + name, b"Content-Length: %d" % len(data)], data)


def odd_body(rng: random.Random, token: str) -> bytes:
    """JSON that an action or the login cannot use: too deep, of wrong types, cut off, or none at all."""
    which = rng.randrange(6)
    if which == 0:
        deep = rng.choice((100, 5000, 30_000))
        body = rng.choice((b"[" * deep + b"]" * deep, b'{"a":' * deep + b"1" + b"}" * deep, b"[" * deep))
    elif which == 1:
        body = rng.choice(
            (
                b"\xff",
                b"\xef\xbb\xbf[]",
                b'{"a": \xff}',
                b"nul",
                b'{"a": 1' + b"0" * 6000 + b"}",
                b"NaN",
                b"[NaN]",
                b"Infinity",
                b'{"name": "\\ud8',
                '["\u00e9"]'.encode("utf-16"),
                b"'",
                b'{"seconds": 1e999, "x": 1}',
            )
        )
    elif which == 2:
        body = b"[" + rng.randbytes(rng.randint(1, 400))
    else:  # a name that no action has keeps it from being done
        names = rng.sample(("seconds", "name", "x", "y", "on", "confirm", "token", "place"), 2)
        given = {name: rng.choice(ODD_VALUES) for name in names}
        body = json.dumps({**given, "no such argument": rng.choice(ODD_VALUES)}).encode()
    path = b"/api/login" if rng.random() < 0.2 else f"/api/actions/{rng.choice(ACTIONS)}".encode()
    headers = [b"Content-Length: %d" % len(body)]
    if path != b"/api/login":
        headers.append(f"Authorization: Bearer {token}".encode())
    return _request(b"POST", path, headers, body)


def too_much(rng: random.Random) -> bytes:
    """A body beyond what is taken, or many requests at once on one connection."""
    if rng.random() < 0.5:
        body = rng.choice((b" ", b"[", b"a")) * rng.choice((70_000, 1_000_000))
        return _request(b"POST", b"/api/login", [b"Content-Length: %d" % len(body)], body)
    return _request(b"GET", rng.choice((b"/state", b"/api/state", b"/none")), []) * rng.choice((10, 200))


def head_of(method: bytes, path: bytes, headers: list[bytes]) -> bytes:
    """Up to the empty line."""
    lines = [method + b" " + path + b" HTTP/1.1"]
    if not any(header.startswith(b"Host:") for header in headers):
        lines.append(b"Host: " + HOST)
    return b"\r\n".join([*lines, *headers]) + b"\r\n\r\n"


def _request(method: bytes, path: bytes, headers: list[bytes], body: bytes = b"") -> bytes:
    return head_of(method, path, headers) + body


_LONG = bytes(32 << 20)
_BOMBS = ((b"gzip", gzip.compress(_LONG)), (b"deflate", zlib.compress(_LONG)))
del _LONG
