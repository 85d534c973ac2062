"""What run_live.py says, in one line, when it cannot do what it was asked to."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import run_live
from realtime.config.control import Control
from realtime.config.show import BUNDLED_PLAYER, Show
from realtime.control.actions import ACTIONS
from tests.realtime.fakes import Heard, write_clip

ROOT = Path(run_live.__file__).parent


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that `arguments` end in."""
    assert run_live.main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_missing_camera(capsys: pytest.CaptureFixture[str]) -> None:
    assert "camera none.mp4: no such file" in said(capsys, "--camera", "none.mp4")


def test_a_player_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    line = said(capsys, "--camera", str(clip), "--player", str(tmp_path), "--port", "0")
    assert f"{tmp_path} is no player pack" in line


def test_a_backend_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    line = said(capsys, "--camera", str(clip), "--backend", "abacus", "--port", "0")
    assert "unknown backend 'abacus'" in line
    assert "openvino" in line


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        line = said(capsys, "--camera", str(clip), "--port", str(port))
    assert f"127.0.0.1:{port}" in line
    assert "--port" in line


def test_a_show_file_with_an_unknown_key(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    show = tmp_path / "show.toml"
    show.write_text("fps = 30", encoding="utf-8")
    line = said(capsys, "--show", str(show))
    assert "unknown key 'fps'" in line
    assert str(show) in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fly = 'y'", "keys: there is no action 'fly'"),
        ("take = 'f'", "keys: take and freeze are both on key 'f'"),
    ],
)
def test_a_show_file_with_keys_that_cannot_be(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, words: str
) -> None:
    show = tmp_path / "show.toml"
    show.write_text(f"[keys]\n{text}", encoding="utf-8")
    assert f"show file {show}: {words}" in said(capsys, "--show", str(show))


def test_another_player_must_have_the_size_and_a_name_of_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, pack_folder: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    twin = shutil.copytree(pack_folder, tmp_path / "twin")
    show = tmp_path / "show.toml"
    text = f'camera = "{clip}"\nplayer = "{pack_folder}"\nplayers = ["%s"]\n[webrtc]\nport = 0'
    show.write_text(text % "twin", encoding="utf-8")
    assert f"players {pack_folder} and {twin} are both named" in said(capsys, "--show", str(show))
    show.write_text(text % "none", encoding="utf-8")
    assert str(tmp_path / "none") in said(capsys, "--show", str(show))


def duet_file(folder: Path, pack: Path, second: Path | str, more: str = "") -> str:
    """A show file of a duet."""
    clip = write_clip(folder / "clip.mp4")
    show = folder / "show.toml"
    text = f'camera = "{clip}"\nplayer = "{pack}"\n{more}\n[duet]\nplayer = "{second}"\n[webrtc]\nport = 0'
    show.write_text(text, encoding="utf-8")
    return str(show)


def test_the_players_of_a_duet_are_of_one_size(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, pack_folder: Path
) -> None:
    assert "none" in said(capsys, "--show", duet_file(tmp_path, pack_folder, tmp_path / "none"))
    line = said(capsys, "--show", duet_file(tmp_path, pack_folder, BUNDLED_PLAYER))
    assert f"[duet] player {BUNDLED_PLAYER} is 1280x720 pixels, but {pack_folder} is 128x128" in line
    show = run_live.show_of(run_live.parse(["--show", duet_file(tmp_path, pack_folder, pack_folder)]))
    assert run_live.check(show, None).second == run_live.check(show, None).name


def test_what_a_duet_does_not_support_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, pack_folder: Path
) -> None:
    on_gpu = duet_file(tmp_path, pack_folder, pack_folder, 'backend = "tensorrt"')
    line = said(capsys, "--show", on_gpu)
    assert '[duet]: a duet is painted on the CPU, not by tensorrt: write backend = "auto"' in line
    show = run_live.show_of(run_live.parse(["--show", duet_file(tmp_path, pack_folder, pack_folder)]))
    for role in ("performer", "playout"):
        with pytest.raises(run_live.UsageError, match="a duet runs on one machine"):
            run_live.check(show, None, role)


def test_a_log_that_cannot_be_written_ends_the_show_before_it_begins(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, pack_folder: Path
) -> None:
    clip, log = write_clip(tmp_path / "clip.mp4"), tmp_path / "log"
    log.touch()
    arguments = ["--camera", str(clip), "--player", str(pack_folder), "--port", "0", "--log", str(log)]
    assert run_live.main(arguments) == 1
    assert "run_live: the show log" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "webrtc.port"),
        (["--seconds", "0"], "--seconds"),
        (["--seconds", "nan"], "--seconds"),
        (["--report", "/none/r.json"], "there is no folder /none"),
    ],
)
def test_flags_out_of_bounds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], words: str
) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    assert words in said(capsys, "--camera", str(clip), *arguments)


