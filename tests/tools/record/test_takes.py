from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tools.footage.video import VideoReader
from tools.record.takes import LEAST_FREE_BYTES, TakeWriter, next_take, takes_in

ROOT = Path(__file__).resolve().parents[3]
FRAME_NS = 40_000_000


def picture(number: int, size: tuple[int, int] = (96, 64)) -> NDArray[np.uint8]:
    return np.full((size[1], size[0], 3), number % 25 * 10, np.uint8)


def write(writer: TakeWriter, numbers: range, size: tuple[int, int] = (96, 64)) -> None:
    """A camera that never waits drops frames where the encoder is slow: here it waits."""
    for number in numbers:
        writer.put(number * FRAME_NS, picture(number, size))
        while writer.frames + writer.dropped < number and writer.error is None:
            time.sleep(0.001)


def read(path: Path) -> tuple[list[int], list[float]]:
    reader = VideoReader(path)
    frames = list(reader)
    reader.close()
    return [t_ns for t_ns, _ in frames], [float(frame.mean()) for _, frame in frames]


def test_frames_keep_their_times_and_their_order(tmp_path: Path) -> None:
    writer = TakeWriter(tmp_path)
    writer.start(25)
    times = [0, 40, 80, 200, 201, 1000]
    for number, milliseconds in enumerate(times):
        writer.put(10**12 + milliseconds * 1_000_000, picture(number))
    writer.close()
    assert writer.error is None
    assert (writer.frames, writer.dropped) == (6, 0)
    stamps, means = read(tmp_path / "take-001.mkv")
    assert [stamp / 1e6 for stamp in stamps] == pytest.approx(times, abs=0.01)
    assert means == pytest.approx([0, 10, 20, 30, 40, 50], abs=4.5)


def test_a_pause_ends_the_take_and_another_begins(tmp_path: Path) -> None:
    writer = TakeWriter(tmp_path)
    assert writer.name == "take-001.mkv"
    writer.start(25)
    write(writer, range(5))
    writer.end_take()
    write(writer, range(5, 12))
    writer.close()
    assert writer.name == "take-002.mkv"
    assert [len(read(path)[0]) for path in takes_in(tmp_path)] == [5, 7]


def test_another_size_is_another_take_and_odd_sides_are_cut(tmp_path: Path) -> None:
    writer = TakeWriter(tmp_path)
    writer.start(25)
    write(writer, range(3))
    write(writer, range(3, 6), (129, 65))
    writer.close()
    assert [VideoReader(path).size for path in takes_in(tmp_path)] == [(96, 64), (128, 64)]


def test_takes_that_are_there_are_never_written_over(tmp_path: Path) -> None:
    for name in ("take-001.mkv", "take-1000.mkv", "take-007.mkv", "take-x.mkv", "other.mkv"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in takes_in(tmp_path)] == ["take-001.mkv", "take-007.mkv", "take-1000.mkv"]
    assert next_take(tmp_path).name == "take-1001.mkv"


def test_an_almost_full_disk_ends_the_take_properly(tmp_path: Path) -> None:
    room = [LEAST_FREE_BYTES + 1] * 2 + [LEAST_FREE_BYTES - 1]
    writer = TakeWriter(tmp_path, free=lambda _: room.pop(0) if len(room) > 1 else room[0])
    writer.start(25)
    write(writer, range(100))
    writer.close()
    assert str(writer.error).startswith(f"{tmp_path}: the disk is almost full (500 MB left)")
    assert len(read(tmp_path / "take-001.mkv")[0]) == writer.frames == 60
    assert writer.dropped == 0  # what comes after the end is not the encoder's fault


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    writer = TakeWriter(folder, free=lambda _: 10**12)
    folder.rmdir()
    folder.write_text("a file now", encoding="utf-8")
    with pytest.raises(NotADirectoryError):
        next_take(folder)
    writer.close()


def test_room_is_told_in_seconds(tmp_path: Path) -> None:
    writer = TakeWriter(tmp_path, free=lambda _: LEAST_FREE_BYTES + 10**6)
    assert writer.seconds_left() == float("inf")
    writer.start(25)
    noise = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
    for number in range(50):
        writer.put(number * FRAME_NS, np.roll(noise, 7 * number, axis=1))
    writer.close()
    size = (tmp_path / "take-001.mkv").stat().st_size
    assert writer.seconds_left() == pytest.approx(2 * 10**6 / size, rel=0.1)


def test_a_take_that_was_killed_can_be_read(tmp_path: Path) -> None:
    script = (
        "import sys, time, numpy as np\n"
        "from pathlib import Path\n"
        "from tools.record.takes import TakeWriter\n"
        "writer = TakeWriter(Path(sys.argv[1])); writer.start(25)\n"
        "for number in range(100000):\n"
        "    writer.put(number * 40_000_000, np.full((64, 96, 3), number % 25 * 10, np.uint8))\n"
        "    while writer.frames < number: time.sleep(0.001)\n"
        "    number % 10 or print(writer.frames, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout is not None
    written = 0
    while written < 100:
        written = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    stamps, means = read(tmp_path / "take-001.mkv")
    assert len(stamps) >= written - 26  # a second at most is lost
    assert means == pytest.approx([number % 25 * 10 for number in range(len(means))], abs=4.5)
    assert next_take(tmp_path).name == "take-002.mkv"
