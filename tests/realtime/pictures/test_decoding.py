"""Order, times, damage and fields: the same offline and live."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from realtime.cameras.video_source import VideoSource
from realtime.pictures.reader import VideoReader
from tests.realtime.pictures.odd_videos import (
    INTERLACED,
    Picture,
    bar,
    combing,
    damage,
    greys,
    interlaced,
    marked,
    woven,
    write_video,
)

NS_PER_S = 1_000_000_000
CCW = (0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 0, 1 << 30)
"""A display matrix: a quarter turn to the left."""


def read(path: Path) -> tuple[list[float], list[Picture], int]:
    """Times in seconds, pictures and how many are damaged; checked to be the same live, and to loop."""
    with VideoReader(path) as reader:
        found = list(reader)
        damaged, fps = reader.damaged, float(reader.fps)
    source = VideoSource(str(path))
    assert source.recorded and source.fps == fps
    for t_ns, picture in found:
        assert source.grab() == t_ns
        np.testing.assert_array_equal(source.picture(), picture)
    assert source.damaged == damaged
    assert source.grab() == found[-1][0] + round(NS_PER_S / fps)
    np.testing.assert_array_equal(source.picture(), found[0][1])
    source.close()
    return [t_ns / NS_PER_S for t_ns, _ in found], [picture for _, picture in found], damaged


def are_greys(pictures: list[Picture], numbers: list[int]) -> bool:
    return [float(picture.mean()) for picture in pictures] == pytest.approx(
        [40 + 5 * n for n in numbers], abs=4
    )


def test_avi_that_has_no_stamps_for_reordered_frames(tmp_path: Path) -> None:
    options = {"bf": "3", "crf": "4", "x264-params": "b-adapt=0:b-pyramid=normal"}
    times, pictures, _ = read(write_video(tmp_path / "b.avi", greys(20), options=options))
    assert times == pytest.approx([n / 30 for n in range(20)], abs=1e-6)
    assert are_greys(pictures, list(range(20)))


def test_a_variable_rate_keeps_its_stamps(tmp_path: Path) -> None:
    ticks = [0, 1, 2, 9, 10, 17, 18, 19]
    times, pictures, _ = read(write_video(tmp_path / "v.mp4", greys(8), ticks=ticks))
    assert times == pytest.approx([tick / 30 for tick in ticks], abs=1e-6)
    assert are_greys(pictures, list(range(8)))


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "fps"),
    [("r.h264", "libx264", "yuv420p", 24), ("r.mjpeg", "mjpeg", "yuvj420p", 25)],
)
def test_a_stream_without_a_container(tmp_path: Path, name: str, codec: str, pix_fmt: str, fps: int) -> None:
    """H.264 names its rate; FFmpeg's usual one for what names none is 25."""
    path = write_video(tmp_path / name, greys(20), fps=24, codec=codec, pix_fmt=pix_fmt)
    times, pictures, _ = read(path)
    assert times == pytest.approx([n / fps for n in range(20)], abs=1e-6)
    assert are_greys(pictures, list(range(20)))


def test_a_recording_that_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "m.webm", greys(20), codec="libvpx", options={"b": "1M"}, container={"live": "1"}
    )
    with VideoReader(path) as reader:
        assert reader.frames == 0
    times, pictures, _ = read(path)
    assert times == pytest.approx([n / 30 for n in range(20)], abs=1e-3)
    assert are_greys(pictures, list(range(20)))


def test_a_damaged_frame_is_left_out_and_counted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "d.mp4", greys(20), options={"g": "1", "crf": "4"})
    damage(path, 7)
    times, pictures, damaged = read(path)
    rest = [n for n in range(20) if n != 7]
    assert damaged == 1
    assert times == pytest.approx([n / 30 for n in rest], abs=1e-6)
    assert are_greys(pictures, rest)
    with VideoReader(path) as reader:
        assert [position for position, _, _ in reader.read(5)] == rest[5:]


def test_a_size_that_changes_becomes_the_first(tmp_path: Path) -> None:
    first = write_video(tmp_path / "1.ts", [marked((96, 64))] * 40).read_bytes()
    larger = write_video(tmp_path / "2.ts", [marked((192, 128))] * 40).read_bytes()
    taller = write_video(tmp_path / "3.ts", [marked((64, 96))] * 10).read_bytes()
    path = tmp_path / "all.ts"
    path.write_bytes(first + larger + taller)
    times, pictures, _ = read(path)
    assert times == pytest.approx([n / 30 for n in range(90)], abs=1e-4)
    assert {picture.shape for picture in pictures} == {(64, 96, 3)}
    assert np.abs(pictures[5].astype(int) - pictures[50]).mean() < 4
    tall = pictures[85]
    assert tall[:, :20].max() == tall[:, -20:].max() == 0, "whole, between bars"
    assert tall[10, 35].min() > 240 and tall[10, 60].max() < 16


@pytest.mark.parametrize("top_first", [True, False])
def test_fields_become_pictures_of_their_own(tmp_path: Path, top_first: bool) -> None:
    frames = interlaced(10, top_first=top_first)
    path = write_video(tmp_path / "i.mp4", frames, fps=25, options=INTERLACED)
    times, pictures, _ = read(path)
    assert times == pytest.approx([n / 50 for n in range(20)], abs=1e-5)
    assert combing(woven(10)[5]) > 0.05
    for n, picture in enumerate(pictures):
        assert combing(picture) < 0.005
        assert np.abs(picture.astype(int) - bar(n)).mean() < 6, "where the bar was at this time"


def test_all_oddities_at_once(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "all.mp4",
        interlaced(10),
        fps=25,
        options=INTERLACED,
        pixel_aspect=Fraction(4, 3),
        matrix=CCW,
    )
    with VideoReader(path) as reader:
        assert reader.size == (64, 128)
    times, pictures, _ = read(path)
    assert times == pytest.approx([n / 50 for n in range(20)], abs=1e-5)
    at = [float(np.median(np.nonzero(picture[:, 32, 1] > 128)[0])) for picture in pictures]
    right = [127 - (10 + 4 * n + 5.5) * 4 / 3 for n in range(20)]
    assert at == pytest.approx(right, abs=2), "to the right before it was turned, up afterwards"
