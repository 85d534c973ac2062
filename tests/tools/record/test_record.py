from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.cameras.camera_name import CaptureError
from tools.coverage.meter import Coverage
from tools.footage.video import VideoError, VideoReader
from tools.record import __main__ as record
from tools.record import session as sessions
from tools.record import takes
from tools.record.screen import View
from tools.record.session import Session
from tools.record.state import Recording, RecordingError
from tools.record.surfaces import ACTIONS, Terminal, has_display
from tools.record.takes import TakeError, takes_in

ROOT = Path(__file__).resolve().parents[3]
CLIP = ROOT / "assets" / "fan_dance.mp4"


class Script:
    """A surface that asks for actions after so many shown frames, and finishes after the last."""

    def __init__(self, *actions: tuple[int, str]) -> None:
        self.views: list[View] = []
        self._actions = list(actions)

    def show(self, picture: NDArray[np.uint8], landmarks: NDArray[np.float32] | None, view: View) -> None:
        self.views.append(view)

    def actions(self) -> list[str]:
        due = [action for shown, action in self._actions if shown <= len(self.views)]
        self._actions = self._actions[len(due) :]
        return due

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


class Counted(takes.TakeWriter):
    """Counts the frames that come from the camera. stop: is set after so many."""

    came: ClassVar[int] = 0
    enough: ClassVar[int] = 0
    stop: ClassVar[threading.Event] = threading.Event()

    def put(self, t_ns: int, picture: NDArray[np.uint8]) -> None:
        super().put(t_ns, picture)
        Counted.came += 1
        if Counted.came == Counted.enough:
            Counted.stop.set()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    """What sessions write takes with."""
    monkeypatch.setattr(Counted, "came", 0)
    monkeypatch.setattr(Counted, "stop", threading.Event())
    monkeypatch.setattr(sessions, "TakeWriter", Counted)
    return Counted


def film(
    folder: Path, surface: Script, camera: str = str(CLIP), stop: threading.Event | None = None
) -> Coverage:
    recording = Recording.open(folder)
    session = Session(recording, camera, (1280, 720))
    session.run(surface, stop or threading.Event(), seconds=600, backend="auto")
    return recording.coverage


def frames(path: Path) -> int:
    reader = VideoReader(path)
    count = sum(1 for _ in reader)
    reader.close()
    return count


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Script]:
    """A recording with a pause in it, to be read only."""
    folder = tmp_path_factory.mktemp("recordings") / "jones"
    surface = Script((8, "pause"), (12, "pause"), (14, "next"), (20, "finish"))
    film(folder, surface)
    return folder, surface


def test_a_pause_makes_two_takes(filmed: tuple[Path, Script]) -> None:
    folder, surface = filmed
    assert [path.name for path in takes_in(folder)] == ["take-001.mkv", "take-002.mkv"]
    assert all(frames(path) >= 2 for path in takes_in(folder))
    assert VideoReader(takes_in(folder)[0]).size == (1280, 720)
    assert len(surface.views) == 20
    assert [view.cue is None for view in surface.views] == [8 <= number < 12 for number in range(20)]


def test_the_checks_are_told_with_every_frame(filmed: tuple[Path, Script]) -> None:
    names = [check.name for check in filmed[1].views[-1].checks]
    assert names == ["framing", "exposure", "focus", "motion blur", "alone", "camera"]


def test_next_changes_the_prompt(filmed: tuple[Path, Script]) -> None:
    before, after = (filmed[1].views[number].cue for number in (13, 14))
    assert before is not None
    assert after is not None
    assert before.prompt.text != after.prompt.text


def test_the_meter_is_saved_and_taken_up_again(filmed: tuple[Path, Script], tmp_path: Path) -> None:
    folder, _ = filmed
    state = json.loads((folder / "coverage.json").read_text(encoding="utf-8"))
    assert state["usable_s"] > 0
    again = tmp_path / "again"
    again.mkdir()
    for path in folder.iterdir():
        (again / path.name).write_bytes(path.read_bytes())
    coverage = film(again, Script((5, "finish")))
    assert [path.name for path in takes_in(again)] == ["take-001.mkv", "take-002.mkv", "take-003.mkv"]
    assert coverage.usable_s > state["usable_s"]
    assert not list(again.glob(".*"))


def is_under_way(folder: Path) -> bool:
    """Whether a recorder has written frames, and saved a meter that has counted some."""
    take, state = folder / "take-001.mkv", folder / "coverage.json"
    if not state.exists() or json.loads(state.read_text(encoding="utf-8"))["usable_s"] <= 0:
        return False
    try:
        return frames(take) > 10
    except (VideoError, FileNotFoundError):  # nothing of it is on the disk yet
        return False


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Path]:
    """The folder of a recorder that was killed while it filmed."""
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "tools.record", str(folder), "--camera", str(CLIP), "--headless"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while not is_under_way(folder):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    yield folder


def test_a_kill_leaves_a_readable_take_and_the_next_run_goes_on(killed: Path) -> None:
    assert frames(killed / "take-001.mkv") > 10
    before = Recording.open(killed).coverage.usable_s
    assert before > 0
    assert film(killed, Script((5, "finish"))).usable_s > before
    assert [path.name for path in takes_in(killed)] == ["take-001.mkv", "take-002.mkv"]


