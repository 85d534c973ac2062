"""The table of faults, and how each kind is put into a process."""

from __future__ import annotations

import ast
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tools import inject_fault
from tools.reliability import injections
from tools.reliability.faults import FAULTS, NOT_INJECTED
from tools.reliability.page import draw
from tools.reliability.soak import UsageError, faults_of, main
from tools.reliability.trial import Outcome
from tools.reliability.trial_show.running import NoShow, RunningShow, find

ROOT = Path(__file__).resolve().parents[3]


class OneProcess(RunningShow):
    """A show all of whose processes are one."""

    def process(self, name: str) -> psutil.Process:
        return psutil.Process(self.pid)

    def page(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    port = 0


@pytest.fixture
def show() -> Iterator[OneProcess]:
    script = "import time; print('begun', flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline(), "from now on it opens no file more"
    yield OneProcess(process.pid)
    process.kill()
    process.communicate()


def status(show: RunningShow) -> str:
    return str(psutil.Process(show.pid).status())


def comes(show: RunningShow, *wanted: str) -> bool:
    """Whether its process is soon in one of these states: signals take their time."""
    deadline = time.monotonic() + 60
    while (found := status(show)) not in wanted and time.monotonic() < deadline:
        time.sleep(0.005)
    return found in wanted


RUNS = (psutil.STATUS_RUNNING, psutil.STATUS_SLEEPING)


def test_killed(show: OneProcess) -> None:
    with injections.killed("playout")(show):
        assert comes(show, psutil.STATUS_ZOMBIE)


def test_stopped_until_it_is_taken_back(show: OneProcess) -> None:
    with injections.stopped("playout")(show):
        assert comes(show, psutil.STATUS_STOPPED)
    assert comes(show, *RUNS)


def test_slowed_runs_again_at_the_end(show: OneProcess) -> None:
    with injections.slowed("playout")(show):
        for _ in range(3):
            assert comes(show, psutil.STATUS_STOPPED)
            assert comes(show, *RUNS)
    assert comes(show, *RUNS)


def test_limits_are_taken_back(show: OneProcess) -> None:
    kinds = (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
    before = [resource.prlimit(show.pid, kind) for kind in kinds]
    with injections.file_may_not_grow(show), injections.no_handles("web server")(show):
        assert [resource.prlimit(show.pid, kind)[0] for kind in kinds] == [
            1,
            psutil.Process(show.pid).num_fds(),
        ]
    assert [resource.prlimit(show.pid, kind) for kind in kinds] == before


def test_idle_connections_are_open_and_then_closed() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        show = OneProcess(0)
        object.__setattr__(show, "port", server.getsockname()[1])
        with injections.idle_connections(20)(show):
            clients = [server.accept()[0] for _ in range(20)]
            clients[0].setblocking(False)
            with pytest.raises(BlockingIOError):
                clients[0].recv(1)
        for client in clients:
            client.setblocking(True)
            client.settimeout(60)
            assert client.recv(1) == b""
            client.close()


def test_a_camera_that_is_real_has_no_stand_in(show: OneProcess) -> None:
    with pytest.raises(NoShow, match="is a real one"), FAULTS["camera-black"].inject(show):
        pass


def test_light_faults_are_some_of_all() -> None:
    light, heavy = faults_of("light"), faults_of("heavy")
    assert 4 <= len(light) < len(heavy) == len(FAULTS)
    assert faults_of("none") == []
    assert [fault.name for fault in faults_of("playout-killed,nets-nan")] == ["playout-killed", "nets-nan"]
    with pytest.raises(UsageError, match="there is no fault x; there are: performer-killed"):
        faults_of("x")


def test_wrong_words_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--faults", "x"]) == 2
    assert main(["--minutes", "0"]) == 2
    assert main(["--video", "/nowhere.mp4"]) == 2
    assert inject_fault.main(["x"]) == 2
    assert inject_fault.main(["performer-killed", "--pid", "1"]) == 1
    assert all(line for line in capsys.readouterr().err.splitlines())
    with pytest.raises(NoShow):
        find(1)


def test_the_list_has_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert inject_fault.main([]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(FAULTS)


def test_bars() -> None:
    killed, performer = FAULTS["playout-killed"], FAULTS["performer-killed"]
    assert Outcome("playout-killed", 60, 3.0, 3.0, 4.0, {}).breaks(killed) == ""
    assert "61 ticks" in Outcome("playout-killed", 61, 3.0, 3.0, 4.0, {}).breaks(killed)
    assert "2 ticks were lost" in Outcome("performer-killed", 2, 3.0, 0.1, 4.0, {}).breaks(performer)
    assert "not recover" in Outcome("performer-killed", 0, 3.0, 0.1, None, {}).breaks(performer)


def test_the_page_shows_what_was_measured_and_what_was_not() -> None:
    outcome = {"fault": "playout-killed", "lost": 40, "off_live_s": 3.1, "viewer_gap_s": 1.4}
    kept = {
        "machine": "2 cores",
        "load": "5.0",
        "quiet_s": 30,
        "quiet": {**outcome, "fault": "", "lost": 0, "recovered_s": 0.0, "restarts": {}},
        "outcomes": [{**outcome, "recovered_s": None, "restarts": {"playout": 1}}],
    }
    text = draw(kept)
    assert "| `playout-killed` | SIGKILL to playout | 40 | 3.1 | 1.4 | not by itself | playout |" in text
    assert "over its bar: playout-killed" in text
    assert all(f"**{what}**" in text for what in NOT_INJECTED)
    assert "Not run: performer-killed" in text


def test_the_wall_clock_only_names_and_stamps() -> None:
    """No time that the show is run by may jump with the machine's clock."""
    found = set()
    for path in [ROOT / "run_live.py", *(ROOT / "realtime").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in (
                "datetime.now",
                "datetime.utcnow",
                "time.time",
                "time.time_ns",
            ):
                found.add(path.relative_to(ROOT).as_posix())
    assert found == {
        "run_live.py",  # names the show log; the day on which an agreement ends
        "realtime/cameras/rehearsal.py",  # draws the time of day
        "realtime/control/desk.py",  # stamps what is told
        "realtime/programme/playout.py",  # stamps a flash, for the log of a light meter
        "realtime/outputs/recording.py",  # names recordings
        "realtime/outputs/synthetic.py",  # the days on which a certificate is valid
        "realtime/supervise/operators.py",  # the day on which an agreement ends
        "realtime/outputs/webrtc/whip.py",  # reads a Retry-After that is a date
    }
