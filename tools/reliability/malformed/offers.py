"""Malformed offers (SDP) of viewers, as bytes. Pure: all chance comes from the generator that is given.

Whatever candidates they name are of this machine: a show sends packets to each.
"""

from __future__ import annotations

import random
from collections.abc import Callable

SECTION = """\
m=video 9 UDP/TLS/RTP/SAVPF 99 100
c=IN IP4 0.0.0.0
a=recvonly
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=mid:0
a=rtcp:9 IN IP4 0.0.0.0
a=rtcp-mux
a=ssrc:3390359955 cname:viewer
a=rtpmap:99 H264/90000
a=rtcp-fb:99 nack pli
a=fmtp:99 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:100 rtx/90000
a=fmtp:100 apt=99
a=ice-ufrag:Duck
a=ice-pwd:0ZoUCgw7Tz1oZg1nsDG9r5
a=setup:actpass
""".splitlines()
SECTION.append("a=fingerprint:sha-256 " + ":".join(["2B"] * 32))
HEAD = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0"]

CANDIDATES = (
    "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host",
    "a=candidate:1 1 tcp 1 127.0.0.1 9 typ host tcptype active",
    "a=candidate:1 1 udp 1 nobody.local 9 typ host",
    "a=candidate:1 9 udp 99999999999999 127.0.0.2 99999 typ host",
    "a=candidate:1 1 udp -1 999.1.1.1 -1 typ host",
    "a=candidate:1 1 udp 1 ::1 9 typ host",
    "a=candidate:",
    "a=candidate:1 1 udp 1 127.0.0.1 9 typ relay raddr",
    "a=candidate:1 1 udp 1 127.0.0.3 9 typ \u202enothing",
)

ODD_LINES = (
    "a=fmtp:99 profile-level-id=zzzzzz",
    "a=fmtp:99 profile-level-id",
    "a=fmtp:100 apt=100",
    "a=fmtp:100 apt=x",
    "a=rtpmap:99 H264",
    "a=rtpmap:99 H264/0",
    "a=rtpmap:x H264/90000",
    "a=rtpmap:99 VP8/90000",
    "a=mid:",
    "a=mid:" + "a" * 9000,
    "a=setup:nobody",
    "a=setup:passive",
    "a=fingerprint:md5 00",
    "a=fingerprint:sha-256 zz",
    "a=ice-ufrag:",
    "a=ice-ufrag:" + "u" * 9000,
    "a=ice-pwd:x",
    "a=extmap:99999 x",
    "a=extmap:x y",
    "a=sendonly",
    "a=inactive",
    "a=ssrc:x",
    "a=ssrc:99999999999999999999 cname:x",
    "a=ssrc-group:FID",
    "a=group:BUNDLE 0 1 2 3",
    "a=rtcp:x",
    "a=ice-lite",
    "a=ice-options:trickle renomination",
    "a=rtcp-fb:* \x00",
    "m=",
    "m=video",
    "m=video x UDP/TLS/RTP/SAVPF 99",
    "m=video 9 RTP/AVP 99",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "a=sctp-port:5000",
    "a=max-message-size:0",
    "c=IN IP9 \x00",
    "a",
    "=",
    "\u00e9\U0001f4a9",
    "b=AS:-1",
)


def offer(rng: random.Random) -> bytes:
    """One that may still be answered, and then leads nowhere, or one that is wrong."""
    return rng.choice(_KINDS)(rng)


def _nowhere(rng: random.Random) -> bytes:
    """Nothing is wrong with it, but nobody is there."""
    return _bytes([*HEAD, *SECTION, CANDIDATES[0]])


def _flood_of_candidates(rng: random.Random) -> bytes:
    return _bytes([*HEAD, *SECTION, *rng.choices(CANDIDATES, k=rng.choice((50, 61, 1000)))])


def _many_sections(rng: random.Random) -> bytes:
    """rng: all of one name, or of a name each."""
    count, alike = rng.choice((2, 4, 5, 60)), rng.random() < 0.3
    sections = [
        line if line != "a=mid:0" or alike else f"a=mid:{n}" for n in range(count) for line in SECTION
    ]
    return _bytes([*HEAD, *sections])


def _flood_of_lines(rng: random.Random) -> bytes:
    return _bytes([*HEAD, *SECTION, *[rng.choice(ODD_LINES)[:60]] * rng.choice((100, 1000))])


def _odd_lines(rng: random.Random) -> bytes:
    lines = [*HEAD, *SECTION]
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(lines))
        if rng.random() < 0.5:
            lines[at] = rng.choice(ODD_LINES)
        else:
            lines.insert(at, rng.choice(ODD_LINES))
    return _bytes(lines)


def _lines_gone(rng: random.Random) -> bytes:
    lines = [*HEAD, *SECTION]
    for _ in range(rng.randint(1, 6)):
        del lines[rng.randrange(len(lines))]
    if rng.random() < 0.2:
        rng.shuffle(lines)
    return _bytes(lines)


def _damaged(rng: random.Random) -> bytes:
    """Without candidates: a damaged one could be another machine's."""
    data = bytearray(_bytes([*HEAD, *SECTION]))
    for _ in range(rng.randint(1, 12)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data[: rng.choice((len(data), rng.randrange(len(data))))])


def _too_long(rng: random.Random) -> bytes:
    return _bytes([*HEAD, *SECTION]) + b"a=x\r\n" * rng.choice((12_000, 14_000))


def _no_text(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randint(0, 3000))


def _bytes(lines: list[str]) -> bytes:
    return "\r\n".join([*lines, ""]).encode()


_KINDS: tuple[Callable[[random.Random], bytes], ...] = (
    _nowhere,
    _flood_of_candidates,
    _many_sections,
    _flood_of_lines,
    _odd_lines,
    _odd_lines,
    _lines_gone,
    _damaged,
    _damaged,
    _too_long,
    _no_text,
)
