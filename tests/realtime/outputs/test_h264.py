from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.frame import PictureType

from realtime.outputs import h264
from realtime.outputs.h264 import I420, Encoder, EncoderSettings, h264_level, to_i420
from realtime.outputs.sink import OutputError
from realtime.outputs.video_file import VideoFile

SIZE = (320, 192)
FPS = Fraction(30)
SETTINGS = EncoderSettings(SIZE, FPS, 2_000_000)
IDR, SPS = 5, 7


def picture(n: int, size: tuple[int, int] = SIZE) -> I420:
    """A noisy picture in motion, at tick n."""
    noise = np.random.default_rng(7).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return to_i420(np.roll(cv2.GaussianBlur(noise, (0, 0), 2), 3 * n, axis=1))


def types(packets: list[av.Packet]) -> set[int]:
    stream = b"".join(map(bytes, packets)).replace(b"\0\0\0\1", b"\0\0\1")
    return {unit[0] & 0x1F for unit in stream.split(b"\0\0\1") if unit}


@pytest.mark.parametrize(
    ("size", "fps", "bitrate", "level"),
    [
        ((512, 512), 30, 4_000_000, 30),
        ((512, 512), 60, 4_000_000, 31),
        ((1280, 720), 25, 8_000_000, 31),
        ((1280, 720), Fraction(30000, 1001), 8_000_000, 31),
        ((1280, 720), 30, 8_000_000, 31),
        ((1280, 720), 30, 16_000_000, 32),
        ((1280, 720), 50, 8_000_000, 32),
        ((1280, 720), Fraction(60000, 1001), 8_000_000, 32),
        ((1280, 720), 60, 8_000_000, 32),
        ((1920, 1080), 25, 12_000_000, 40),
        ((1920, 1080), 30, 12_000_000, 40),
        ((1920, 1080), 50, 12_000_000, 42),
        ((1920, 1080), 60, 12_000_000, 42),
        ((3840, 2160), 30, 30_000_000, 51),
        ((4096, 64), 30, 4_000_000, 40),  # few macroblocks, but 256 in a row
    ],
)
def test_level_is_the_lowest_that_holds_the_stream(
    size: tuple[int, int], fps: int | Fraction, bitrate: int, level: int
) -> None:
    assert h264_level(EncoderSettings(size, Fraction(fps), bitrate)) == level


def test_what_cannot_be_encoded_is_refused_in_one_line() -> None:
    with pytest.raises(OutputError, match="7680x4320 at 60 fps") as failure:
        h264_level(EncoderSettings((7680, 4320), Fraction(60), 50_000_000))
    assert len(str(failure.value).splitlines()) == 1
    with pytest.raises(OutputError, match=r"129x96; H\.264 needs even sides"):
        h264_level(EncoderSettings((129, 96), FPS, 1_000_000))


@pytest.mark.parametrize(("kept", "profile"), [(False, 66), (True, 100)])
@pytest.mark.parametrize("size", [(512, 512), (1280, 720)])
def test_level_and_profile_are_in_the_stream(size: tuple[int, int], kept: bool, profile: int) -> None:
    settings = EncoderSettings(size, FPS, 4_000_000, kept=kept)
    (packet,) = Encoder(settings).encode(picture(0, size), 0)
    stream = bytes(packet)
    sps = stream[stream.index(bytes([0, 0, 1, 0x67])) + 3 :]
    assert (sps[1], sps[3]) == (profile, h264_level(settings))


def test_every_picture_comes_out_at_once_and_can_be_decoded() -> None:
    codec = Encoder(SETTINGS)
    decoder = av.CodecContext.create("h264", "r")
    decoder.options = {"flags": "low_delay"}
    decoded = []
    for n in (0, 1, 2, 5, 6, 30):  # some ticks are skipped
        (packet,) = codec.encode(picture(n), n)
        assert packet.pts == n
        decoded += decoder.decode(av.Packet(bytes(packet)))
    decoded += decoder.decode(None)
    assert len(decoded) == 6
    assert all(frame.pict_type != PictureType.B for frame in decoded)
    luma = picture(30)[: SIZE[1]].astype(float)
    assert np.abs(decoded[-1].to_ndarray()[: SIZE[1]] - luma).mean() < 8


def test_a_keyframe_comes_when_asked_for_and_brings_its_headers() -> None:
    codec = Encoder(SETTINGS)
    packets = [codec.encode(picture(n), n, keyframe=n == 4) for n in range(8)]
    assert [n for n, found in enumerate(packets) if IDR in types(found)] == [0, 4]
    assert [n for n, found in enumerate(packets) if found[0].is_keyframe] == [0, 4]
    assert SPS in types(packets[4])


def test_keyframes_come_at_a_steady_distance() -> None:
    codec = Encoder(EncoderSettings((64, 64), Fraction(5), 200_000, keyframe_s=4))
    found = [n for n in range(61) if IDR in types(codec.encode(picture(n, (64, 64)), n))]
    assert found == [0, 20, 40, 60]


def test_bitrate_changes_without_a_new_encoder_or_a_keyframe() -> None:
    codec = Encoder(SETTINGS)
    sizes, keys = [], []
    for n in range(60):
        if n == 30:
            codec.bitrate = 600_000
        (packet,) = codec.encode(picture(n), n)
        sizes.append(packet.size)
        keys += [n] if packet.is_keyframe else []
    assert keys == [0]
    assert np.mean(sizes[40:]) < 0.6 * np.mean(sizes[10:30])


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="64x64"):
        Encoder(SETTINGS).encode(picture(0, (64, 64)), 0)


def test_x264_takes_over_when_nvenc_refuses_one_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(h264, "nvenc_works", lambda: True)
    real_open = h264._open

    def refuse_nvenc(name: str, settings: EncoderSettings) -> av.VideoCodecContext:
        if name == "h264_nvenc":
            raise av.error.ExternalError(1, "no more sessions")
        return real_open(name, settings)

    monkeypatch.setattr(h264, "_open", refuse_nvenc)
    assert IDR in types(Encoder(SETTINGS).encode(picture(0), 0))
    assert "NVENC refused" in caplog.text
    file = VideoFile(str(tmp_path / "a.mkv"), "matroska", SETTINGS, options={})
    file.write(np.zeros((*SIZE[::-1], 3), np.uint8), 0)
    file.close()
    with av.open(str(tmp_path / "a.mkv")) as recorded:
        assert len(list(recorded.decode(video=0))) == 1
