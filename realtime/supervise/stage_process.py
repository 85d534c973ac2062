"""One stage's process as the supervisor holds it: its start, its last status, and its end."""

from __future__ import annotations

import multiprocessing
import signal
import time
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from pathlib import Path

import psutil

from engines.time_units import NS_PER_S
from realtime.control.show_state import StageState
from realtime.stages.context import OnAir, Rig, StageContext
from realtime.stages.memory import KEEP_BYTES, LOAD_BYTES, free_bytes
from realtime.stages.spare import BEFORE_THE_SHOW, DURING_THE_SHOW, Spare
from realtime.stages.stage_main import stage_main
from realtime.stages.table import OUTPUT, Stage
from realtime.supervise.signals import signals_blocked
from realtime.supervise.watchdog import Watchdog
from realtime.transport.bus import Status
from realtime.transport.orders import Orders
from realtime.transport.statuses import OutputStatus

START_AGAIN_NS = NS_PER_S
"""After a process could not be started (no file handles or memory left), the next try follows after this
time."""

SPARE_AFTER_NS = 30 * NS_PER_S
"""So long after a stage that was started again is ready, the next spare process is started for it: it takes
processor time for seconds. The first one imports while the stage loads, or once there is memory for it."""

LOOK_NS = NS_PER_S
"""How often it is looked whether one is to be started or ended."""

FAR_SILENCE_NS = 2 * NS_PER_S
"""A stage on the other machine that is silent for this long is not ready."""


