"""The sink as viewers meet it: WHEP and pictures, from clients in this process."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import numpy as np
import psutil
import pytest
from aiortc.rtp import RTCP_PSFB_PLI, RtcpPsfbPacket

from realtime.config.outputs import WebRtc, WebRtcServing
from realtime.outputs.sink import Format, OutputError
from realtime.outputs.webrtc.webrtc_sink import WebRtcSink
from realtime.transport.programme_ring import ProgrammeFrame
from tests.realtime.outputs.feeding import playing, wait_until
from tests.realtime.outputs.webrtc.whep_client import FPS, SIZE, Watcher, ask, check, frame, offer

pytestmark = pytest.mark.usefixtures("patient")

VIEWERS = 6
SETTINGS = WebRtc(port=0, viewers=VIEWERS)


@pytest.fixture
def sink() -> Iterator[WebRtcSink]:
    sink = WebRtcSink(WebRtcServing(SETTINGS), Format(SIZE, FPS))
    yield sink
    sink.close()


@pytest.fixture
def programme(sink: WebRtcSink) -> Iterator[WebRtcSink]:
    """The sink, fed by a clock."""

    def send(frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        if sink.wants():
            sink.send(frame, tick, due_ns)

    with playing(send, frame, FPS):
        yield sink


def test_a_viewer_sees_the_programme_move_on_the_programme_clock(programme: WebRtcSink) -> None:
    async def watch() -> Watcher:
        async with Watcher(programme) as watcher:
            await watcher.watch(30)
            assert programme.status().receivers == {"programme": 1, "preview": 0}
            assert programme.wants() == {"picture"}
        return watcher

    watcher = asyncio.run(watch())
    check(watcher)
    assert "H264" in watcher.answer
    assert "VP8" not in watcher.answer
    assert "profile-level-id=42e01e" in watcher.answer
    wait_until(lambda: not programme.wants(), "nothing is copied for nobody")
    assert programme.status().receivers == {"programme": 0, "preview": 0}
    assert programme.status().sent >= 30


def test_several_viewers_share_one_encoder_and_one_leaves_without_the_others(
    programme: WebRtcSink,
) -> None:
    source = programme._sources["programme"]
    encoded = sent = 0

    async def watch() -> list[Watcher]:
        nonlocal encoded, sent
        async with Watcher(programme) as first, Watcher(programme) as second:
            await asyncio.gather(first.watch(15), second.watch(15))
            encoded, sent = source.encoded, source.sent  # of which the first may have had more alone
            async with Watcher(programme) as late:  # comes in with a keyframe of its own
                await asyncio.gather(first.watch(15), second.watch(15), late.watch(15))
            await asyncio.gather(first.watch(10), second.watch(10))
            encoded, sent = source.encoded - encoded, source.sent - sent
            return [first, second, late]

    for watcher in asyncio.run(watch()):
        check(watcher)
    assert source.sent >= 95
    assert encoded < 0.7 * sent


def test_the_preview_is_a_picture_of_its_own(programme: WebRtcSink) -> None:
    async def watch() -> tuple[Watcher, Watcher]:
        async with Watcher(programme, "preview") as preview:
            await preview.watch(5)
            assert programme.wants() == {"preview"}
            async with Watcher(programme) as on_air:
                await asyncio.gather(preview.watch(5), on_air.watch(5))
                assert programme.status().receivers == {"programme": 1, "preview": 1}
                return preview, on_air

    preview, on_air = asyncio.run(watch())
    assert max(preview.greys) < 8
    assert min(on_air.greys) > 30
    ticks = np.rint(np.diff(preview.times) * float(FPS))
    assert (ticks % 2 == 0).all()  # it moves at every other tick


def test_a_lost_picture_brings_a_keyframe(programme: WebRtcSink) -> None:
    async def watch() -> None:
        async with Watcher(programme) as watcher:
            await watcher.watch(5)
            (viewer,) = programme._sources["programme"].viewers
            (sender,) = programme._peers[next(iter(programme._peers))].getSenders()
            pli = RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=sender._ssrc)

            async def lost() -> bool:
                """In the sink's loop, before it encodes the next picture."""
                await sender._handle_rtcp_packet(pli)
                return bool(viewer.wants_keyframe)

            heard = asyncio.run_coroutine_threadsafe(lost(), programme._loop)
            assert await asyncio.wrap_future(heard)
            async with asyncio.timeout(60):
                while viewer.wants_keyframe:  # older pictures may still be on their way
                    await watcher.watch(1)
            await watcher.watch(10)
            check(watcher)

    asyncio.run(watch())


def test_without_a_viewer_nothing_is_done(sink: WebRtcSink) -> None:
    for tick in range(100):
        sink.send(frame(tick), tick, tick * 33_333_333)
    assert sink.wants() == frozenset()
    assert (sink.status().sent, sink.status().fps) == (0, 0.0)
    assert sink.status().state == "running"


