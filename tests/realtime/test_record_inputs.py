"""`run_live.py --record-inputs`: what it takes, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

import run_live
from realtime.config.show import Show
from realtime.control.show_state import ShowStatus, status_line
from realtime.stages.table import stages_of
from realtime.supervise.summary import kept
from realtime.transport.orders import Orders
from realtime.transport.statuses import OutputStatus, PlayoutStatus
from realtime.transport.telemetry import Totals
from tests.realtime.fakes import write_clip
from tests.realtime.test_run_live import said


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--record-inputs-fps", "5"], "need --record-inputs FOLDER"),
        (
            ["--record-inputs", "{}/new", "--record-inputs-size", "big"],
            "write WIDTHxHEIGHT, such as 1280x720",
        ),
        (["--record-inputs", "{}/new", "--record-inputs-size", "8x8"], "record_inputs.size"),
        (["--record-inputs", "{}/new", "--record-inputs-fps", "0"], "record_inputs.fps"),
        (["--record-inputs", "{}/new", "--role", "playout"], "--record-inputs works on one machine"),
        (["--record-inputs", "{}"], "is not empty: name a new folder"),
        (["--record-inputs", "{}/clip.mp4/new"], "inputs cannot be recorded in"),
    ],
)
def test_what_cannot_be_kept_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, pack_folder: Path, flags: list[str], words: str
) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    given = [flag.format(tmp_path) for flag in flags]
    assert words in said(capsys, "--camera", str(clip), "--player", str(pack_folder), "--port", "0", *given)


def test_a_disk_that_is_full_is_said_before_the_show(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_live, "free_bytes", lambda folder: 2**20)
    clip = write_clip(tmp_path / "clip.mp4")
    line = said(
        capsys, "--camera", str(clip), "--player", str(pack_folder), "--port", "0",
        "--record-inputs", str(tmp_path / "new"),
    )  # fmt: skip
    assert "the disk has only 1 MB left: make room" in line


def test_nothing_is_recorded_unless_it_is_asked_for() -> None:
    assert Show().record_inputs is None
    assert "output inputs" not in stages_of(Show())
    options = run_live.parse(["--record-inputs", "x", "--record-inputs-fps", "10"])
    asked = run_live.show_of(options).record_inputs
    assert asked is not None and asked.fps == 10 and asked.folder.is_absolute()
    assert run_live.show_of(run_live.parse([])).record_inputs is None


def test_it_is_said_for_as_long_as_it_lasts() -> None:
    recorder = OutputStatus("inputs", "inputs", "running", "the camera's pictures are being kept in x")
    status = ShowStatus(playout=PlayoutStatus(state="LIVE", fps=30.0), outputs=[recorder])
    assert "CAMERA IS KEPT" in status_line(Orders(), status, Totals())
    ended = ShowStatus(
        playout=PlayoutStatus(state="LIVE", fps=30.0),
        outputs=[OutputStatus("inputs", "inputs", "failed", "the disk is full")],
    )
    assert "CAMERA" not in status_line(Orders(), ended, Totals())


def test_the_end_says_what_is_kept_and_how_to_delete_it() -> None:
    dropped = {"camera_overtaken": 2, "camera_missed": 1, "programme_overtaken": 9}
    recorder = OutputStatus("inputs", "inputs", sent=70, dropped=dropped)
    lines = kept(ShowStatus(outputs=[recorder]), Path("x"))
    assert lines[0] == "70 pictures of the camera are kept in x, 3 were left out"
    assert "python -m tools.purge x" in lines[2]
    assert kept(ShowStatus(), Path("x")) == []
