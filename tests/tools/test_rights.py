"""The command that shows and changes who agreed to a player's likeness."""

from __future__ import annotations

import shutil
import stat
from datetime import date
from pathlib import Path

import pytest

from engines.pack.manifest import MANIFEST, PackManifest
from engines.pack.rights import Rights
from tools.rights import main

AGREED = ["--agreed-by", "A. Jones", "--agreed-for", "home games", "--agreed-until", "2027-06-30"]


@pytest.fixture
def folder(pack_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pack_folder, tmp_path / "drawn"))


def test_an_agreement_is_added_changed_and_forgotten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / MANIFEST).read_bytes()
    assert main([str(folder)]) == 0
    assert "nothing is written of an agreement" in capsys.readouterr().out
    assert main([str(folder), *AGREED]) == 0
    assert "agreed by A. Jones, for home games, until 2027-06-30" in capsys.readouterr().out
    assert main([str(folder), "--agreed-until", "2028-06-30", "--agreed-note", "by mail"]) == 0
    expected = Rights("A. Jones", "home games", date(2028, 6, 30), "by mail")
    assert PackManifest.load(folder).rights == expected
    assert stat.S_IMODE((folder / MANIFEST).stat().st_mode) == 0o644
    assert main([str(folder), "--forget"]) == 0
    assert (folder / MANIFEST).read_bytes() == before
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--agreed-by", "A"], "needs --agreed-for, --agreed-until too"),
        ([*AGREED[:-1], "soon"], "until must be a date"),
        ([*AGREED, "--agreed-note", "a\nb"], "note must be one line"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    before = (folder / MANIFEST).read_bytes()
    assert main([str(folder), *arguments]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert (folder / MANIFEST).read_bytes() == before


def test_a_folder_that_is_no_pack_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), *AGREED]) == 1
    assert "is no player pack" in capsys.readouterr().err
