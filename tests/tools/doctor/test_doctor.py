"""The command: every check has an end, none fails with a traceback, and the exit status says how it went."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.config.show import Show
from tests.realtime.fakes import write_clip
from tools.doctor import __main__ as doctor
from tools.doctor.checks import CHECKS, Check
from tools.doctor.finding import Case, Finding, Level, fail, ok, warn
from tools.doctor.runner import run_check

CASE = Case(Show())
ROOT = Path(__file__).resolve().parents[3]


def hangs(_: Case) -> Iterator[Finding]:
    time.sleep(600)
    yield ok("camera", "never")


def fails(_: Case) -> Iterator[Finding]:
    yield ok("camera", "so far")
    raise RuntimeError("the driver\nis broken")


def crashes(_: Case) -> Iterator[Finding]:
    os._exit(3)
    yield ok("camera", "never")


def test_a_check_that_hangs_is_given_up() -> None:
    began = time.monotonic()
    (finding,) = run_check("camera", hangs, CASE, 0.3)
    assert time.monotonic() - began < 60
    assert (finding.level, finding.found) == (Level.FAIL, "no answer within 0.3 s")


def test_a_check_that_fails_is_one_line() -> None:
    (finding,) = run_check("camera", fails, CASE, 30)
    assert finding.level is Level.WARN
    assert finding.found == "it could not be looked at: RuntimeError: the driver is broken"


def test_a_check_that_crashes_is_one_line() -> None:
    (finding,) = run_check("camera", crashes, CASE, 30)
    assert finding == warn("camera", "it could not be looked at: the check crashed", "look at it by hand")


def test_the_exit_status_and_the_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", {"gpu": Check(lambda _: [warn("gpu", "an old one", "buy")], 30)})
    assert doctor.main([]) == 0
    assert capsys.readouterr().out == "WARN  gpu      an old one -> buy\n"
    monkeypatch.setattr(
        doctor, "CHECKS", {"disk": Check(lambda _: [fail("disk", "it is full", "empty")], 30)}
    )
    assert doctor.main(["--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert found == {"level": "FAIL", "check": "disk", "found": "it is full", "advice": "empty"}


def test_a_show_file_that_is_wrong_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show = tmp_path / "show.toml"
    show.write_text("camra = 1", encoding="utf-8")
    assert doctor.main([str(show)]) == 1
    line = capsys.readouterr().out
    assert line.startswith("FAIL  show")
    assert line.count("\n") == 1


@pytest.fixture
def show_file(tmp_path: Path, pack_folder: Path) -> Path:
    write_clip(tmp_path / "clip.mp4")
    path = tmp_path / "show.toml"
    text = f'camera = "clip.mp4"\nplayer = "{pack_folder}"\n[[outputs]]\nkind = "recorder"\n'
    path.write_text(text + "[webrtc]\nport = 0\n", encoding="utf-8")
    return path


def test_a_whole_machine(show_file: Path) -> None:
    """Every check of the table says something, and nothing but findings is written."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.doctor", str(show_file), "--json"],
        cwd=ROOT, capture_output=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    found = [Finding(**{**each, "level": Level(each["level"])}) for each in json.loads(done.stdout)]
    assert {each.check for each in found} == set(CHECKS) - {"stun", "midi", "signing"}  # not in the show file
    assert not [each for each in found if "it could not be looked at" in each.found]
    assert any("clip.mp4" in each.found for each in found)
    assert any("recordings in" in each.found and str(show_file.parent) in each.found for each in found)
    assert done.returncode == int(any(each.level is Level.FAIL for each in found))
    assert not (show_file.parent / "recordings").exists(), "nothing is made"


def test_beside_a_show_neither_its_camera_nor_its_ports_are_touched(show_file: Path) -> None:
    show = Show(player=show_file.parent).model_dump_json()
    with subprocess.Popen(
        [sys.executable, "-m", "tools.doctor", "--json", "--beside-show"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(show + "\n")
        process.stdin.flush()  # and left open, as a stage of the show may hold the other end
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
    checks = {each["check"] for each in found}
    assert {"ports", "plans"}.isdisjoint(checks)
    assert {"camera", "packs", "disk", "access"} <= checks