def test_flags_go_before_the_show_file(tmp_path: Path) -> None:
    show = tmp_path / "show.toml"
    show.write_text("camera = '0'\nhold_ms = 100\n[webrtc]\nport = 9000\nbitrate = 1000000", encoding="utf-8")
    options = run_live.parse(["--show", str(show), "--camera", "1", "--port", "9001"])
    merged = run_live.show_of(options)
    assert (merged.camera, merged.hold_ms, merged.start) == ("1", 100, "standby")
    assert (merged.webrtc.port, merged.webrtc.bitrate) == (9001, 1_000_000)
    assert run_live.show_of(run_live.parse([])).start == "live"


@pytest.mark.parametrize("token", [None, "a-token-of-a-test"])
def test_a_token_of_the_show_file_is_not_printed_where_what_is_printed_may_be_kept(token: str | None) -> None:
    show = Show(control=Control(token=token))
    heard = Heard()
    run_live.say_where(show, token or "made-up", heard)
    (line,) = [line for line in heard.lines if line.startswith("console: ")]
    assert ("#token=made-up" in line) == (token is None)
    assert "a-token-of-a-test" not in line


def test_the_bundled_players_can_be_switched_between(pack_folder: Path) -> None:
    show = run_live.show_of(run_live.parse(["--port", "0"]))
    player = run_live.check(show, None)
    assert (player.name, list(player.others)) == ("Number 23", ["Star"])
    assert [plate.parent.name for plate in player.plates] == ["demo", "fan"]
    assert not run_live.show_of(run_live.parse(["--player", str(pack_folder)])).players


def test_help_lists_the_keys_and_is_quick_to_come() -> None:
    code = "import sys, run_live; assert 'torch' not in sys.modules and 'aiortc' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    done = subprocess.run(
        [sys.executable, "run_live.py", "--help"], cwd=ROOT, check=True, capture_output=True, encoding="utf-8"
    )
    for action in ACTIONS.values():
        assert action.help in done.stdout


def test_a_limit_of_the_cache_that_is_no_number(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANCECAM_CACHE_MIB", "1 GB")
    clip = write_clip(tmp_path / "clip.mp4")
    assert "DANCECAM_CACHE_MIB='1 GB' is no number of MiB" in said(capsys, "--camera", str(clip))


def test_what_takes_seconds_is_not_waited_for_before_the_show_is_checked() -> None:
    """torch is imported in the performer alone, and a player's pictures are cut up there."""
    program = """
import sys, run_live
show = run_live.show_of(run_live.parse([]))
player = run_live.check(show, None)
print(player.name, len(player.others), sorted({"torch", "openvino", "engines.doll.bank"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "Number 23 1 []\n"


def test_the_camera_of_the_command_line_is_the_only_one(tmp_path: Path) -> None:
    show = tmp_path / "show.toml"
    show.write_text("cameras = ['0', '1']", encoding="utf-8")
    assert run_live.show_of(run_live.parse(["--show", str(show)])).every_camera == ("0", "1")
    options = run_live.parse(["--show", str(show), "--camera", "test://"])
    assert run_live.show_of(options).every_camera == ("test://",)


def test_each_of_several_cameras_must_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show = tmp_path / "show.toml"
    show.write_text("cameras = ['test://', 'none.mp4']", encoding="utf-8")
    assert "camera none.mp4: no such file" in said(capsys, "--show", str(show))


def test_cameras_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(run_live, "camera_lines", lambda: iter(["0  C920", "no NDI source"]))
    assert run_live.main(["--list-cameras"]) == 0
    assert capsys.readouterr().out == "0  C920\nno NDI source\n"


SIGNED_SHOW = """
[[outputs]]
kind = "recorder"
container = "%s"
content_credentials = { certificate = "chain.pem", key = "key.pem" }
"""


def test_a_certificate_is_looked_at_before_the_show(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    show = tmp_path / "show.toml"
    show.write_text(SIGNED_SHOW % "mp4", encoding="utf-8")
    clip = write_clip(tmp_path / "clip.mp4")
    line = said(capsys, "--show", str(show), "--camera", str(clip), "--port", "0")
    assert f"{tmp_path / 'chain.pem'} cannot be read" in line or "pip install c2pa-python" in line
    show.write_text(SIGNED_SHOW % "mkv", encoding="utf-8")
    assert 'content_credentials are for MP4: write container = "mp4"' in said(capsys, "--show", str(show))