def test_a_full_disk_ends_it_with_one_line_and_a_whole_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is full once the take has begun; before its next look the encoder writes a second of frames."""
    take = tmp_path / "full" / "take-001.mkv"
    monkeypatch.setattr(takes.shutil, "disk_usage", lambda _: _Usage(10**6 if take.exists() else 10**12))
    assert record.main([str(tmp_path / "full"), "--camera", str(CLIP), "--headless", "--seconds", "600"]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith(f"record: {tmp_path / 'full'}: the disk is almost full (1 MB left)")
    assert "\n" not in error
    assert frames(take) > 0
    assert (tmp_path / "full" / "coverage.json").is_file()


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_the_command_ends_with_the_verdict_and_the_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)  # a window would end the process
    folder = tmp_path / "jones"
    assert record.main([str(folder), "--camera", str(CLIP), "--seconds", "1"]) == 0
    out, err = capsys.readouterr()
    assert "no window can be opened" in err
    assert "not enough yet: 0.0 usable minutes" in out
    assert out.splitlines()[-1] == f"next: python -m tools.prepare {folder} datasets/jones"


def test_a_display_that_does_not_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    assert not has_display()


def test_wrong_cameras_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video at all", encoding="utf-8")
    for camera, expected in (
        ("77", "/dev/video77"),
        (str(tmp_path / "none.mp4"), "no such file"),
        (str(text), "not a video"),
    ):
        assert record.main([str(tmp_path / "jones"), "--camera", camera, "--headless"]) == 1
        error = capsys.readouterr().err.strip()
        assert error.startswith(f"record: camera {camera}")
        assert expected in error
        assert "\n" not in error
    assert takes_in(tmp_path / "jones") == []


def test_wrong_folders_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_file = tmp_path / "file"
    a_file.write_text("", encoding="utf-8")
    assert record.main([str(a_file / "jones"), "--camera", str(CLIP), "--headless"]) == 1
    error = capsys.readouterr().err.strip()
    assert error == f"record: {a_file / 'jones'} cannot be made: Not a directory; name another folder"


def test_a_folder_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(RecordingError, match="may not be written to: name another folder"):
        Recording.open(tmp_path / "jones")


@pytest.mark.parametrize("state", ["", "{}", "[]", '{"usable_s": 1}', None])
def test_a_damaged_meter_says_how_to_write_it_again(tmp_path: Path, state: str | None) -> None:
    (tmp_path / "take-001.mkv").write_bytes(b"")
    if state is not None:
        (tmp_path / "coverage.json").write_text(state, encoding="utf-8")
    with pytest.raises(RecordingError, match=f"python -m tools.coverage {tmp_path} --json > "):
        Recording.open(tmp_path)


def test_a_camera_that_opens_no_more_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(CaptureError):
        film(tmp_path / "jones", Script(), camera=str(tmp_path / "none.mp4"))
    assert list((tmp_path / "jones").iterdir()) == []


def test_a_take_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takes, "ENCODER", {"preset": "no such preset"})
    with pytest.raises(TakeError, match=r"take-001\.mkv cannot be written"):
        film(tmp_path / "jones", Script())


def test_a_size_is_width_by_height(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("1920", "x", "0x720", "axb"):
        with pytest.raises(SystemExit):
            record.main(["somewhere", "--size", word])
        assert "write it as 1920x1080" in capsys.readouterr().err


def test_every_frame_goes_to_the_encoder_while_the_judge_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: type[Counted]
) -> None:
    class Slow(sessions.Judge):
        def look(self, *arguments: object) -> object:  # type: ignore[override]
            before, deadline = counted.came, time.monotonic() + 60
            while counted.came < before + 6 and time.monotonic() < deadline:
                time.sleep(0.01)
            return super().look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sessions, "Judge", Slow)
    surface = Script((6, "finish"))
    film(tmp_path / "jones", surface)
    written = frames(tmp_path / "jones" / "take-001.mkv")
    assert written + surface.views[-1].dropped > 5 * len(surface.views)


def test_nobody_looks_while_the_encoder_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: type[Counted]
) -> None:
    monkeypatch.setattr(takes.TakeWriter, "behind", property(lambda _: True))
    monkeypatch.setattr(counted, "enough", 20)
    surface = Script()
    film(tmp_path / "jones", surface, stop=counted.stop)
    assert surface.views == []
    assert frames(tmp_path / "jones" / "take-001.mkv") > 0


def test_the_terminal_tells_prompts_and_faults_once(
    filmed: tuple[Path, Script], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    picture = np.zeros((8, 8, 3), np.uint8)
    with terminal:
        for view in filmed[1].views[:4]:
            terminal.show(picture, None, view)
        terminal.show(picture, None, filmed[1].views[9])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("next  ")
    cues = [line for line in lines if line.startswith(("next", "NOW"))]
    assert cues[-1] == "NOW   paused"  # faults of that view may follow
    assert len(cues) == len(set(cues))  # four views, one prompt
    assert set(ACTIONS.values()) == {"pause", "next", "finish"}
