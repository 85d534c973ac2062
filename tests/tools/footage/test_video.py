from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.videos import frames_of, layers_of
from tools.footage.video import VideoError, VideoReader, VideoWriter


def test_uneven_times_come_out_as_they_went_in(tmp_path: Path) -> None:
    path, ticks = tmp_path / "uneven.mp4", [0, 512, 1500, 1501, 9000]
    base = Fraction(1, 15360)
    with VideoWriter(path, (64, 48), fps=Fraction(30), time_base=base) as writer:
        for tick in ticks:
            writer.write(round(tick * base * 1_000_000_000), np.zeros((48, 64, 3), np.uint8))
    assert [round(time / base) for time, _ in frames_of(path)] == ticks
    assert [round(t_ns / 1e9 / base) for t_ns, _ in VideoReader(path)] == ticks


def test_sound_that_the_output_cannot_hold_is_encoded_anew(tmp_path: Path) -> None:
    source, output = tmp_path / "source.avi", tmp_path / "out.mp4"
    wave = (np.sin(np.arange(22050) * 0.06) * 9000).astype(np.int16)[None]
    with av.open(str(source), "w") as container:
        video = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_mulaw", rate=44100, layout="mono")
        for _ in range(15):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "bgr24")))
        container.mux(video.encode())
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 44100, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with VideoWriter(output, (64, 48), fps=Fraction(30), time_base=Fraction(1, 30), sound=source) as writer:
        for number in range(15):
            writer.write(number * 1_000_000_000 // 30, np.zeros((48, 64, 3), np.uint8))
    with av.open(str(output)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert heard.shape[1] / 44100 == pytest.approx(0.5, abs=0.1)
    assert np.abs(heard).max() == pytest.approx(9000 / 32768, rel=0.2)


def test_an_unfinished_video_is_thrown_away_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"the old one")
    with (
        pytest.raises(KeyboardInterrupt),
        VideoWriter(path, (64, 48), fps=Fraction(30), time_base=Fraction(1, 30)) as writer,
    ):
        writer.write(0, np.zeros((48, 64, 3), np.uint8))
        raise KeyboardInterrupt
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_source_without_sound_gives_none(tmp_path: Path) -> None:
    silent, output = tmp_path / "silent.mp4", tmp_path / "out.mp4"
    for path, sound in ((silent, None), (output, silent)):
        with VideoWriter(path, (64, 48), fps=Fraction(30), time_base=Fraction(1, 30), sound=sound) as writer:
            writer.write(0, np.zeros((48, 64, 3), np.uint8))
    with av.open(str(output)) as container:
        assert len(container.streams.audio) == 0


def test_a_folder_that_may_not_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(VideoError, match="may not be written to"):
        VideoWriter(tmp_path / "out.mp4", (64, 48), fps=Fraction(30), time_base=Fraction(1, 30))


def test_a_format_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"out\.gif.*use \.mp4"):
        VideoWriter(tmp_path / "out.gif", (64, 48), fps=Fraction(30), time_base=Fraction(1, 30))
    with pytest.raises(VideoError, match=r"H\.264 holds no transparency; use \.mov"):
        VideoWriter(tmp_path / "out.mp4", (64, 48), fps=Fraction(30), time_base=Fraction(1, 30), alpha=True)
    assert list(tmp_path.iterdir()) == []


def disc(number: int) -> NDArray[np.uint8]:
    """(96, 128, 4) BGRA: a soft red disc that wanders, before nothing."""
    alpha = np.zeros((96, 128), np.uint8)
    cv2.circle(alpha, (40 + 6 * number, 48), 25, 255, -1)
    layer = np.zeros((96, 128, 4), np.uint8)
    layer[..., 3] = cv2.GaussianBlur(alpha, (0, 0), 2)
    layer[layer[..., 3] > 0, :3] = (40, 60, 200)
    return layer


