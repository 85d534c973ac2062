"""Recordings are read back, also those whose process was killed."""

import errno
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from realtime.config.outputs import Recorder
from realtime.outputs import disk, recording
from realtime.outputs.recording import END_S, RecorderSink
from realtime.outputs.sink import Format, OutputError
from realtime.transport.programme_ring import ProgrammeFrame
from tests.realtime.outputs.feeding import HeldFailure, held_nobody_up, playing, wait_for_state, wait_until

SIZE = (128, 96)
ROOT = Path(__file__).resolve().parents[3]


def frame(tick: int) -> ProgrammeFrame:
    """Grey 40 + 4 * (tick % 40) on air; the clean feed is 10 darker."""
    grey = 40 + 4 * (tick % 40)
    picture = np.full((SIZE[1], SIZE[0], 3), grey, np.uint8)
    return ProgrammeFrame(picture, clean=picture - 10)


def read(path: Path) -> tuple[list[float], list[Fraction]]:
    """Mean luma as grey, and the time in seconds, of each picture."""
    greys, times = [], []
    with av.open(str(path)) as file:
        for picture in file.decode(video=0):
            greys.append(picture.to_ndarray(format="bgr24").mean())
            times.append(Fraction(picture.pts) * picture.time_base)
    return greys, times


@pytest.fixture(autouse=True)
def _patient_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that others use, too, may take longer."""
    monkeypatch.setattr(disk, "CLOSE_S", 60.0)


@pytest.fixture
def recorder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RecorderSink]:
    settings, fps = request.param
    sink = RecorderSink(Recorder(kind="recorder", folder=tmp_path, **settings), Format(SIZE, fps))
    yield sink
    sink.close()


@pytest.mark.parametrize(
    ("recorder", "darker"),
    [
        (({"container": "mkv"}, Fraction(30000, 1001)), 0),
        (({"container": "mp4", "feed": "clean"}, Fraction(60000, 1001)), 10),
    ],
    indirect=["recorder"],
)
def test_what_was_on_air_is_in_the_file_at_the_ticks_own_times(
    recorder: RecorderSink, darker: int, tmp_path: Path
) -> None:
    assert recorder.status().state == "off"
    assert recorder.wants() == frozenset()
    recorder.order("start")
    wait_for_state(recorder, "running")
    for tick in range(100, 130):
        sent = recorder.status().sent
        recorder.send(frame(tick if tick < 115 else tick + 5), tick if tick < 115 else tick + 5, tick)
        wait_until(lambda sent=sent: recorder.status().sent > sent, f"tick {tick} is written")
    recorder.order("stop")
    wait_for_state(recorder, "off")
    assert recorder.status().reason == ""
    (path,) = tmp_path.iterdir()
    assert recorder.status().where == str(path)
    greys, times = read(path)
    ticks = np.array([n if n < 15 else n + 5 for n in range(30)])
    np.testing.assert_allclose([float(t) for t in times], ticks / float(recorder.programme.fps), atol=1e-3)
    np.testing.assert_allclose(greys, 40 + 4 * ((100 + ticks) % 40) - darker, atol=3)


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_a_killed_process_leaves_a_file_that_plays(container: str, tmp_path: Path) -> None:
    code = f"""
