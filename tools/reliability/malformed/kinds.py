"""TABLE of what is sent: each message comes from a seed and its number alone, and can be sent again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tools.reliability.malformed import http_requests, offers, packets, websocket_frames
from tools.reliability.malformed.http_requests import HOST, head_of

Way = Literal["page", "whep", "osc", "bytes", "message"]
"""Where it goes: the page; the output's own WHEP socket, past the page; OSC; as mere bytes to a socket
between the show's processes, or to a port of the link; as a message on such a socket."""


@dataclass(frozen=True)
class Sent:
    """parts: of a message on a socket; elsewhere one piece. half: no more than this first half of it is sent.
    leave: the connection is ended at once, and nothing read."""

    kind: str
    way: Way
    parts: list[bytes]
    half: bool = False
    leave: bool = False


def _post(offer: bytes, path: bytes = b"/whep/programme") -> bytes:
    headers = [b"Content-Type: application/sdp", b"Content-Length: %d" % len(offer)]
    return head_of(b"POST", path, headers) + offer


def _straight(rng: random.Random) -> bytes:
    """To the output's own socket: offers, and what the page would not let through."""
    if rng.random() < 0.5:
        return _post(offers.offer(rng), rng.choice((b"/whep/programme", b"/whep/preview")))
    return http_requests.no_request(rng) if rng.random() < 0.5 else http_requests.odd_length(rng)


def _leaving(rng: random.Random) -> bytes:
    """Who was never there asks to leave."""
    name = rng.choice((b"none", b"%ff", b"a" * 900, b"..", b"none/none"))
    return head_of(
        rng.choice((b"DELETE", b"PATCH", b"OPTIONS")), b"/whep/programme/" + name, [b"Host: " + HOST]
    )


KINDS: dict[str, tuple[int, Way, Callable[[random.Random, str], list[bytes]]]] = {
    "no request": (12, "page", lambda rng, token: [http_requests.no_request(rng)]),
    "headers": (18, "page", lambda rng, token: [http_requests.odd_headers(rng, token)]),
    "length": (9, "page", lambda rng, token: [http_requests.odd_length(rng)]),
    "bomb": (1, "page", lambda rng, token: [http_requests.bomb(rng)]),
    "too much": (2, "page", lambda rng, token: [http_requests.too_much(rng)]),
    "JSON": (18, "page", lambda rng, token: [http_requests.odd_body(rng, token)]),
    "WebSocket": (10, "page", lambda rng, token: [websocket_frames.connection(rng, token)]),
    "offer": (8, "page", lambda rng, token: [_post(offers.offer(rng))]),
    "leaving": (2, "page", lambda rng, token: [_leaving(rng)]),
    "WHEP socket": (3, "whep", lambda rng, token: [_straight(rng)]),
    "OSC": (8, "osc", lambda rng, token: [packets.osc(rng)]),
    "bytes": (3, "bytes", lambda rng, token: [packets.raw(rng)]),
    "message": (6, "message", lambda rng, token: packets.message(rng)),
}
"""Kind → how many of a hundred, its way, and what makes it of chance and the token."""


def sent(seed: int, n: int, token: str) -> Sent:
    """The n-th of a seed."""
    rng = random.Random(f"{seed} {n}")
    (kind,) = rng.choices(list(KINDS), [share for share, _, _ in KINDS.values()])
    _, way, make = KINDS[kind]
    parts = make(rng, token)
    chance = rng.random() if way in ("page", "whep") else 1.0
    return Sent(kind, way, parts, half=chance < 0.08, leave=0.08 <= chance < 0.16)
