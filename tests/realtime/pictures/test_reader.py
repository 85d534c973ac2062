"""Reading whole files: what every tool relies on."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from realtime.pictures.reader import VideoReader


def write(path: Path, frames: int, *, fps: Fraction = Fraction(30), first: int = 0) -> Path:
    """Frame number n has a brightness of 10 * n; its time is (first + n) / fps."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * number, np.uint8), format="bgr24")
            frame.pts, frame.time_base = first + number, 1 / fps
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_frames_come_in_order_with_their_times(tmp_path: Path) -> None:
    reader = VideoReader(write(tmp_path / "clip.mp4", 20))
    assert (reader.size, reader.fps, reader.frames) == ((64, 48), 30, 20)
    read = list(reader)
    reader.close()
    assert [t_ns for t_ns, _ in read] == pytest.approx([n * 1e9 / 30 for n in range(20)], abs=1e5)
    assert all(frame.shape == (48, 64, 3) and frame.dtype == np.uint8 for _, frame in read)
    assert [frame.mean() for _, frame in read] == pytest.approx([10 * n for n in range(20)], abs=4)


def test_the_clock_starts_at_the_first_frame(tmp_path: Path) -> None:
    path = write(tmp_path / "late.mkv", 5, fps=Fraction(24000, 1001), first=100)
    reader = VideoReader(path)
    times = [t_ns for t_ns, _ in reader]
    reader.close()
    assert times[0] == 0
    assert float(reader.fps) == pytest.approx(23.976, abs=1e-3)
    assert np.diff(times) == pytest.approx([1e9 / 23.976] * 4, abs=1.1e6)  # Matroska counts milliseconds
    assert reader.frames == pytest.approx(5, abs=101)  # Matroska does not say: from its length


def test_reading_can_begin_midway(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", 10)
    with VideoReader(path) as reader:
        whole = list(reader.read())
    with VideoReader(path) as reader:
        rest = list(reader.read(start=6))
    assert [position for position, _, _ in whole] == list(range(10))
    assert [(position, t_ns) for position, t_ns, _ in rest] == [
        (position, t_ns) for position, t_ns, _ in whole[6:]
    ]
    np.testing.assert_array_equal(rest[0][2], whole[6][2])
