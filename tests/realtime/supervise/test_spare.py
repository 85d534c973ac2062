"""The process that waits to take the performer's place: real processes, fake networks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engines.time_units import NS_PER_S
from realtime.config.show import Show
from realtime.performer.networks import Nets
from realtime.stages.memory import KEEP_BYTES, LOAD_BYTES
from realtime.stages.spare import BEFORE_THE_SHOW, DURING_THE_SHOW, FAILED, Spare
from realtime.stages.table import PERFORMER, stages_of
from realtime.supervise import stage_process
from realtime.supervise.supervisor import Supervisor
from tests.realtime.fakes import Heard, fake_nets, fake_show
from tests.realtime.test_show_runs import (
    ROOT,
    alive,
    child,
    in_background,
    states,
    ticks_go_on,
    wait_for,
    wait_until_back,
)

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture(autouse=True)
def at_once(no_spare: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """And where there is memory enough."""
    monkeypatch.setattr(stage_process, "SPARE_AFTER_NS", 0)
    monkeypatch.setattr(stage_process, "LOOK_NS", 0)
    monkeypatch.setattr(stage_process, "free_bytes", lambda: LOAD_BYTES)


def nets_that_wait(show: Show) -> Nets:
    """For the file `load`."""
    while not Path(show.camera).with_name("load").exists():
        time.sleep(0.02)
    return fake_nets(show)


def a_show(folder: Path, *imports: str, nets: Callable[[Show], Nets] = fake_nets) -> Supervisor:
    show, player = fake_show(folder)
    stages = {**stages_of(show), "performer": replace(PERFORMER, imports=imports)}
    return Supervisor(show, player, nets, Heard(), stages=stages)


def spare() -> psutil.Process:
    wait_for(lambda: child("spare performer"))
    found = child("spare performer")
    assert found is not None
    return found


def kill_performer() -> None:
    performer = child("performer")
    assert performer is not None
    performer.kill()


def test_who_waits_takes_the_performers_place_and_another_one_waits(tmp_path: Path) -> None:
    supervisor = a_show(tmp_path, "json", "there_is_no_such_module")
    waited: list[psutil.Process] = []

    def kill_it_twice() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        for n in (1, 2):
            waiting = spare()
            waited.append(waiting)
            kill_performer()
            wait_until_back(supervisor, restarts=n)
            assert child("performer") == waiting
        waited.append(spare())

    errors = in_background(supervisor, kill_it_twice)
    supervisor.run()
    assert not errors
    assert len({process.pid for process in waited}) == 3
    assert supervisor.report()["restarts"] == {"performer": 2}
    assert not any(alive(process) for process in waited)


@pytest.mark.parametrize("wait_s", [0, 600])
def test_the_first_one_does_not_wait_until_the_performer_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_s: int
) -> None:
    """It imports while the show loads; the next one waits until the show has been on air for a while."""
    monkeypatch.setattr(stage_process, "SPARE_AFTER_NS", wait_s * NS_PER_S)
    supervisor = a_show(tmp_path, "json")

    def use_it() -> None:
        waiting = spare()
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        kill_performer()
        wait_until_back(supervisor)
        assert child("performer") == waiting
        if not wait_s:
            spare()
            return
        ticks_go_on(supervisor)
        assert child("spare performer") is None

    errors = in_background(supervisor, use_it)
    supervisor.run()
    assert not errors


def test_one_that_imports_during_the_show_gives_way_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one has to be done soon: the show is not on air yet."""
    (tmp_path / "takes_for_ever.py").write_text("import time; time.sleep(600)\n", encoding="utf-8")
    supervisor = a_show(tmp_path, "takes_for_ever", nets=nets_that_wait)

    def importing() -> int:
        """How much nicer the thread is that imports."""
        wait_for(lambda: child("spare performer, importing"))
        process = child("spare performer, importing")
        assert process is not None

        def nicer() -> int:
            numbers = [thread.id for thread in process.threads()]
            return max(os.getpriority(os.PRIO_PROCESS, n) for n in numbers) - os.getpriority(
                os.PRIO_PROCESS, 0
            )

        wait_for(nicer)  # it has its title before that thread begins
        found = nicer()
        process.kill()
        return found

    def look() -> None:
        assert importing() == BEFORE_THE_SHOW
        (tmp_path / "load").touch()
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        kill_performer()
        wait_until_back(supervisor)
        assert importing() == DURING_THE_SHOW

    errors = in_background(supervisor, look)
    monkeypatch.syspath_prepend(str(tmp_path))  # the processes inherit it
    supervisor.run()
    assert not errors