def test_what_is_asked_wrongly_is_told_in_one_line(sink: WebRtcSink) -> None:
    async def offers() -> tuple[str, str]:
        audio_peer, audio = await offer("audio")
        video_peer, video = await offer()
        await audio_peer.close()
        await video_peer.close()
        return audio, video.replace("H264/90000", "H265/90000")

    audio, h265 = asyncio.run(offers())
    sdp = {"Content_Type": "application/sdp"}
    bare = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n"
    for method, path, body, headers, wanted in (
        ("POST", "/whep/programme", "", sdp, 400),
        ("POST", "/whep/programme", "hello", sdp, 400),
        ("POST", "/whep/programme", "v=0\r\nm=video nonsense\r\n", sdp, 400),
        ("POST", "/whep/programme", bare, sdp, 400),
        ("POST", "/whep/programme", audio, sdp, 400),
        ("POST", "/whep/programme", h265, sdp, 406),
        ("POST", "/whep/programme", audio, {"Content_Type": "application/json"}, 415),
        ("POST", "/whep/programme", h265, {**sdp, "Accept": "text/html"}, 406),
        ("POST", "/whep/programme", "v=0\r\n" + "a=x\r\n" * 20_000, sdp, 413),
        ("POST", "/whep/camera", h265, sdp, 404),
        ("DELETE", "/whep/programme/nobody", None, {}, 404),
        ("GET", "/whep/programme", None, {}, 405),
        ("PUT", "/whep/programme", h265, sdp, 405),
        ("PATCH", "/whep/programme/nobody", "a=candidate:1", {}, 405),
        ("GET", "/whep/programme/nobody", None, {}, 405),
        ("GET", "/elsewhere", None, {}, 404),
    ):
        status, text, answered = ask(sink, method, path, body, **headers)
        assert status == wanted, (method, path, (body or "")[:60], text)
        assert len(text.strip().splitlines()) == 1
        assert answered["X-Content-Type-Options"] == "nosniff"
    status, _, answered = ask(sink, "OPTIONS", "/whep/preview")
    assert (status, answered["Accept-Post"]) == (204, "application/sdp")
    assert not sink._peers


def test_a_token_is_asked_for_where_one_is_set() -> None:
    sink = WebRtcSink(WebRtcServing(SETTINGS, token="open sesame"), Format(SIZE, FPS))
    try:
        for shown in ({}, {"Authorization": "Bearer close"}, {"Authorization": "open sesame"}):
            status, _, headers = ask(
                sink, "POST", "/whep/programme", "hello", Content_Type="application/sdp", **shown
            )
            assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
            assert ask(sink, "DELETE", "/whep/programme/x", **shown)[0] == 401
        right = {"Authorization": "Bearer open sesame", "Content_Type": "application/sdp"}
        assert ask(sink, "POST", "/whep/programme", "hello", **right)[0] == 400
        assert ask(sink, "OPTIONS", "/whep/programme")[0] == 204
    finally:
        sink.close()


def test_viewers_are_limited(sink: WebRtcSink) -> None:
    async def crowd() -> list[tuple[int, str | None]]:
        found = []
        for _ in range(VIEWERS + 1):
            peer, sdp = await offer()
            path = "/whep/programme"
            status, _, headers = await asyncio.to_thread(
                ask, sink, "POST", path, sdp, Content_Type="application/sdp"
            )
            found.append((status, headers.get("Retry-After")))
            await peer.close()
        return found

    assert asyncio.run(crowd()) == [(201, None)] * VIEWERS + [(503, "5")]


def test_a_foreign_host_name_is_turned_away(sink: WebRtcSink) -> None:
    assert ask(sink, "OPTIONS", "/whep/programme", Host="evil.example:8080")[0] == 403
    assert ask(sink, "OPTIONS", "/whep/programme", Host="localhost:8080")[0] == 204


def test_it_can_be_served_at_a_unix_socket_whatever_the_host(tmp_path: Path) -> None:
    path = tmp_path / "whep"
    path.touch()  # left by one that was killed
    sink = WebRtcSink(WebRtcServing(SETTINGS, path), Format(SIZE, FPS))

    async def post() -> int:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
            session.options("http://show.example/whep/programme") as answer,
        ):
            return answer.status

    try:
        assert asyncio.run(post()) == 204
        assert path.stat().st_mode & 0o777 == 0o600
        assert sink.status().where == str(path)
    finally:
        sink.close()
    with pytest.raises(OutputError, match="cannot listen at"):
        WebRtcSink(WebRtcServing(SETTINGS, tmp_path / "no" / "whep"), Format(SIZE, FPS))


def test_a_port_in_use_is_one_clear_line(sink: WebRtcSink) -> None:
    port = int(sink.where.rsplit(":", 1)[1].removesuffix("/whep"))
    with pytest.raises(OutputError, match=rf"127\.0\.0\.1:{port} .*in use.*--port") as failure:
        WebRtcSink(WebRtcServing(SETTINGS.model_copy(update={"port": port})), Format(SIZE, FPS))
    assert len(str(failure.value).splitlines()) == 1


def ports_of_ours() -> set[int]:
    """At which this process listens: another one may have got a port that is free again."""
    ours = psutil.Process().net_connections("tcp")
    return {each.laddr.port for each in ours if each.status == psutil.CONN_LISTEN}


def test_close_frees_the_port_and_can_be_repeated() -> None:
    before = set(threading.enumerate())
    sink = WebRtcSink(WebRtcServing(SETTINGS), Format(SIZE, FPS))
    port = int(sink.where.rsplit(":", 1)[1].removesuffix("/whep"))
    assert port in ports_of_ours()
    sink.close()
    sink.close()
    sink.send(frame(0), 0, 0)
    assert port not in ports_of_ours()
    assert not set(threading.enumerate()) - before
