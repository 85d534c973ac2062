"""What strangers send cannot stop WebRTC: broken offers, half-open connections, crowds."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.config.outputs import WebRtc, WebRtcServing
from realtime.outputs.sink import Format
from realtime.outputs.webrtc import seats, webrtc_sink
from realtime.outputs.webrtc.aiortc_patches import Unexpected, new_peer
from realtime.outputs.webrtc.seats import OPERATOR_SEATS
from realtime.outputs.webrtc.webrtc_sink import WebRtcSink
from realtime.outputs.webrtc.whep import MOST_CANDIDATES, OPERATOR, CannotAnswer, NoH264, checked_offer
from realtime.transport.programme_ring import ProgrammeFrame
from tests.realtime.outputs.feeding import playing, wait_until
from tests.realtime.outputs.webrtc.whep_client import FPS, SDP, SIZE, Watcher, ask, check, frame

pytestmark = pytest.mark.usefixtures("patient")

VIEWERS = 4
EXAMPLES = 60


@pytest.fixture
def sink() -> Iterator[WebRtcSink]:
    sink = WebRtcSink(WebRtcServing(WebRtc(port=0, viewers=VIEWERS)), Format(SIZE, FPS))
    yield sink
    sink.close()


def offer_of(*kinds: str, direction: str = "recvonly") -> str:
    async def made() -> str:
        peer = new_peer(())
        for kind in kinds:
            peer.addTransceiver(kind, direction=direction)
        await peer.setLocalDescription()
        await peer.close()
        sdp: str = peer.localDescription.sdp
        return sdp

    return asyncio.run(made())


OFFER = offer_of("video")
UNKEYED = "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 opus/48000/2\r\n"
TWO_OF_ONE_MID = offer_of("video", "audio").replace("a=mid:1", "a=mid:0")


def test_offers_that_break_aiortc_free_their_seats_and_are_one_line(
    sink: WebRtcSink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise AttributeError("'NoneType' object has no attribute\n\x1b[2J 'role'")

    with monkeypatch.context() as patch:
        patch.setattr(RTCPeerConnection, "setLocalDescription", broken)
        for _ in range(3 * VIEWERS):
            status, text, _ = ask(sink, "POST", "/whep/programme", OFFER, **SDP)
            assert status == 400
            assert text.startswith("the offer cannot be answered: AttributeError: 'NoneType'")
            assert len(text.strip().splitlines()) == 1
            assert "\x1b" not in text
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1, "a flood of offers is no flood of lines"
    assert lines[0].exc_info is None
    assert "\n" not in lines[0].getMessage()
    assert len(sink._seats) == 0
    assert not sink._peers
    assert ask(sink, "POST", "/whep/programme", OFFER, **SDP)[0] == 201


def test_a_connection_that_cannot_be_closed_frees_its_seat(
    sink: WebRtcSink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise AttributeError("no transport")

    status, _, headers = ask(sink, "POST", "/whep/programme", OFFER, **SDP)
    assert status == 201
    with monkeypatch.context() as patch:
        patch.setattr(RTCPeerConnection, "close", broken)
        assert ask(sink, "DELETE", headers["Location"])[0] == 200
    assert len(sink._seats) == 0
    assert "a connection ended badly: AttributeError: no transport" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (TWO_OF_ONE_MID, "the same mid"),
        (offer_of("video", "audio", "audio", "audio", "audio"), "more than a video with sound"),
        (
            OFFER + "".join(f"a=candidate:1 1 udp 1 10.0.0.1 {n} typ host\r\n" for n in range(1, 99)),
            f"more than {MOST_CANDIDATES} candidates",
        ),
        (OFFER.replace("m=video", "m=application"), "no video"),
        (
            OFFER + OFFER[OFFER.index("m=video") :].replace("m=video", "m=text").replace("mid:0", "mid:1"),
            "more",
        ),
        (re.sub("a=fingerprint:.*\r\n", "", OFFER), "no video"),
        (re.sub("a=ice-pwd:.*\r\n", "", OFFER), "no video"),
        (OFFER + UNKEYED, "no ICE password or no fingerprint"),
        ("v=0\r\nm=video\r\n", "not a session description"),
        ("\x00\xff" * 100, "no video"),
    ],
)
def test_an_offer_is_refused_before_anything_is_opened_for_it(
    sink: WebRtcSink, body: str, words: str
) -> None:
    for _ in range(2 * VIEWERS):
        status, text, _ = ask(sink, "POST", "/whep/programme", body, **SDP)
        assert (status, words in text) == (400, True), text
        assert len(text.strip().splitlines()) == 1
    assert len(sink._seats) == 0


@pytest.mark.parametrize(
    "changed",
    [
        OFFER.replace("H264/90000", "H265/90000"),
        re.sub("profile-level-id=42[0-9a-f]{4}", "profile-level-id=640c1f", OFFER),
        OFFER.replace("packetization-mode=1", "packetization-mode=0"),
    ],
)
def test_a_browser_without_our_h264_is_told_so(sink: WebRtcSink, changed: str) -> None:
    status, text, _ = ask(sink, "POST", "/whep/programme", changed, **SDP)
    assert status == 406
    assert text.startswith("this browser offers no H.264")
    with pytest.raises(NoH264):
        checked_offer(changed.encode())


def test_what_a_viewer_would_send_is_not_taken(sink: WebRtcSink) -> None:
    sdp = offer_of("video", "audio", "video", direction="sendrecv")
    status, answer, _ = ask(sink, "POST", "/whep/programme", sdp, **SDP)
    assert status == 201
    assert re.findall("a=(sendonly|recvonly|sendrecv|inactive)", answer) == [
        "sendonly",
        "inactive",
        "inactive",
    ]


LINES = OFFER.splitlines()
WORDS = ["a=mid:0", "a=group:BUNDLE 7", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=rtpmap:x", "a=fmtp:97 apt=", "a="]
CHANGES = st.lists(
    st.tuples(
        st.integers(0, len(LINES)),
        st.one_of(
            st.sampled_from(["drop", "double", "cut", "last"]),
            st.sampled_from(WORDS + LINES),
            st.text(max_size=20),
        ),
    ),
    min_size=1,
    max_size=6,
)


def changed(changes: list[tuple[int, str]]) -> str:
    lines = list(LINES)
    for at, change in changes:
        line = lines[at % len(lines)] if lines else ""
        if change == "drop":
            del lines[at : at + 1]
        elif change == "double":
            lines.insert(at, line)
        elif change == "cut":
            lines[at : at + 1] = [line[: len(line) // 2]]
        elif change == "last":
            lines[at : at + 1] = [line.rpartition(" ")[0]]
        else:
            lines.insert(at, change)
    return "\r\n".join(lines)


@given(st.one_of(st.binary(max_size=200), CHANGES.map(lambda changes: changed(changes).encode())))
@settings(max_examples=300)
def test_an_offer_is_checked_or_refused_whatever_it_is(body: bytes) -> None:
    try:
        assert isinstance(checked_offer(body), RTCSessionDescription)
    except CannotAnswer as error:
        assert len(str(error).splitlines()) == 1


def test_changed_offers_leave_no_seat_taken_and_no_traceback(
    sink: WebRtcSink, caplog: pytest.LogCaptureFixture
) -> None:
    @given(CHANGES)
    @settings(max_examples=EXAMPLES)
    def post(changes: list[tuple[int, str]]) -> None:
        body = changed(changes).encode(errors="replace").decode()
        status, text, headers = ask(sink, "POST", "/whep/programme", body, **SDP)
        assert status in (201, 400, 406), text
        if status == 201:
            assert ask(sink, "DELETE", headers["Location"])[0] == 200

    before = psutil.Process().num_fds()
    post()
    wait_until(lambda: len(sink._seats) == 0, "all seats are free")
    wait_until(lambda: not sink._leaving, "all connections are closed")
    wait_until(lambda: psutil.Process().num_fds() <= before, "all sockets are closed")
    assert "Traceback" not in caplog.text
    assert not any(record.exc_info for record in caplog.records)


def test_half_open_connections_make_way_and_end(sink: WebRtcSink, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(VIEWERS):
        assert ask(sink, "POST", "/whep/programme", OFFER, **SDP)[0] == 201
    assert ask(sink, "POST", "/whep/programme", OFFER, **SDP)[0] == 503
    monkeypatch.setattr(seats, "CONNECTING_S", 0.0)

    async def watch() -> None:
        async with Watcher(sink) as watcher:
            await watcher.watch(5)
            monkeypatch.setattr(seats, "CONNECTING_S", 1000.0)
            assert ask(sink, "POST", "/whep/programme", OFFER, **SDP)[0] == 503

    with playing(sink.send, frame, FPS):
        asyncio.run(watch())
    wait_until(lambda: len(sink._seats) == VIEWERS - 1, "who has watched has left")


def test_half_open_connections_end_by_themselves(sink: WebRtcSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc_sink, "CONNECT_TIMEOUT_S", 0.1)
    for _ in range(VIEWERS):
        assert ask(sink, "POST", "/whep/programme", OFFER, **SDP)[0] == 201
    wait_until(lambda: len(sink._seats) == 0 and not sink._peers, "they have ended")


def test_an_operator_gets_in_while_strangers_have_all_their_seats(tmp_path: Path) -> None:
    path = tmp_path / "whep"
    sink = WebRtcSink(WebRtcServing(WebRtc(viewers=VIEWERS), path), Format(SIZE, FPS))

    async def posted() -> dict[str, list[int]]:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http:

            async def post(source: str, **headers: str) -> int:
                url = f"http://localhost/whep/{source}"
                headers = {"Content-Type": "application/sdp", **headers}
                async with http.post(url, data=OFFER, headers=headers) as answer:
                    return answer.status

            return {
                "strangers": [await post("programme") for _ in range(VIEWERS + 2)],
                "preview": [await post("preview") for _ in range(2)],
                "operator": [await post("programme", **{OPERATOR: "yes"}) for _ in range(OPERATOR_SEATS)],
            }

    try:
        statuses = asyncio.run(posted())
    finally:
        sink.close()
    assert statuses["strangers"] == [201] * VIEWERS + [503, 503]
    assert statuses["preview"] == [201, 201]
    assert statuses["operator"] == [201] * (OPERATOR_SEATS - 2) + [503, 503]


def test_nobody_makes_himself_an_operator(sink: WebRtcSink) -> None:
    claims = {**SDP, OPERATOR.replace("-", "_"): "yes"}
    statuses = [ask(sink, "POST", "/whep/programme", OFFER, **claims)[0] for _ in range(VIEWERS + 1)]
    assert statuses == [201] * VIEWERS + [503]


def test_a_viewer_sees_the_programme_while_others_send_nonsense(sink: WebRtcSink) -> None:
    async def watch() -> Watcher:
        async with Watcher(sink) as watcher:
            await watcher.watch(5)
            for _ in range(10):
                status, *_ = await asyncio.to_thread(
                    ask, sink, "POST", "/whep/programme", TWO_OF_ONE_MID, **SDP
                )
                assert status == 400
            await watcher.watch(20)
        return watcher

    def send(frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        if sink.wants():
            sink.send(frame, tick, due_ns)

    with playing(send, frame, FPS):
        check(asyncio.run(watch()))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST /whep/programme HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n", 400),
        (
            b"POST /whep/programme HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/sdp\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
        ),
        (
            b"POST /whep/programme HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/sdp\r\n"
            b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            415,
        ),
        (b"GET /whep/none HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: \xff\r\n\r\n", 405),
    ],
)
def test_a_malformed_request_gets_a_4xx_and_nothing_is_said(
    sink: WebRtcSink, caplog: pytest.LogCaptureFixture, sent: bytes, status: int
) -> None:
    port = int(sink.where.rpartition(":")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(sent)
        assert int(client.recv(4096)[9:12]) == status
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(sent[: len(sent) // 2])  # and is gone
    assert ask(sink, "GET", "/whep/none")[0] == 405
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_what_fails_in_aiortcs_own_tasks_is_one_line_and_no_flood(caplog: pytest.LogCaptureFixture) -> None:
    unexpected, loop = Unexpected(), asyncio.new_event_loop()
    for _ in range(5):
        try:
            assert caplog.records is None
        except AssertionError as error:
            unexpected(loop, {"message": "Task exception was never retrieved", "exception": error})
    loop.close()
    (record,) = caplog.records
    assert re.search(
        r"never retrieved \(AssertionError.*, test_strangers\.py:\d+\)$", record.getMessage(), re.DOTALL
    )
