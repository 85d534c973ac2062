"""A show does not begin with a player whose agreement has ended, and nobody switches to one."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

import run_live
from engines.pack.rights import Rights
from realtime.control.desk import Refused
from realtime.control.show_state import rights_near
from realtime.supervise.operators import Operators
from tests.realtime.fakes import Heard, fake_show, write_clip
from tools.player.rights import write_rights

TODAY = date.today()
ENDED = Rights("A. Jones", "home games", TODAY - timedelta(days=1))
WORDS = f"player Number 7: the agreement on the likeness ended with {ENDED.until.isoformat()}"


@pytest.fixture
def show_file(pack_folder: Path, tmp_path: Path) -> Path:
    """A show with a player whose agreement has ended."""
    write_clip(tmp_path / "clip.mp4")
    write_rights(Path(shutil.copytree(pack_folder, tmp_path / "drawn")), ENDED)
    path = tmp_path / "show.toml"
    path.write_text('camera = "clip.mp4"\nplayer = "drawn"\n[webrtc]\nport = 0\n', encoding="utf-8")
    return path


def checked(*arguments: str) -> dict[str, Rights]:
    return dict(run_live.check(run_live.show_of(run_live.parse(list(arguments))), None).rights)


def test_a_show_does_not_begin_with_a_player_whose_agreement_has_ended(
    show_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_live.main(["--show", str(show_file)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"run_live: {WORDS}")
    assert error.count("\n") == 1


def test_unless_it_is_allowed(show_file: Path) -> None:
    assert checked("--show", str(show_file), "--allow-expired") == {"Number 7": ENDED}
    show_file.write_text("allow_expired = true\n" + show_file.read_text(encoding="utf-8"), encoding="utf-8")
    assert checked("--show", str(show_file)) == {"Number 7": ENDED}


def test_a_pack_of_which_nothing_is_written_is_shown(pack_folder: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    assert checked("--camera", str(clip), "--player", str(pack_folder)) == {}


@pytest.mark.parametrize("allowed", [False, True])
def test_nobody_switches_to_a_player_whose_agreement_has_ended(tmp_path: Path, allowed: bool) -> None:
    """The day may end during the show."""
    show, player = fake_show(tmp_path, allow_expired=allowed)
    player.__dict__.update(others={"Number 7": tmp_path}, rights={"Number 7": ENDED})
    desk = Operators(show, player, Heard(), None, has_keys=False).desk
    if allowed:
        assert desk.act("player", {"name": "Number 7"}, who="a test", confirmed=True).player == "Number 7"
        return
    before = desk.orders
    with pytest.raises(Refused, match=WORDS) as caught:
        desk.act("player", {"name": "Number 7"}, who="a test", confirmed=True)
    assert caught.value.status == 422
    assert desk.orders == before
    assert desk.act("player", {"name": "Fake"}, who="a test", confirmed=True).player == ""


def test_the_console_is_told_of_agreements_that_end_soon() -> None:
    rights = {
        name: Rights("A", "b", TODAY + timedelta(days=days)) for name, days in (("near", 3), ("far", 300))
    }
    assert rights_near(rights, TODAY) == {
        "near": {"until": rights["near"].until.isoformat(), "days_left": 3},
    }
