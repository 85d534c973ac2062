"""The sink as a viewer meets it: HTTP, WHEP and pictures, from a client in this process."""

import asyncio
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from realtime.outputs.sink import OutputError, ProgrammeFrame
from realtime.outputs.webrtc import MOST_VIEWERS, WebRtcSink

SIZE = (128, 96)
FPS = Fraction(30)


@pytest.fixture
def sink() -> Iterator[WebRtcSink]:
    sink = WebRtcSink(SIZE, FPS, port=0, state=lambda: {"state": "LIVE", "fps": 30.0})
    yield sink
    sink.close()


@pytest.fixture
def programme(sink: WebRtcSink) -> Iterator[WebRtcSink]:
    """The sink, fed by a clock at 30 fps with a picture whose grey tells the tick: 40 + 4 * (tick % 40)."""
    done = threading.Event()

    def play() -> None:
        start_ns, tick = time.monotonic_ns(), 0
        frame = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
        while not done.wait(max(0.0, (start_ns + tick * 1e9 / 30 - time.monotonic_ns()) / 1e9)):
            frame[:] = 40 + 4 * (tick % 40)
            sink.send(ProgrammeFrame(frame), tick, start_ns + tick * 1_000_000_000 // 30)
            tick += 1

    clock = threading.Thread(target=play)
    clock.start()
    yield sink
    done.set()
    clock.join()


def ask(
    sink: WebRtcSink, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, str, dict[str, str]]:
    request = urllib.request.Request(  # noqa: S310  # our own address
        sink.url.rstrip("/") + path,
        data=None if body is None else body.encode(),
        method=method,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


async def offer(kind: str = "video") -> tuple[RTCPeerConnection, str]:
    peer = RTCPeerConnection()
    peer.addTransceiver(kind, direction="recvonly")
    await peer.setLocalDescription()
    return peer, peer.localDescription.sdp


async def watch(sink: WebRtcSink, pictures: int) -> tuple[list[int], list[float], str]:
    """Join as a viewer; (mean grey of each picture, its time in s, the answer), then leave."""
    peer, sdp = await offer()
    tracks: asyncio.Queue = asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    status, answer, headers = await asyncio.to_thread(
        ask, sink, "POST", "/whep", sdp, Content_Type="application/sdp"
    )
    assert (status, headers["Content-Type"]) == (201, "application/sdp; charset=utf-8")
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    track = await tracks.get()
    greys, times = [], []
    for _ in range(pictures):
        frame = await asyncio.wait_for(track.recv(), 10)
        greys.append(round(frame.to_ndarray(format="bgr24").mean()))
        times.append(float(frame.time))
    assert sum(sink.status().receivers.values()) >= 1
    status, *_ = await asyncio.to_thread(ask, sink, "DELETE", headers["Location"])
    assert status == 200
    await peer.close()
    return greys, times, answer


def test_a_viewer_sees_the_programme_move_on_the_programme_clock(programme: WebRtcSink) -> None:
    greys, times, answer = asyncio.run(watch(programme, 30))
    assert "H264" in answer
    assert "VP8" not in answer
    assert "profile-level-id=42e01e" in answer
    steps = np.diff(times)
    ticks = np.rint(steps * 30)
    assert (ticks >= 1).all()
    np.testing.assert_allclose(steps, ticks / 30, atol=1e-3)  # stamped by the clock, not by arrival
    moved = np.diff(greys)
    same_sweep = moved > 0  # the grey starts again after 40 ticks
    assert same_sweep.sum() >= 25
    np.testing.assert_allclose(moved[same_sweep], 4 * ticks[same_sweep], atol=4)


def test_two_viewers_at_once_and_nobody_after_they_left(programme: WebRtcSink) -> None:
    async def both() -> list[tuple[list[int], list[float], str]]:
        return await asyncio.gather(watch(programme, 15), watch(programme, 15))

    for greys, *_ in asyncio.run(both()):
        assert len(set(greys)) > 5
    deadline = time.monotonic() + 5
    while sum(programme.status().receivers.values()) and time.monotonic() < deadline:
        time.sleep(0.02)
    status = programme.status()
    assert status.receivers == {"programme": 0}
    assert status.sent >= 30
    assert programme.wants() == frozenset()  # nothing is copied for nobody


def test_without_a_viewer_nothing_is_done(sink: WebRtcSink) -> None:
    frame = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for tick in range(100):
        sink.send(ProgrammeFrame(frame), tick, tick * 33_333_333)
    assert sink.status().sent == 0
    assert sink.wants() == frozenset()


def test_the_page_is_whole_and_loads_nothing_from_elsewhere(sink: WebRtcSink) -> None:
    status, page, headers = ask(sink, "GET", "/")
    assert status == 200
    assert "<title>Dancecam</title>" in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    for name in ("console.js", "console.css", "icon.svg"):
        assert f'"console/{name}"' in page
        status, text, _ = ask(sink, "GET", f"/console/{name}")
        assert status == 200
        assert "https://" not in page + text


def test_the_state_is_what_the_show_says(sink: WebRtcSink) -> None:
    status, text, _ = ask(sink, "GET", "/state")
    assert (status, json.loads(text)) == (200, {"state": "LIVE", "fps": 30.0})


def test_bad_offers_get_one_line_each(sink: WebRtcSink) -> None:
    async def audio_offer() -> str:
        peer, sdp = await offer("audio")
        await peer.close()
        return sdp

    async def vp8_offer() -> str:
        peer, sdp = await offer()
        await peer.close()
        return sdp.replace("H264/90000", "H265/90000")

    audio, vp8 = asyncio.run(audio_offer()), asyncio.run(vp8_offer())
    for body, content_type, wanted in (
        ("", "application/sdp", 400),
        ("hello", "application/sdp", 400),
        ("v=0\r\nm=video nonsense\r\n", "application/sdp", 400),
        ("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n", "application/sdp", 400),
        (audio, "application/sdp", 400),
        (vp8, "application/sdp", 400),
        (audio, "application/json", 415),
        ("v=0\r\n" + "a=x\r\n" * 20_000, "application/sdp", 413),
    ):
        status, text, headers = ask(sink, "POST", "/whep", body, Content_Type=content_type)
        assert status == wanted, (body[:60], text)
        assert len(text.strip().splitlines()) == 1
        assert "Content-Security-Policy" in headers
    assert ask(sink, "DELETE", "/whep/nobody")[0] == 404
    assert ask(sink, "GET", "/console/../webrtc.py")[0] == 404
    assert ask(sink, "GET", "/state")[0] == 200


def test_viewers_are_limited(sink: WebRtcSink) -> None:
    async def crowd() -> list[int]:
        found = []
        for _ in range(MOST_VIEWERS + 1):
            peer, sdp = await offer()
            answer = await asyncio.to_thread(ask, sink, "POST", "/whep", sdp, Content_Type="application/sdp")
            found.append(answer[0])
            await peer.close()
        return found

    assert asyncio.run(crowd()) == [201] * MOST_VIEWERS + [503]


def test_a_foreign_host_name_is_turned_away(sink: WebRtcSink) -> None:
    assert ask(sink, "GET", "/state", Host="evil.example:8080")[0] == 403
    assert ask(sink, "GET", "/state", Host="localhost:8080")[0] == 200


def test_a_port_in_use_is_one_clear_line(sink: WebRtcSink) -> None:
    port = int(sink.url.rsplit(":", 1)[1].strip("/"))
    with pytest.raises(OutputError, match=rf"127\.0\.0\.1:{port} .*in use.*--port") as failure:
        WebRtcSink(SIZE, FPS, port=port, state=dict)
    assert len(str(failure.value).splitlines()) == 1


def test_impossible_programmes_are_refused() -> None:
    with pytest.raises(OutputError, match="129x96"):
        WebRtcSink((129, 96), FPS, port=0, state=dict)
    with pytest.raises(OutputError, match=r"no H\.264 level"):
        WebRtcSink((7680, 4320), Fraction(60), port=0, state=dict)


def test_close_frees_the_port_and_can_be_repeated() -> None:
    sink = WebRtcSink(SIZE, FPS, port=0, state=dict)
    port = int(sink.url.rsplit(":", 1)[1].strip("/"))
    sink.close()
    sink.close()
    sink.send(ProgrammeFrame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8)), 0, 0)
    with socket.create_server(("127.0.0.1", port)):
        pass
