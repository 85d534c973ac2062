"""Requests by hand, for tests of what strangers send to the control server."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from realtime.control.network.server import ControlServer

TOKEN = "a-token-of-a-test"


RIGHT = {"Authorization": f"Bearer {TOKEN}"}


ELSEWHERE = "127.0.0.9"
"""Through the proxy that the tests play, requests come from other machines."""


def port_of(server: ControlServer) -> int:
    return int(server.url.rstrip("/").rsplit(":", 1)[1])


def raw(server: ControlServer, data: bytes) -> bytes:
    """What is answered to these bytes, until the server closes or is quiet."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=60) as client:
        client.sendall(data)
        answer = b""
        while part := client.recv(65536):
            answer += part
            if b"\r\n\r\n" in answer:
                break
        return answer


def request(body: bytes, *headers: bytes, path: bytes = b"/api/actions/player") -> bytes:
    lines = [
        b"POST " + path + b" HTTP/1.1",
        b"Host: 127.0.0.1",
        f"Authorization: Bearer {TOKEN}".encode(),
        b"Content-Length: %d" % len(body),
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def flood(stack: ExitStack, port: int, n: int) -> list[socket.socket]:
    """Connections that are opened and say nothing."""
    return [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(n)]