class StageProcess:
    """said: the last status of any of its processes. start_at_ns: when the next process is due; None while
    one runs, or if there will be none."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.watchdog = Watchdog(stage)
        self.process: SpawnProcess | None = None
        self.start_at_ns: int | None = 0
        self.said = Status(stage.name, -1, 0, ready=False)
        if stage.kind:
            output = OutputStatus(stage.name.removeprefix(OUTPUT), stage.kind)
            self.said = replace(self.said, output=output)
        self._attempt = -1
        self._spare: Spare | None = None
        self._spare_at_ns: int | None = None
        self._look_ns = 0

    @property
    def state(self) -> StageState:
        """For operators, as it is now."""
        said, gone = self.said, self.process is None and self.start_at_ns is None
        given_up = gone and not self.stage.far and self._attempt >= 0
        return StageState(self.watchdog.ready, said.doing, said.doing_s, said.part, said.parts, given_up)

    def start(self, rig: Rig, orders: Orders, now_ns: int) -> None:
        """Starts a new process. orders: what the operator wants now. Raises OSError where the system has no
        room for one; it is then due again soon."""
        self.start_at_ns = now_ns + START_AGAIN_NS
        on_air, playout = None, self.said.playout
        if playout is not None and playout.clock_start_ns is not None:
            on_air = OnAir(playout.clock_start_ns, playout.tick, orders)
        context = StageContext(self.stage, rig, self._attempt + 1, on_air)
        process = self._spare_as(context)
        if process is None:
            process = multiprocessing.get_context("spawn").Process(
                target=stage_main, args=(context,), name=self.stage.name
            )
            with signals_blocked():
                process.start()
        self._attempt += 1
        if self._attempt == 0:
            self._spare_at_ns = now_ns
        self.process = process
        self.watchdog.started(now_ns)

    def _spare_as(self, context: StageContext) -> SpawnProcess | None:
        """The spare process, which runs the stage from now on; None where there is none."""
        spare, self._spare, self._spare_at_ns = self._spare, None, None
        try:
            return None if spare is None or not spare.is_alive() else spare.become(context)
        except OSError:  # it has just ended
            return None

    def keep_spare(self, now_ns: int) -> None:
        """To be called again and again: starts a spare process when it is due, if the stage has a use for
        one, and ends it where memory is short. One that has ended by itself is not replaced before the stage
        was started again, or memory was short. Raises OSError."""
        if not self.stage.imports or self.stage.far or now_ns < self._look_ns:
            return
        self._look_ns = now_ns + LOOK_NS
        if self._spare_at_ns is None:
            if not self.watchdog.ready:
                return
            self._spare_at_ns = now_ns + SPARE_AFTER_NS
        if self._spare is not None and free_bytes() < KEEP_BYTES:
            self.end_spare()
            self._spare_at_ns = now_ns + SPARE_AFTER_NS
        elif self._spare is None and now_ns >= self._spare_at_ns and free_bytes() >= LOAD_BYTES:
            niceness = DURING_THE_SHOW if self.watchdog.ready else BEFORE_THE_SHOW
            with signals_blocked():
                self._spare = Spare(self.stage.name, self.stage.imports, niceness)

    def end_spare(self) -> None:
        if self._spare is not None:
            self._spare.end()
            self._spare = None

    def restart(self, now_ns: int) -> None:
        """Starts a new process for the operator, even for a stage that was given up; its budget is full
        again."""
        self.watchdog.forgive()
        if self.process is None:
            self.start_at_ns = now_ns
        else:
            self._kill("the operator had it started again")

    def heard(self, status: Status) -> bool:
        """Takes a status; returns False for the last message of a process that was replaced."""
        if self.stage.far:
            self._attempt = status.attempt
        if status.attempt != self._attempt:
            return False
        self.said = replace(
            status,
            died=status.died or self.said.died,
            playout=status.playout or self.said.playout,
            performer=status.performer or self.said.performer,
            output=status.output or self.said.output,
            tempo=status.tempo or self.said.tempo,
        )
        alive_ns = time.monotonic_ns() if self.stage.far else status.alive_ns  # another machine's clock
        self.watchdog.heard(alive_ns, status.ready)
        return True

    def listen_for(self, now_ns: int) -> None:
        """For a stage on the other machine: it is not ready while nothing is heard of it."""
        self.watchdog.ready &= now_ns - self.watchdog.alive_ns <= FAR_SILENCE_NS

    def is_due(self, now_ns: int) -> bool:
        """Whether a process is to be started now."""
        return self.process is None and self.start_at_ns is not None and now_ns >= self.start_at_ns

    def has_ended(self, now_ns: int) -> bool:
        """Whether its process is gone. A process that hangs is killed."""
        if self.process is None:
            return False
        if self.process.is_alive():
            if not self.watchdog.ready:
                self.watchdog.worked(_cpu_s(self.process.pid), now_ns)
            if self.watchdog.is_silent(now_ns):
                self.watchdog.waited(_processor_waits_s(self.process.pid))
            if self.watchdog.silent_for_too_long(now_ns):
                doing = self.said.doing
                self._kill(f"it hung{f' while {doing}' if doing else ''} and was stopped")
            return False
        self.process.join()
        return True

    def bury(self) -> tuple[int | None, str]:
        """Removes the process that has ended; returns its exit status and the reason."""
        status = None if self.process is None else self.process.exitcode
        self.process = None
        self.start_at_ns = None
        self.watchdog.ready = False
        why = self.said.died or _exit_text(status)
        output = None if self.said.output is None else _ended(self.said.output, why)
        tempo = self.said.tempo
        if tempo is not None:
            tempo = replace(tempo, bpm=None, reason=f"its process ended ({why}); it is started again")
        self.said = replace(self.said, doing="", died="", output=output, tempo=tempo)
        return status, why

    def _kill(self, why: str) -> None:
        self.said = replace(self.said, died=why)
        if self.process is not None:
            self.process.kill()


def _ended(output: OutputStatus, why: str) -> OutputStatus:
    """The status of an output whose process has ended."""
    name = f"{output.name}: "
    return replace(
        output,
        state="failed",
        reason=f"{why if why.startswith(name) else f'{name}its process ended ({why})'}; it is started again",
        fps=0.0,
        receivers=dict.fromkeys(output.receivers, 0),
        tally="off",
    )


def _cpu_s(pid: int | None) -> float:
    """The processor time that a process has used; 0 where it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _processor_waits_s(pid: int | None) -> dict[int, float]:
    """How long each of its threads was ready to run, and waited for a processor, by the thread's number; {}
    where the system does not say (it is Linux's schedstat) or the process is gone."""
    waits_s = {}
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        try:
            waits_s[int(thread.name)] = int((thread / "schedstat").read_text().split()[1]) / NS_PER_S
        except (OSError, IndexError):  # this thread has just ended
            continue
    return waits_s


def _exit_text(exit_status: int | None) -> str:
    if exit_status is not None and exit_status < 0:
        return signal.Signals(-exit_status).name
    return f"exit status {exit_status}"
