"""The units that are installed: systemd takes them, and they name this show."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from realtime.config.show import ROOT
from tools import service

SHOW = """
[control]
log = "logs"
token = "a-token-of-a-test"
[[outputs]]
kind = "recorder"
folder = "my takes"
"""


@pytest.fixture
def show_file(tmp_path: Path) -> Path:
    folder = tmp_path / "a show"
    (folder / "my takes").mkdir(parents=True)
    (folder / "logs").mkdir()
    path = folder / "show.toml"
    path.write_text(SHOW, encoding="utf-8")
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert service.main(list(arguments)) == 0
    return capsys.readouterr().out


def settings(unit: str) -> dict[str, list[str]]:
    """Each setting's values, as systemd reads them (systemd.syntax)."""
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        if line and not line.startswith(("#", "[")):
            name, separator, value = line.partition("=")
            assert separator, line
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("system", [False, True])
def test_a_unit_names_the_show_and_systemd_takes_it(
    show_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], system: bool
) -> None:
    more = ["--system", "--user", "games"] if system else ["--print"]
    text = printed(capsys, str(show_file), *more)
    assert "$" not in text, "a word of the template is left"
    found = settings(text)
    (command,) = found["ExecStart"]
    assert command.endswith(f'{ROOT}/run_live.py --headless --show "{show_file}"')
    assert found["WorkingDirectory"] == [str(show_file.parent)]
    assert found["RestartPreventExitStatus"] == ["2"], "the exit status of a show that cannot be started"
    assert (found["UMask"], found["LimitCORE"], found["NoNewPrivileges"]) == (["0077"], ["0"], ["yes"])
    if system:
        assert found["User"] == ["games"]
        assert found["ReadWritePaths"] == [f'"{show_file.parent}/my takes" "{show_file.parent}/logs"']
    if shutil.which("systemd-analyze") is None:
        return
    path = tmp_path / service.NAME
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert service.NAME not in done.stderr


def test_the_unit_of_a_user_is_written(
    show_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", "")  # no systemctl
    expected = printed(capsys, str(show_file), "--print")
    said = printed(capsys, str(show_file))
    path = tmp_path / "config/systemd/user" / service.NAME
    assert path.read_text(encoding="utf-8") == expected
    assert str(path) in said
    assert "systemctl --user start dancecam" in said
    assert [each.name for each in path.parent.iterdir()] == [service.NAME]


@pytest.mark.parametrize(
    ("name", "text", "more", "words"),
    [
        ("show.toml", "camra = 1", [], "unknown key 'camra'"),
        ("show.toml", SHOW, ["--system", "--user", "root"], "must not run as root"),
        ("show$.toml", SHOW, ["--print"], "systemd takes no quotes"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, more: list[str], words: str
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert service.main([str(path), *more]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_make_installs_it(show_file: Path) -> None:
    done = subprocess.run(
        ["make", "-n", "install-service", f"SHOW={show_file.name}"], cwd=ROOT, capture_output=True,
        encoding="utf-8", check=False,
    )  # fmt: skip
    assert f'-m tools.service "{show_file.name}"' in done.stdout
    without = subprocess.run(
        ["make", "-n", "install-service"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert without.returncode != 0
    assert "name the show file" in without.stderr
