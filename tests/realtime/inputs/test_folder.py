"""The folder of a recording: made for one user, read again, refused where it is none."""

from __future__ import annotations

import json
import stat
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from realtime.config.backgrounds import Still
from realtime.config.inputs import RecordInputs
from realtime.config.outputs import Stream
from realtime.config.show import BUNDLED_OTHERS, BUNDLED_PLAYER, Show, ShowError, check_show, load_show
from realtime.inputs.folder import MANIFEST, RecordingError, begin, files_of, find, is_recording, remove
from realtime.inputs.lines import JsonLines, read_lines
from realtime.inputs.track_reader import Track
from realtime.inputs.track_writer import TrackWriter

NOW = datetime(2026, 11, 29, 20, 15)


def recorded(folder: Path, **changes: object) -> Show:
    show = Show(players=BUNDLED_OTHERS).model_copy(update=changes)
    begin(RecordInputs(folder=folder), show, NOW)
    return show


def test_the_show_is_found_again(tmp_path: Path) -> None:
    show = recorded(tmp_path / "new/recording", mirror=True, hold_ms=99)
    found = find(tmp_path / "new/recording")
    again = found.show()
    assert again.players == BUNDLED_OTHERS and again.player == BUNDLED_PLAYER
    assert again == show.model_copy(update={"camera": "test://"})
    assert found.begun.startswith("2026-11-29T20:15:00")
    assert found.version.startswith("0.1.0")
    assert found.changed_packs(again) == []
    again = found.show(player=BUNDLED_OTHERS[0], players=(BUNDLED_PLAYER,))
    assert found.changed_packs(again) == [BUNDLED_OTHERS[0], BUNDLED_PLAYER], "both are others than before"


def test_it_is_for_this_user_alone(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    recorded(tmp_path / "open")
    assert stat.S_IMODE((tmp_path / "open").stat().st_mode) == 0o700


def test_nothing_secret_is_kept(tmp_path: Path) -> None:
    recorded(
        tmp_path / "recording",
        camera="rtsp://user:secret@10.0.0.7/stream",
        cameras=("rtsp://user:secret@10.0.0.7/stream", "0"),
        outputs=(Stream(kind="stream", url="rtmp://host/app/secret"),),
        control=Show().control.model_copy(update={"token": "secret-secret"}),
    )
    text = (tmp_path / "recording" / MANIFEST).read_text(encoding="utf-8")
    assert "secret" not in text
    assert json.loads(text)["show"]["cameras"] == ["rtsp://10.0.0.7/stream", "0"]


def test_paths_outside_the_project_stay_whole(tmp_path: Path) -> None:
    still = Still(kind="picture", name="arena", file=tmp_path / "arena.png")
    recorded(tmp_path / "recording", backgrounds=(still,))
    assert find(tmp_path / "recording").show().backgrounds == (still,)


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(RecordingError, match=r"is not empty: name a new folder"):
        recorded(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "dancecam inputs 2"}', '{"format": 7}'])
def test_what_is_no_recording_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(RecordingError) as error:
        find(tmp_path)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_a_manifest_that_lacks_something_is_one_line(tmp_path: Path) -> None:
    recorded(tmp_path)
    data = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    for broken in ({**data, "show": {"fly": 1}}, {**data, "show": 3}, {**data, "packs": None}):
        (tmp_path / MANIFEST).write_text(json.dumps(broken), encoding="utf-8")
        with pytest.raises(RecordingError, match=r"unknown key 'fly'|is damaged"):
            find(tmp_path)


def test_only_what_is_a_recordings_is_removed(tmp_path: Path) -> None:
    recorded(tmp_path / "one")
    (tmp_path / "one/notes.txt").touch()
    recorded(tmp_path / "one/replay")
    assert len(files_of(tmp_path / "one")) == 2 and is_recording(tmp_path / "one")
    remove(tmp_path / "one")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["notes.txt", "one"]


def test_a_show_file_cannot_ask_for_it(tmp_path: Path) -> None:
    (tmp_path / "show.toml").write_text("[record_inputs]\nfolder = 'x'", encoding="utf-8")
    with pytest.raises(ShowError, match=r"run_live\.py --record-inputs FOLDER, not by a show file"):
        load_show(tmp_path / "show.toml")
    assert check_show({"record_inputs": {"folder": "x"}}, "flags").record_inputs is not None


def test_lines_that_were_cut_off_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"n": 1}\n{"n": 2, "te{"n": 3}\n[4]\n{"n": 5}\n{"n": 6', encoding="utf-8")
    assert [line["n"] for line in read_lines(path)] == [1, 5]
    assert list(read_lines(tmp_path / "none.jsonl")) == []
    lines = JsonLines(path, "the lines")
    lines.append({"n": 7})
    lines.close()
    assert [line["n"] for line in read_lines(path)] == [1, 5, 7]


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.0])
def test_a_video_that_was_cut_off_is_read_up_to_there(tmp_path: Path, share: float) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (12, 16, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    writer = TrackWriter(tmp_path, "camera")
    for n in range(90):
        writer.write(np.roll(noise, 3 * n, axis=1), n * 33_000_000, {"id": n})
    writer.close()
    path = tmp_path / "camera-0.mkv"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    ids = [line["id"] for _, line, _ in Track(tmp_path, "camera").pictures()]
    assert ids == list(range(len(ids)))
    assert share * 90 - 25 <= len(ids) <= share * 90 + 10