@pytest.mark.parametrize(
    ("ending", "pix_fmt", "limit"), [(".mov", "yuva444p12le", 1), (".webm", "yuv420p", 12)]
)
def test_transparency_comes_back(tmp_path: Path, ending: str, pix_fmt: str, limit: int) -> None:
    path, base = tmp_path / f"alone{ending}", Fraction(1, 90000)
    times = [0, 40, 100, 104, 300]
    with VideoWriter(path, (128, 96), fps=Fraction(25), time_base=base, alpha=True) as writer:
        for number, time_ms in enumerate(times):
            writer.write(time_ms * 1_000_000, disc(number))
    layers = layers_of(path)
    assert len(layers) == len(times)
    for number, layer in enumerate(layers):
        difference = np.abs(layer.astype(int) - disc(number))
        assert difference[..., 3].max() <= limit and difference[..., 3].mean() < 0.5
        inside = disc(number)[..., 3] == 255
        assert difference[inside].mean() < 2
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == pix_fmt
    assert [round(time * 1000) for time, _ in frames_of(path)] == times


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov", ".webm"])
def test_colours_come_back_as_they_went_in(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"colours{ending}"
    colours = np.array([(20, 40, 220), (200, 60, 10), (30, 200, 60), (128, 128, 128)], np.uint8)
    picture = np.repeat(colours, 32, axis=0)[None].repeat(64, axis=0)
    with VideoWriter(path, (128, 64), fps=Fraction(30), time_base=Fraction(1, 30)) as writer:
        writer.write(0, picture)
    ((_, seen),) = frames_of(path)
    for index, colour in enumerate(colours):
        middle = seen[:, 32 * index + 8 : 32 * index + 24].reshape(-1, 3)
        assert np.abs(middle.mean(axis=0) - colour).max() < 6
    with av.open(str(path)) as container:
        assert int(container.streams.video[0].codec_context.colorspace) == 1  # BT.709, and said to be


def test_a_name_with_a_colon_is_a_file_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source, output = Path("take:1.mp4"), Path("out:1.mp4")
    for path, sound in ((source, None), (output, source)):
        with VideoWriter(path, (64, 48), fps=Fraction(30), time_base=Fraction(1, 30), sound=sound) as writer:
            writer.write(0, np.zeros((48, 64, 3), np.uint8))
    assert sorted(tmp_path.iterdir()) == [tmp_path / "out:1.mp4", tmp_path / "take:1.mp4"]


def test_sound_is_timed_from_the_video_not_from_its_cover(tmp_path: Path) -> None:
    """The cover picture is the first video in the file and begins at 0, the video itself a second later."""
    source, output = tmp_path / "source.mkv", tmp_path / "out.mp4"
    with av.open(str(source), "w") as container:
        cover, video = container.add_stream("mjpeg", rate=1), container.add_stream("libx264", rate=30)
        sound = container.add_stream("aac", rate=48000, layout="mono")
        for stream, pix_fmt in ((cover, "yuvj420p"), (video, "yuv420p")):
            stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        container.mux(cover.encode(av.VideoFrame(64, 48, "yuvj420p")))
        container.mux(cover.encode())
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "bgr24")
            frame.pts, frame.time_base = 30 + number, Fraction(1, 30)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        loud = np.zeros((1, 96000), np.float32)
        loud[:, 72000:] = np.sin(np.arange(24000) * 0.06) * 0.5  # from 1.5 s on
        heard = av.AudioFrame.from_ndarray(loud, format="fltp", layout="mono")
        heard.sample_rate, heard.pts = 48000, 0
        container.mux(sound.encode(heard))
        container.mux(sound.encode())
    with VideoWriter(output, (64, 48), fps=Fraction(30), time_base=Fraction(1, 30), sound=source) as writer:
        for number in range(30):
            writer.write(number * 1_000_000_000 // 30, np.zeros((48, 64, 3), np.uint8))
    with av.open(str(output)) as container:
        samples = [
            (frame.time + n / 48000, abs(value))
            for frame in container.decode(audio=0)
            for n, value in enumerate(frame.to_ndarray()[0].tolist())
        ]
    first_loud_s = next(time_s for time_s, value in samples if value > 0.1)
    assert first_loud_s == pytest.approx(0.5, abs=0.05)
