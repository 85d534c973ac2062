import copy
from collections.abc import Iterator
from fractions import Fraction

import aiortc.codecs
import av
import cv2
import numpy as np
import pytest
from aiortc.codecs.h264 import h264_depayload
from aiortc.mediastreams import VIDEO_TIME_BASE
from aiortc.sdp import parse_h264_profile_level_id

from realtime.outputs import encoder
from realtime.outputs.encoder import EncoderSettings, ProgrammeEncoder, h264_level, use_programme_encoder

SIZE = (320, 192)
FPS = Fraction(30)
SETTINGS = EncoderSettings(SIZE, FPS, 2_000_000)
IDR, SPS = 5, 7


@pytest.fixture(autouse=True)
def _aiortc_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiortc.codecs, "H264Encoder", aiortc.codecs.H264Encoder)
    monkeypatch.setitem(aiortc.codecs.CODECS, "video", copy.deepcopy(aiortc.codecs.CODECS["video"]))


def picture(n: int, size: tuple[int, int] = SIZE) -> av.VideoFrame:
    """A noisy picture in motion, at the time of tick n."""
    noise = np.random.default_rng(7).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    moved = np.roll(cv2.GaussianBlur(noise, (0, 0), 2), 3 * n, axis=1)
    frame = av.VideoFrame.from_numpy_buffer(cv2.cvtColor(moved, cv2.COLOR_BGR2YUV_I420), format="yuv420p")
    frame.pts, frame.time_base = 3000 * n, VIDEO_TIME_BASE
    return frame


def nal_units(payloads: list[bytes]) -> Iterator[bytes]:
    """What the receiver puts together from the RTP payloads."""
    stream = b"".join(h264_depayload(payload) for payload in payloads)
    return (unit for unit in stream.split(b"\0\0\0\1") if unit)


def types(payloads: list[bytes]) -> set[int]:
    return {unit[0] & 0x1F for unit in nal_units(payloads)}


@pytest.mark.parametrize(
    ("size", "fps", "bitrate", "level"),
    [
        ((512, 512), 30, 4_000_000, 30),
        ((512, 512), 60, 4_000_000, 31),
        ((1280, 720), 30, 8_000_000, 31),
        ((1280, 720), 30, 16_000_000, 32),
        ((1280, 720), 60, 8_000_000, 32),
        ((1920, 1080), 30, 12_000_000, 40),
        ((1920, 1080), 60, 12_000_000, 42),
        ((3840, 2160), 30, 30_000_000, 51),
        ((4096, 64), 30, 4_000_000, 40),  # few macroblocks, but 256 in a row
    ],
)
def test_level_is_the_lowest_that_holds_the_stream(
    size: tuple[int, int], fps: int, bitrate: int, level: int
) -> None:
    assert h264_level(EncoderSettings(size, Fraction(fps), bitrate)) == level


def test_a_stream_beyond_every_level_is_refused() -> None:
    with pytest.raises(ValueError, match="7680x4320 at 60 fps"):
        h264_level(EncoderSettings((7680, 4320), Fraction(60), 50_000_000))


@pytest.mark.parametrize("size", [(512, 512), (1280, 720)])
def test_level_offered_is_the_level_in_the_stream(size: tuple[int, int]) -> None:
    settings = EncoderSettings(size, FPS, 4_000_000)
    use_programme_encoder(settings)
    offered = [c for c in aiortc.codecs.CODECS["video"] if c.mimeType == "video/H264"]
    codec = aiortc.codecs.get_encoder(offered[-1])
    assert isinstance(codec, ProgrammeEncoder)
    payloads, _ = codec.encode(picture(0, size))
    sps = next(unit for unit in nal_units(payloads) if unit[0] & 0x1F == SPS)
    for parameters in (c.parameters for c in offered):
        assert int(str(parameters["profile-level-id"])[4:], 16) == sps[3] == h264_level(settings)
    constrained_baseline = parse_h264_profile_level_id(str(offered[-1].parameters["profile-level-id"]))
    assert parse_h264_profile_level_id(sps[1:4].hex()) == constrained_baseline


def test_every_picture_comes_out_at_once_with_its_own_time_and_can_be_decoded() -> None:
    codec = ProgrammeEncoder(SETTINGS)
    decoder = av.CodecContext.create("h264", "r")
    decoder.options = {"flags": "low_delay"}
    times, decoded = [], []
    for n in (0, 1, 2, 5, 6, 30):  # a viewer that skips ticks
        payloads, time = codec.encode(picture(n))
        assert max(map(len, payloads)) <= 1300
        times.append(time)
        stream = b"".join(h264_depayload(payload) for payload in payloads)
        decoded += decoder.decode(av.Packet(stream))
    decoded += decoder.decode(None)
    assert times == [3000 * n for n in (0, 1, 2, 5, 6, 30)]
    assert len(decoded) == 6
    assert all(frame.pict_type != av.video.frame.PictureType.B for frame in decoded)
    luma = picture(30).to_ndarray()[: SIZE[1]].astype(float)
    assert np.abs(decoded[-1].to_ndarray()[: SIZE[1]] - luma).mean() < 8


def test_a_keyframe_comes_when_asked_for_and_brings_its_headers() -> None:
    codec = ProgrammeEncoder(SETTINGS)
    found = [types(codec.encode(picture(n), force_keyframe=n == 4)[0]) for n in range(8)]
    assert [n for n, kinds in enumerate(found) if IDR in kinds] == [0, 4]
    assert SPS in found[4]


def test_keyframes_come_at_a_steady_distance() -> None:
    codec = ProgrammeEncoder(EncoderSettings((64, 64), Fraction(5), 200_000))
    found = [n for n in range(61) if IDR in types(codec.encode(picture(n, (64, 64)))[0])]
    assert found == [0, 20, 40, 60]


def test_bitrate_follows_the_receiver_without_a_new_encoder_or_a_keyframe() -> None:
    codec = ProgrammeEncoder(SETTINGS)
    sizes, keys = [], []
    for n in range(60):
        if n == 30:
            codec.target_bitrate = 600_000
        payloads, _ = codec.encode(picture(n))
        sizes.append(sum(map(len, payloads)))
        keys += [n] if IDR in types(payloads) else []
    assert keys == [0]
    assert np.mean(sizes[40:]) < 0.6 * np.mean(sizes[10:30])


def test_bitrate_stays_between_a_quarter_and_the_whole_of_the_configured_one() -> None:
    codec = ProgrammeEncoder(SETTINGS)
    assert codec.target_bitrate == 2_000_000
    codec.target_bitrate = 1
    assert codec.target_bitrate == 500_000
    codec.target_bitrate = 10**9
    assert codec.target_bitrate == 2_000_000


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="64x64"):
        ProgrammeEncoder(SETTINGS).encode(picture(0, (64, 64)))


def test_x264_takes_over_when_nvenc_refuses_a_viewer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(encoder, "nvenc_works", lambda: True)
    real_open = encoder._open

    def refuse_nvenc(name: str, settings: EncoderSettings) -> av.VideoCodecContext:
        if name == "h264_nvenc":
            raise av.error.ExternalError(1, "no more sessions")
        return real_open(name, settings)

    monkeypatch.setattr(encoder, "_open", refuse_nvenc)
    payloads, _ = ProgrammeEncoder(SETTINGS).encode(picture(0))
    assert IDR in types(payloads)
    assert "NVENC refused" in caplog.text
