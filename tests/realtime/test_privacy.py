"""Nothing of a fan is kept: what a show leaves behind is its log, and without one nothing at all."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import run_live
from realtime.config.control import Control
from realtime.config.outputs import Recorder, WebRtc
from tests.ports import free_port
from tests.realtime.fakes import fake_nets, fake_show

ROOT = Path(run_live.__file__).parent


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All places to which this user's programs write: home, cache, temporary files, the current folder."""
    with tempfile.TemporaryDirectory(prefix="h") as name:  # a short path: sockets lie below it
        folder = Path(name)
        for inner, variable in (("cache", "XDG_CACHE_HOME"), ("t", "TMPDIR"), ("", "HOME")):
            (folder / inner).mkdir(exist_ok=True)
            monkeypatch.setenv(variable, str(folder / inner))
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.chdir(folder)
        yield folder
        monkeypatch.undo()


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("logged", [True, False])
def test_a_show_leaves_no_file_but_its_log(tmp_path: Path, home: Path, logged: bool) -> None:
    (tmp_path / "show").mkdir()
    show, player = fake_show(
        tmp_path / "show",
        outputs=(Recorder(kind="recorder", folder=home / "recordings"),),
        control=Control(log=home / "logs" if logged else None),
        webrtc=WebRtc(port=free_port()),
    )
    run_live.run(show, player, run_live.parse(["--headless", "--seconds", "5"]), fake_nets)
    logs = sorted(files_in(home))
    if not logged:
        assert logs == []
    else:
        (log,) = logs
        assert log.startswith("logs/show-")
        entries = [json.loads(line) for line in (home / log).read_text(encoding="utf-8").splitlines()]
        assert {entry["type"] for entry in entries} <= {"action", "state", "message"}
        assert any(entry.get("show", {}).get("state") == "LIVE" for entry in entries), "the show was on air"
        assert max(len(json.dumps(entry)) for entry in entries) < 10_000, "no picture is hidden in it"
    assert files_in(tmp_path / "show") == {"clip.mp4", "standby.mp4"}


def test_a_crash_dumps_no_memory() -> None:
    program = (
        "import resource, run_live; run_live.main(['--camera', '/none']); "
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    )
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, encoding="utf-8", check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)),
    )  # fmt: skip
    assert done.stdout == "0\n"
