"""What shows have written is listed and deleted, and nothing else is touched."""

from __future__ import annotations

import os
import shutil
import time
from datetime import datetime
from pathlib import Path

import pytest

from realtime.config.inputs import RecordInputs
from realtime.config.show import Show
from realtime.control.show_log import ShowLog
from realtime.inputs.folder import begin
from realtime.outputs.recording import _new_file
from tools import purge
from tools.repair import whole_beside

OLD_S, DAY_S = 3 * 86_400, 86_400


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack_folder: Path) -> Path:
    """Recordings, logs and a cache, among things that no show has written."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    recordings, logs, plans = (tmp_path / name for name in ("recordings", "logs", "cache/dancecam/plans"))
    for folder in (recordings, logs, plans, recordings / "jones"):
        folder.mkdir(parents=True)
    for suffix in ("mkv", "mkv", "mp4"):
        _new_file(recordings, "recorder", suffix).write_bytes(b"a" * 2048)
    whole_beside(_new_file(recordings, "recorder", "mp4")).write_bytes(b"a" * 2048)
    (recordings / ".recorder 2026-11-30 10.00.00.part.mp4").touch()  # signing was cut off
    ShowLog(logs, datetime.now()).close()
    (plans / "generator.openvino.plan").write_bytes(b"a")
    shutil.copytree(pack_folder, tmp_path / "players/drawn")
    shutil.copytree(pack_folder, recordings / "drawn")
    for name in ("family.mp4", "recorder.mkv", "2026-01-01 10.00.00.mkv", "recorder 2026-01-01 10.00.00.txt"):
        (recordings / name).touch()
    (recordings / "jones" / "recorder 2026-01-01 10.00.00.mkv").touch()  # a take, in a folder of its own
    (recordings / "recorder 2026-01-01 10.00.01.mkv").symlink_to(tmp_path / "players/drawn/standby.mp4")
    (logs / "notes.txt").touch()
    for path in tmp_path.rglob("*"):
        os.utime(path, (time.time() - OLD_S,) * 2, follow_symlinks=False)
    return tmp_path


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def written(files: set[str]) -> set[str]:
    """Those that a show has written."""
    return {
        file
        for file in files
        if (file.startswith(("recordings/recorder 20", "recordings/.rec")) and "2026-01-01" not in file)
        or file.startswith(("logs/show-", "cache/"))
    }


def test_only_what_shows_have_written_is_deleted(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_in(place)
    assert len(written(before)) == 7
    assert purge.main(["--yes"]) == 0
    said = capsys.readouterr().out
    for file in written(before):
        assert Path(file).name in said
    assert "deleted 7 of them, 8 KiB" in said
    assert files_in(place) == before - written(before)


@pytest.mark.parametrize(
    ("answer", "status"), [("", 1), ("n", 1), ("no", 1), (EOFError(), 1), (KeyboardInterrupt(), 130)]
)
def test_it_asks_before(
    place: Path, monkeypatch: pytest.MonkeyPatch, answer: str | BaseException, status: int
) -> None:
    def said(question: str) -> str:
        assert "delete 7 of them" in question
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr("builtins.input", said)
    before = files_in(place)
    assert purge.main([]) == status
    assert files_in(place) == before
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert purge.main([]) == 0
    assert not written(files_in(place))


def test_what_is_new_stays(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_in(place)
    assert purge.main(["--yes", "--older-than", "4"]) == 0
    assert "there is nothing to delete" in capsys.readouterr().out
    now = time.time()
    for path in (place / "recordings").glob("*.mkv"):
        os.utime(path, (now, now), follow_symlinks=False)  # as if it were being written
    assert purge.main(["--yes", "--only", "recordings"]) == 0
    assert before - files_in(place) == {file for file in written(before) if file.endswith(".mp4")}


def test_a_show_file_names_its_folders(place: Path) -> None:
    (place / "elsewhere").mkdir()
    show = place / "elsewhere/show.toml"
    show.write_text('[[outputs]]\nkind = "recorder"\nfolder = "../recordings"\n', encoding="utf-8")
    before = files_in(place)
    assert purge.main([str(show), "--yes", "--only", "recordings", "logs"]) == 0
    assert before - files_in(place) == {file for file in written(before) if file.startswith("recordings")}


@pytest.mark.parametrize("argument", ["rehearsals/monday", "rehearsals", None])
def test_recorded_inputs_are_deleted_with_their_replay(place: Path, argument: str | None) -> None:
    before = files_in(place)
    monday = place / "rehearsals/monday"
    for folder in (monday, monday / "replay"):
        begin(RecordInputs(folder=folder), Show(), datetime.now())
        for name in ("camera-0.mkv", "camera.jsonl", "ticks.jsonl"):
            (folder / name).touch()
    (place / "rehearsals/other").mkdir()
    (place / "rehearsals/other/camera-0.mkv").touch()  # no recording of ours
    (monday / "camera-1.mkv").symlink_to(place / "players/drawn/standby.mp4")
    options = [*([argument] if argument else []), "--yes", "--only", "inputs"]
    assert purge.main(options) == 0
    assert (monday / "camera-0.mkv").exists(), "it is being written"
    (monday / "report.json").touch()
    assert purge.main(options) == 0
    left = {"rehearsals/other/camera-0.mkv", "rehearsals/monday/camera-1.mkv"}
    assert files_in(place) == before | left


def test_a_mistake_is_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_in(place)
    for arguments in (
        ["none.toml", "--yes"],
        ["--yes", "--older-than", "-1"],
        ["--yes", "--older-than", "nan"],
    ):
        assert purge.main(arguments) == 1
        assert capsys.readouterr().err.count("\n") == 1
    assert files_in(place) == before