import sys, time
from fractions import Fraction
from pathlib import Path
from tests.realtime.outputs.test_recording import *
sink = RecorderSink(
    Recorder(kind="recorder", folder=Path({str(tmp_path)!r}), container={container!r}, fragment_s=0.2),
    Format(SIZE, Fraction(50)),
)
sink.order("start")
wait_for_state(sink, "running")
with playing(sink.send, frame, Fraction(50)):
    wait_until(lambda: sink.status().sent > 60, "60 pictures")
    print(sink.status().sent, flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    sent = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (path,) = tmp_path.iterdir()
    greys, times = read(path)
    assert len(greys) >= sent - 2 * 10  # at most two fragments are lost
    assert len(set(np.round(greys))) > 20
    assert all(b > a for a, b in itertools.pairwise(times))


@pytest.mark.parametrize("recorder", [({}, Fraction(30))], indirect=True)
def test_a_full_disk_is_this_outputs_failure_alone(
    recorder: RecorderSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "full.mkv"
    full.symlink_to("/dev/full")
    monkeypatch.setattr(recording, "_new_file", lambda *_: full)
    recorder.order("start")
    with playing(recorder.send, frame) as took:
        status = wait_for_state(recorder, "failed")
    assert "full.mkv: No space left on device" in status.reason
    assert len(status.reason.splitlines()) == 1
    assert held_nobody_up(took)


@pytest.mark.parametrize("recorder", [({}, Fraction(30))], indirect=True)
def test_too_little_room_begins_no_file(
    recorder: RecorderSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "free_bytes", lambda _: 5 * 2**20)
    recorder.order("start")
    assert "has only 5 MB left" in wait_for_state(recorder, "failed").reason
    assert list(tmp_path.iterdir()) == []
    recorder.order("stop")
    wait_for_state(recorder, "off")


@pytest.mark.parametrize("recorder", [({"name": "archive"}, Fraction(30))], indirect=True)
def test_an_unknown_order_and_a_folder_that_cannot_be(recorder: RecorderSink, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"archive: .* does not know the order 'rewind'"):
        recorder.order("rewind")
    (tmp_path / "file").touch()
    other = RecorderSink(
        Recorder(kind="recorder", folder=tmp_path / "file" / "in"), Format(SIZE, Fraction(30))
    )
    other.order("start")
    assert "cannot record in" in wait_for_state(other, "failed").reason
    other.close()


def test_a_size_that_cannot_be_encoded_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="even sides"):
        RecorderSink(Recorder(kind="recorder", folder=tmp_path), Format((129, 96), Fraction(30)))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB of its own."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_gets_full_ends_the_file_while_the_machine_has_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = 8 * 2**20
    monkeypatch.setattr(recording, "FREE_BYTES", reserve)
    settings = Recorder(kind="recorder", folder=small_disk, bitrate=2_000_000)
    sink = RecorderSink(settings, Format(SIZE, Fraction(30)))
    filler = small_disk / "filler"
    try:
        sink.order("start")
        wait_for_state(sink, "running")
        with playing(sink.send, frame):
            wait_until(lambda: sink.status().sent > 10, "10 pictures")
            failure = HeldFailure(sink)
            room = sink._room_for(END_S)  # a little less than that is left
            filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - room + 2**16))
            status = wait_for_state(sink, "failed")
            assert shutil.disk_usage(small_disk).free >= reserve
            assert failure.shut.wait(60)
            (path,) = small_disk.glob("*.mkv")
            assert f"{path} was ended: the disk has only 8 MB left" in status.reason
            assert len(read(path)[0]) == status.sent
            failure.release()
            wait_until(lambda: "make room for the recording" in sink.status().reason, "it is tried again")
            assert len(list(small_disk.glob("*.mkv"))) == 1
            filler.unlink()
            wait_for_state(sink, "running", 120)
            wait_until(lambda: sink.status().sent > status.sent + 10, "it goes on")
        sink.order("stop")
        wait_for_state(sink, "off")
    finally:
        sink.close()
    assert len(list(small_disk.glob("*.mkv"))) == 2
    assert all(len(read(path)[0]) > 5 for path in small_disk.glob("*.mkv"))


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_what_was_recorded_is_on_the_disk_a_second_later(
    container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the file when a synchronization begins is there after a power cut."""
    folder, kept = tmp_path / "takes", tmp_path / "kept"
    kept.mkdir()
    synced: list[tuple[int, float, str]] = []
    synchronize = os.fdatasync

    def watched(fd: int) -> None:
        (path,) = folder.iterdir()
        sent = sink.status().sent
        shutil.copy(path, kept / f"{len(synced)}.{container}")
        synchronize(fd)
        synced.append((sent, time.monotonic(), threading.current_thread().name))

    monkeypatch.setattr(disk.os, "fdatasync", watched)
    settings = Recorder(kind="recorder", folder=folder, container=container, fragment_s=0.2)
    fps = 50
    sink = RecorderSink(settings, Format(SIZE, Fraction(fps)))
    try:
        sink.order("start")
        wait_for_state(sink, "running")
        with playing(sink.send, frame, Fraction(fps)):
            wait_until(lambda: len(synced) >= 4, "four synchronizations")
        sink.order("stop")
        wait_for_state(sink, "off")
    finally:
        sink.close()
    assert {thread for _, _, thread in synced} == {"disk"}
    assert all(b[1] - a[1] < 30 * disk.SYNC_S for a, b in itertools.pairwise(synced))
    for n, (sent, _, _) in enumerate(synced[:-1]):
        assert len(read(kept / f"{n}.{container}")[0]) >= sent - 2 * 0.2 * fps - 1
    (path,) = folder.iterdir()
    assert (kept / f"{len(synced) - 1}.{container}").read_bytes() == path.read_bytes(), "the end is there too"


@pytest.mark.parametrize("recorder", [({}, Fraction(30))], indirect=True)
def test_a_slow_disk_holds_up_no_picture_and_a_broken_one_is_told(
    recorder: RecorderSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()

    def synchronize(fd: int) -> None:
        slow.wait(120)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disk.os, "fdatasync", synchronize)
    recorder.order("start")
    wait_for_state(recorder, "running")
    with playing(recorder.send, frame):
        wait_until(lambda: recorder.status().sent > 90, "three seconds of pictures")
        assert recorder.status().state == "running"
        slow.set()
        assert "Input/output error" in wait_for_state(recorder, "failed").reason


def test_a_sound_that_cannot_be_had_is_told_before_anybody_records(tmp_path: Path) -> None:
    settings = Recorder(kind="recorder", folder=tmp_path)
    settings = settings.model_copy(update={"audio": f'source:["{tmp_path}/gone.mp4"]'})
    sink = RecorderSink(settings, Format(SIZE, Fraction(30)))
    try:
        wait_until(lambda: bool(sink.status().reason), "the operator hears of it")
        assert sink.status().state == "off"
        assert sink.status().reason == f"audio: {tmp_path}/gone.mp4 cannot be read: No such file or directory"
    finally:
        sink.close()