def test_a_spare_that_is_gone_is_done_without(tmp_path: Path) -> None:
    supervisor = a_show(tmp_path, "json")

    def kill_both() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        waiting = spare()
        waiting.kill()
        wait_for(lambda: not alive(waiting))
        kill_performer()
        wait_until_back(supervisor)

    errors = in_background(supervisor, kill_both)
    supervisor.run()
    assert not errors


def test_one_whose_imports_failed_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be half imported. A module that is not there is another thing: it may be optional."""
    (tmp_path / "needs_memory.py").write_text("raise MemoryError\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))  # the process inherits it
    ours = Spare("performer", ["there_is_no_such_module", "needs_memory"])
    ours.process.join(120)
    assert ours.process.exitcode == FAILED and not ours.is_alive()
    ours.end()


@pytest.mark.parametrize("why", ["memory", "imports"])
def test_none_waits_where_there_is_no_memory_or_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(stage_process, "free_bytes", lambda: LOAD_BYTES - (why == "memory"))
    supervisor = a_show(tmp_path, *(("json",) if why == "memory" else ()))

    def look() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        ticks_go_on(supervisor)
        assert child("spare performer") is None

    errors = in_background(supervisor, look)
    supervisor.run()
    assert not errors


def test_one_that_still_imports_takes_the_place_once_it_is_done(tmp_path: Path) -> None:
    go = tmp_path / "go"
    (tmp_path / "takes_a_while.py").write_text(
        f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)\n", encoding="utf-8"
    )
    supervisor = a_show(tmp_path, "takes_a_while")

    def kill_it() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        wait_for(lambda: child("spare performer, importing"))
        waiting = child("spare performer, importing")
        kill_performer()
        wait_for(lambda: states(supervisor)[-1] == "FALLBACK")
        go.touch()
        wait_until_back(supervisor)
        assert waiting is not None and child("performer") == waiting

    errors = in_background(supervisor, kill_it)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))  # the processes inherit it
        supervisor.run()
    assert not errors


def test_it_goes_where_memory_is_short_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = [LOAD_BYTES]
    monkeypatch.setattr(stage_process, "free_bytes", lambda: memory[0])
    supervisor = a_show(tmp_path, "json")

    def take_memory() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"])
        waiting = spare()
        memory[0] = KEEP_BYTES - 1
        wait_for(lambda: not alive(waiting))
        memory[0] = LOAD_BYTES
        assert spare() != waiting

    errors = in_background(supervisor, take_memory)
    supervisor.run()
    assert not errors
    assert supervisor.report()["restarts"] == {}


@pytest.mark.parametrize("module", ["json", "takes_for_ever"])
def test_it_ends_with_a_supervisor_that_is_killed(tmp_path: Path, module: str) -> None:
    (tmp_path / "takes_for_ever.py").write_text("import time; time.sleep(600)\n", encoding="utf-8")
    program = (
        "import sys, time; from realtime.stages.spare import Spare\n"
        "if __name__ == '__main__':\n"
        f"    sys.path.insert(0, {str(tmp_path)!r})\n"
        f"    spare = Spare('performer', [{module!r}]); print(spare.process.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        waiting = psutil.Process(int(parent.stdout.readline()))
        suffix = ", importing" if module == "takes_for_ever" else ""
        wait_for(lambda: waiting.cmdline()[:1] == [f"dancecam spare performer{suffix}"])
        time.sleep(0.5)
        assert alive(waiting)
        os.kill(parent.pid, signal.SIGKILL)
    wait_for(lambda: not alive(waiting))


def test_what_the_performer_needs_is_there_to_be_imported() -> None:
    program = f"import sys; [__import__(name) for name in {PERFORMER.imports!r}]; "
    program += "print(all(name in sys.modules for name in ('torch', 'numba', 'cv2', 'openvino')))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "True"
