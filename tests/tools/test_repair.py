"""A recording whose end is missing becomes whole; what cannot be is one line."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from realtime.config.outputs import Recorder
from realtime.outputs.recording import RecorderSink
from realtime.outputs.sink import Format
from realtime.outputs.synthetic import COMMENT, XMP
from tests.realtime.outputs.feeding import wait_for_state, wait_until
from tests.realtime.outputs.probing import probe, tags
from tests.realtime.outputs.test_recording import SIZE, frame, read
from tools import repair

PICTURES = 60


@pytest.fixture(params=["mkv", "mp4"])
def cut_off(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two seconds with sound, as they lie on the disk before the recording is ended, less the last bytes."""
    settings = Recorder(
        kind="recorder", folder=tmp_path, container=request.param, fragment_s=0.2, audio="silence"
    )
    sink = RecorderSink(settings, Format(SIZE, Fraction(30)))
    sink.order("start")
    wait_for_state(sink, "running")
    for tick in range(PICTURES):
        sent = sink.status().sent
        sink.send(frame(tick), tick, tick)
        wait_until(lambda sent=sent: sink.status().sent > sent, f"tick {tick} is written")
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    sink.close()
    path.write_bytes(data[:-300])
    return path


def test_what_was_cut_off_is_whole_again(cut_off: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = cut_off.read_bytes()
    assert repair.main([str(cut_off)]) == 0
    assert cut_off.read_bytes() == before
    whole = cut_off.with_name(f"{cut_off.stem} (whole){cut_off.suffix}")
    assert sorted(cut_off.parent.iterdir()) == sorted([cut_off, whole])
    greys, times = read(whole)
    assert PICTURES - 15 <= len(greys) <= PICTURES
    assert [float(t) for t in times] == pytest.approx([n / 30 for n in range(len(times))], abs=2e-3)
    found = probe(whole)
    assert float(found["format"]["duration"]) == pytest.approx(len(greys) / 30, abs=0.15)
    assert f"{len(greys) / 30:.1f} s" in capsys.readouterr().out
    assert [stream["codec_name"] for stream in found["streams"]] == ["h264", "aac"]
    assert found["streams"][0]["avg_frame_rate"] == "30/1"
    assert tags(found)["comment"] == COMMENT
    if whole.suffix == ".mp4":
        assert whole.read_bytes().endswith(XMP.encode())
        assert b"moof" not in whole.read_bytes()
    with av.open(str(whole)) as file:  # it has an index
        file.seek(1_000_000)
        assert next(file.decode(video=0)).time == pytest.approx(1, abs=0.25)
    assert repair.main([str(cut_off)]) == 1
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.mkv", None, "no such file"),
        ("a.avi", b"x", "recordings end in .mkv or .mp4"),
        ("a.mkv", b"no video", "cannot be made whole"),
        ("a.mp4", b"", "cannot be made whole"),
    ],
)
def test_what_cannot_be_is_one_line(
    name: str, data: bytes | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    assert repair.main([str(tmp_path / name)]) == 1
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ([] if data is None else [name])
