"""Videos and a show's recordings are signed from the command line."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tools import sign

c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed")

CLIP = Path(__file__).parents[2] / "assets/fan_dance.mp4"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a certificate, a clip, and a show with two recordings."""
    monkeypatch.chdir(tmp_path)
    write_certificate(tmp_path)
    (tmp_path / "recordings").mkdir()
    shutil.copy(CLIP, "clip.mp4")
    for name in ("recorder 2026-11-30 20.00.00.mp4", "recorder 2026-11-30 21.00.00.mp4", "other.mp4"):
        shutil.copy(CLIP, tmp_path / "recordings" / name)
    for path in tmp_path.rglob("*.mp4"):
        os.utime(path, (time.time() - 60,) * 2)
    (tmp_path / "show.toml").write_text(
        """
        [[outputs]]
        kind = "recorder"
        container = "mp4"
        content_credentials = { certificate = "chain.pem", key = "key.pem" }
        """,
        encoding="utf-8",
    )
    return tmp_path


def is_signed(path: Path) -> bool:
    reader = c2pa.Reader.try_create(path)
    return reader is not None and reader.get_validation_state() == "Valid"


def test_a_clip_is_signed_once(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["clip.mp4", "--certificate", "chain.pem", "--key", "key.pem"]
    assert sign.main(asked) == 0
    assert is_signed(place / "clip.mp4")
    assert "clip.mp4 was signed in " in capsys.readouterr().out
    signed = (place / "clip.mp4").read_bytes()
    os.utime("clip.mp4", (time.time() - 60,) * 2)
    assert sign.main(asked) == 0
    assert "clip.mp4 is signed already" in capsys.readouterr().out
    assert (place / "clip.mp4").read_bytes() == signed


def test_the_recordings_of_a_show_are_signed_but_not_the_one_that_is_being_written(place: Path) -> None:
    shutil.copy(CLIP, place / "recordings/recorder 2026-11-30 22.00.00.mp4")
    assert sign.main(["show.toml"]) == 0
    signed = {path.name: is_signed(path) for path in (place / "recordings").iterdir()}
    assert signed == {
        "recorder 2026-11-30 20.00.00.mp4": True,
        "recorder 2026-11-30 21.00.00.mp4": True,
        "recorder 2026-11-30 22.00.00.mp4": False,
        "other.mp4": False,
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["clip.mp4"], "give --certificate and --key"),
        (["clip.mp4", "--key", "key.pem"], "give both --certificate and --key"),
        (["clip.mkv", "--certificate", "chain.pem", "--key", "key.pem"], "only .mp4 and .mov hold"),
        (["none.mp4", "--certificate", "chain.pem", "--key", "key.pem"], "none.mp4: no such file"),
        (["clip.mp4", "--certificate", "none.pem", "--key", "key.pem"], "none.pem cannot be read"),
        (
            ["clip.mp4", "--certificate", "chain.pem", "--key", "key.pem", "--timestamp-url", "ftp://a"],
            "--timestamp-url ftp://a: write http://... or https://...",
        ),
        (["new.mp4", "--certificate", "chain.pem", "--key", "key.pem"], "new.mp4 was written just now"),
        (["none.toml"], "none.toml"),
        (["empty.toml"], "empty.toml has no recorder of MP4 with content_credentials"),
    ],
)
def test_what_cannot_be_is_one_line(
    place: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "empty.toml").touch()
    (place / "new.mp4").touch()
    assert sign.main(arguments) == 1
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not is_signed(place / "clip.mp4")
