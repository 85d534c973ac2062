from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from engines.plans.atomic_folder import check_target, new_folder, resumed_folder

MARK = "mark.json"


def fill(target: Path, digest: str = "a", content: str = "new") -> str:
    with resumed_folder(target, MARK, digest) as (part, found):
        (part / MARK).write_text(content, encoding="utf-8")
    return found


def fail(target: Path, digest: str = "a", error: type[Exception] = OSError) -> None:
    with (
        pytest.raises(error),
        resumed_folder(target, MARK, digest, (ValueError,)) as (part, _),
    ):
        (part / "half").write_text("half", encoding="utf-8")
        (part / "frames").mkdir(exist_ok=True)
        raise error


def test_an_interrupted_run_finds_what_it_left(tmp_path: Path) -> None:
    target = tmp_path / "set"
    fail(target)
    assert not target.exists()
    with resumed_folder(target, MARK, "a") as (part, found):
        assert found == "resumed" and (part / "half").read_text(encoding="utf-8") == "half"
        (part / MARK).write_text("new", encoding="utf-8")
    assert (target / MARK).read_text(encoding="utf-8") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_other_inputs_start_anew(tmp_path: Path) -> None:
    target = tmp_path / "set"
    fail(target)
    with resumed_folder(target, MARK, "b") as (part, found):
        assert found == "changed" and [path.name for path in part.iterdir()] == ["inputs.sha256"]
        (part / MARK).write_text("new", encoding="utf-8")
    assert fill(target, "b") == "new"


def test_after_a_verdict_nothing_is_left(tmp_path: Path) -> None:
    fill(tmp_path / "set", content="old")
    fail(tmp_path / "set", error=ValueError)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert (tmp_path / "set" / MARK).read_text(encoding="utf-8") == "old"


def test_the_old_folder_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "set"
    fill(target, content="old")
    fail(target)
    assert (target / MARK).read_text(encoding="utf-8") == "old"
    with pytest.raises(FileNotFoundError, match=MARK), resumed_folder(target, MARK, "a"):
        pass
    fill(target)
    assert (target / MARK).read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("whole", [True, False])
def test_a_loss_of_power_between_the_two_renames_is_put_right(tmp_path: Path, whole: bool) -> None:
    target, old = tmp_path / "set", tmp_path / ".set.old"
    fill(target, content="old")
    target.rename(old)
    if whole:
        fail(target)
    else:
        with pytest.raises(OSError), new_folder(target, MARK):
            raise OSError
    assert (target / MARK).read_text(encoding="utf-8") == "old" and not old.exists()


def test_two_runs_do_not_fill_the_same_folder(tmp_path: Path) -> None:
    with resumed_folder(tmp_path / "set", MARK, "a") as (part, _):
        with (
            pytest.raises(BlockingIOError, match="set is being written by another run"),
            resumed_folder(tmp_path / "set", MARK, "a"),
        ):
            pass
        (part / MARK).write_text("new", encoding="utf-8")
    assert (tmp_path / "set" / MARK).is_file()


def test_what_is_no_such_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").touch()
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match=r"photos is not empty and holds no mark\.json"):
        fill(tmp_path / "photos")
    with pytest.raises(FileExistsError, match="file is a file"):
        fill(tmp_path / "file")
    assert (tmp_path / "photos/holiday.jpg").exists()


def test_what_cannot_be_made_is_said_beforehand(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    check_target(tmp_path / "new" / "folder", "mark")
    assert not (tmp_path / "new").exists()
    for target in (tmp_path / "full", tmp_path / "full" / "file", Path(), Path("..")):
        with pytest.raises(FileExistsError, match=re.escape(str(target))):
            check_target(target, "mark")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_named_beforehand(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match=re.escape(str(tmp_path))):
            check_target(tmp_path / "new" / "folder", "mark")
    finally:
        tmp_path.chmod(0o700)
