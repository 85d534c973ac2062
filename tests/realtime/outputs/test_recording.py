"""Recordings are read back, also those whose process was killed."""

import itertools
import os
import signal
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from realtime.outputs import recording
from realtime.outputs.recording import RecorderSink
from realtime.outputs.settings import Recorder
from realtime.outputs.sink import Format, OutputError, ProgrammeFrame
from tests.realtime.outputs.feeding import playing, wait_for_state, wait_until

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
        wait_for_state(recorder, "failed")
        status = recorder.status()
    assert "full.mkv: No space left on device" in status.reason
    assert len(status.reason.splitlines()) == 1
    assert max(took) < 0.5


@pytest.mark.parametrize("recorder", [({}, Fraction(30))], indirect=True)
def test_too_little_room_begins_no_file(
    recorder: RecorderSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(recording.shutil, "disk_usage", lambda _: usage(5 * 2**20))
    recorder.order("start")
    wait_for_state(recorder, "failed")
    assert "has only 5 MB left" in recorder.status().reason
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
    wait_for_state(other, "failed")
    assert "cannot record in" in other.status().reason
    other.close()


def test_a_size_that_cannot_be_encoded_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="even sides"):
        RecorderSink(Recorder(kind="recorder", folder=tmp_path), Format((129, 96), Fraction(30)))
