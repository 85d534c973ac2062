"""One picture for many viewers: encoded once for each bitrate, never queued, mended with a keyframe."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from aiortc.codecs.h264 import H264PayloadDescriptor
from aiortc.mediastreams import MediaStreamError

from realtime.outputs.h264 import Encoder, EncoderSettings, to_i420
from realtime.outputs.webrtc import keyframes as keyframes_module
from realtime.outputs.webrtc import shared_encoder
from realtime.outputs.webrtc.bitrate import SETTLING_S
from realtime.outputs.webrtc.keyframes import ASKED_OVER_S, BURST, OF_ONE_VIEWER_S, REFILL_S
from realtime.outputs.webrtc.shared_encoder import APART, MOST_WAITING, PassThrough, SharedEncoder, Viewer

SIZE = (160, 96)
FPS = Fraction(30000, 1001)
SETTINGS = EncoderSettings(SIZE, FPS, 400_000)


def picture(n: int) -> np.ndarray:
    noise = np.random.default_rng(7).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    return to_i420(np.roll(cv2.GaussianBlur(noise, (0, 0), 2), 3 * n, axis=1))


def run(test: Callable[[SharedEncoder], Awaitable[None]], settings: EncoderSettings = SETTINGS) -> None:
    """Calls the test with a source that encodes what is put."""

    async def whole() -> None:
        source = SharedEncoder(asyncio.get_running_loop(), settings)
        encoding = asyncio.ensure_future(source.run())
        try:
            await test(source)
        finally:
            encoding.cancel()
            source.close()

    asyncio.run(whole())


async def encode(source: SharedEncoder, tick: int) -> None:
    """Puts a picture and waits until it is encoded."""
    before = source.encoded + source.dropped["encoder"]
    source.put(picture(tick), tick)
    async with asyncio.timeout(60):
        while source.encoded + source.dropped["encoder"] == before:
            await asyncio.sleep(0.002)
        await asyncio.sleep(0)


def test_viewers_of_one_bitrate_get_the_same_bytes_at_the_ticks_time() -> None:
    async def test(source: SharedEncoder) -> None:
        one, two = Viewer(source), Viewer(source)
        source.join(one)
        source.join(two)
        for tick in (3, 4, 9):
            await encode(source, tick)
            first, second = await one.recv(), await two.recv()
            assert first.payloads is second.payloads
            assert first.timestamp == int(tick * 90_000 / FPS)
            assert max(map(len, first.payloads)) <= 1300
        assert source.encoded == 3
        assert source.sent == 6

    run(test)


def test_a_viewer_that_does_not_keep_up_goes_on_with_a_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(shared_encoder, "monotonic", lambda: now[0])

    async def test(source: SharedEncoder) -> None:
        quick, slow = Viewer(source), Viewer(source)
        source.join(quick)
        source.join(slow)
        for tick in range(MOST_WAITING + 1):
            await encode(source, tick)
            await quick.recv()
        assert slow.wants_keyframe
        assert source.dropped["congested"] == MOST_WAITING
        now[0] += OF_ONE_VIEWER_S
        await encode(source, 10)
        picture = await slow.recv()
        assert picture.timestamp == int(10 * 90_000 / FPS)  # nothing older
        assert not slow.wants_keyframe
        assert (await quick.recv()).payloads is picture.payloads

    run(test)


def test_keyframes_are_asked_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    keyframes = []
    encode_one = Encoder.encode

    def noted(encoder: Encoder, i420: np.ndarray, pts: int, *, keyframe: bool = False) -> list:
        keyframes.append(keyframe)
        return encode_one(encoder, i420, pts, keyframe=keyframe)

    monkeypatch.setattr(Encoder, "encode", noted)
    monkeypatch.setattr(keyframes_module, "CLOSEST_S", 3600)

    async def test(source: SharedEncoder) -> None:
        viewers = [Viewer(source) for _ in range(20)]
        for tick, viewer in enumerate(viewers):
            source.join(viewer)
            viewer.ask_for_keyframe()
            await encode(source, tick)

    run(test)
    assert keyframes == [True] + 19 * [False]


def test_a_receivers_estimate_moves_it_to_half_the_bitrate_and_the_others_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(shared_encoder, "monotonic", lambda: now[0])

    async def test(source: SharedEncoder) -> None:
        good, bad = Viewer(source), Viewer(source)
        source.join(good)
        source.join(bad)
        feedback = PassThrough()
        for tick in range(30):
            await encode(source, tick)
            await good.recv()
            feedback.pack(await bad.recv())
        sent = source.sent_bitrate(0)
        assert 0.2e6 < sent < 0.8e6
        now[0] += SETTLING_S
        for _ in range(3):
            feedback.target_bitrate = int(0.4 * sent)  # what aiortc does with a REMB
            now[0] += 1
        assert (good.step, bad.step) == (0, 1)
        sizes = {good: 0, bad: 0}
        for tick in range(30, 90):
            now[0] += 1 / 30
            await encode(source, tick)
            for viewer in sizes:
                size = sum(map(len, (await viewer.recv()).payloads))
                sizes[viewer] += size if tick >= 50 else 0  # after the keyframe
        assert sizes[bad] < 0.7 * sizes[good]
        source.leave(bad)
        await encode(source, 90)
        assert source.sent_bitrate(1) == 0  # nothing is encoded for nobody

    run(test)


def test_an_encoder_that_hangs_is_told_and_the_newest_picture_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_encoder, "STALLED_S", 0.1)
    hangs = threading.Event()
    encode_one = Encoder.encode

    def hanging(encoder: Encoder, i420: np.ndarray, pts: int, *, keyframe: bool = False) -> list:
        hangs.wait(120)
        return encode_one(encoder, i420, pts, keyframe=keyframe)

    monkeypatch.setattr(Encoder, "encode", hanging)

    async def test(source: SharedEncoder) -> None:
        viewer = Viewer(source)
        source.join(viewer)
        assert not source.stalled()
        for tick in range(5):
            source.put(picture(tick), tick)
            await asyncio.sleep(0.05)
        assert source.stalled()
        assert source.dropped["slow"] == 3
        hangs.set()
        assert (await viewer.recv()).timestamp == 0
        assert (await viewer.recv()).timestamp == int(4 * 90_000 / FPS)
        async with asyncio.timeout(60):
            while source.stalled():
                await asyncio.sleep(0.01)

    run(test)


def test_an_encoder_that_fails_is_opened_anew(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(source: SharedEncoder) -> None:
        viewer = Viewer(source)
        source.join(viewer)
        await encode(source, 0)
        await viewer.recv()

        def broken(*_: object, **__: object) -> list:
            raise RuntimeError("no more memory on the device")

        with monkeypatch.context() as patch:
            patch.setattr(Encoder, "encode", broken)
            await encode(source, 1)
        assert source.dropped["encoder"] == 1
        await encode(source, 2)
        assert (await viewer.recv()).timestamp == int(2 * 90_000 / FPS)

    run(test)
    assert "opened anew" in caplog.text


def test_a_viewer_that_was_stopped_never_counts_again() -> None:
    async def test(source: SharedEncoder) -> None:
        viewer = Viewer(source)
        waiting = asyncio.ensure_future(viewer.recv())
        await asyncio.sleep(0)
        assert source.viewers == {viewer}
        viewer.stop()
        with pytest.raises(MediaStreamError):
            await waiting
        with pytest.raises(MediaStreamError):  # its sender may ask once more
            await viewer.recv()
        assert source.viewers == frozenset()
        late = Viewer(source)
        late.stop()
        with pytest.raises(MediaStreamError):
            await late.recv()
        assert source.viewers == frozenset()

    run(test)


def test_pictures_are_encoded_while_every_other_thread_of_the_loop_is_held_up() -> None:
    looked_up = threading.Event()

    async def test(source: SharedEncoder) -> None:
        loop = asyncio.get_running_loop()
        hanging = [loop.run_in_executor(None, looked_up.wait, 120) for _ in range(64)]
        try:
            viewer = Viewer(source)
            source.join(viewer)
            await encode(source, 1)
            assert (await viewer.recv()).timestamp == int(90_000 / FPS)
        finally:
            looked_up.set()
        await asyncio.gather(*hanging)

    run(test)


def test_closing_ends_the_encoders_threads() -> None:
    before = set(threading.enumerate())

    async def test(source: SharedEncoder) -> None:
        source.join(Viewer(source))
        await encode(source, 0)
        assert set(threading.enumerate()) - before

    run(test)
    assert not set(threading.enumerate()) - before


def test_who_keeps_asking_for_keyframes_is_served_apart_and_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(shared_encoder, "monotonic", lambda: now[0])
    seen = {}

    def watching(asks: bool) -> Callable[[SharedEncoder], Awaitable[None]]:
        async def test(source: SharedEncoder) -> None:
            good, other = Viewer(source), Viewer(source)
            source.join(good)
            source.join(other)
            decoder = av.CodecContext.create("h264", "r")
            scores, steps = [], []
            for tick in range(600):  # 20 s
                now[0] += 1 / 30
                if asks:
                    other.ask_for_keyframe()
                await encode(source, tick)
                payloads = (await good.recv()).payloads
                data = b"".join(H264PayloadDescriptor.parse(payload)[1] for payload in payloads)
                (shown,) = decoder.decode(av.Packet(data))
                scores.append(cv2.PSNR(shown.to_ndarray(format="yuv420p"), picture(tick)))
                steps.append(other.step)
                while other._waiting:
                    await other.recv()
            seen[asks] = float(np.mean(scores)), steps
            if asks:
                now[0] += ASKED_OVER_S
                for tick in range(600, 603):
                    now[0] += OF_ONE_VIEWER_S
                    await encode(source, tick)
                assert other.step == good.step == 0
                assert not other.wants_keyframe

        return test

    for asks in (False, True):
        run(watching(asks))
    assert set(seen[False][1]) == {0}
    assert seen[True][1][-1] == APART
    assert seen[True][1].index(APART) < 300
    assert seen[True][0] > seen[False][0] - 0.5


def test_viewers_that_come_and_go_bring_about_few_keyframes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(shared_encoder, "monotonic", lambda: now[0])
    keyframes = []
    encode_one = Encoder.encode

    def noted(encoder: Encoder, i420: np.ndarray, pts: int, *, keyframe: bool = False) -> list:
        keyframes.append(keyframe)
        return encode_one(encoder, i420, pts, keyframe=keyframe)

    monkeypatch.setattr(Encoder, "encode", noted)

    async def test(source: SharedEncoder) -> None:
        stays = Viewer(source)
        source.join(stays)
        for tick in range(900):  # 30 s, a new viewer in every picture
            now[0] += 1 / 30
            one = Viewer(source)
            source.join(one)
            await encode(source, tick)
            await stays.recv()
            one.stop()

    run(test)
    assert len(keyframes) == 900
    assert sum(keyframes) <= BURST + 30 / REFILL_S
