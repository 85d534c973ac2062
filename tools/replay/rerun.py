"""Runs the show of a recording again: its pictures as the camera, its actions at the same times."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import run_live
from engines.time_units import NS_PER_S
from realtime.cameras.camera_name import REPLAY
from realtime.cameras.replay import LEAD_NS, write_origin
from realtime.config.inputs import RecordInputs
from realtime.config.show import Show
from realtime.control.desk import Refused
from realtime.inputs.folder import ACTIONS, ORIGIN, REPORT, Recording, begin
from realtime.inputs.lines import JsonLines
from realtime.performer.networks import Nets, load_nets
from realtime.supervise.rig import Player
from realtime.supervise.signals import heed
from realtime.supervise.supervisor import Supervisor
from tools.replay.timeline import Done

WHO = "replay"
LOOK_S = 0.01
START_S = 900.0
"""How long the processes may take until all are ready."""


class ReplayError(RuntimeError):
    """The show cannot be run again; one line."""


class Console(Protocol):
    def say(self, line: str) -> None: ...

    def status(self, line: str) -> None: ...


def replayed_show(recording: Recording, out: Path) -> Show:
    """The show, with the recording as its cameras. It is sent nowhere. Raises ShowError."""
    folder, origin = recording.folder.resolve(), quote(str((out / ORIGIN).resolve()))
    several = recording.data["cameras"]
    names = [f"{REPLAY}{folder}?camera={place}&origin={origin}" for place in range(max(1, len(several)))]
    show = recording.show()
    keep = RecordInputs(folder=out, camera=False, programme_fps=show.programme.fps)
    return recording.show(
        camera=names[0],
        cameras=tuple(names) if several else (),
        webrtc={"port": 0},
        record_inputs=keep.model_dump(),
    )


class Operator:
    """Does what was done in the rehearsal, in a thread of its own, and ends the show where that ended."""

    def __init__(
        self, supervisor: Supervisor, actions: Sequence[Done], origin: Path, start_ns: int, end_ns: int
    ) -> None:
        """origin: the file that the camera waits for. start_ns, end_ns: of the first picture and of the show,
        in the rehearsal's clock."""
        self._supervisor = supervisor
        self._actions = actions
        self._origin = origin
        self._start_ns, self._end_ns = start_ns, end_ns
        self._stop = threading.Event()
        self.error = ""
        self._thread = threading.Thread(target=self._run, name="operator", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            if not self._waited_for():
                return
            origin_ns = time.monotonic_ns() + 2 * LEAD_NS - self._start_ns
            write_origin(self._origin, origin_ns)
            for each in self._actions:
                if self._wait_until(origin_ns + each.at_ns):
                    return
                self._do(each)
            self._wait_until(origin_ns + self._end_ns)
        except Exception as error:  # noqa: BLE001  # told by the main thread
            self.error = f"{type(error).__name__}: {error}"
        finally:
            self._supervisor.stop()

    def _do(self, each: Done) -> None:
        try:
            self._supervisor.desk.act(each.action, each.arguments, who=WHO, confirmed=True)
        except Refused:
            return  # it is in the replay's own lines, and the comparison finds that it was not done

    def _waited_for(self) -> bool:
        """Whether all processes have come to be ready before the show has ended."""
        deadline_s = time.monotonic() + START_S
        while not self._stop.wait(LOOK_S):
            status = self._supervisor.status()
            if all(stage.ready for stage in status.stages.values()) and status.playout.state:
                return True
            if time.monotonic() > deadline_s:
                self.error = f"its processes were not ready within {START_S:g} s"
                return False
        return False

    def _wait_until(self, at_ns: int) -> bool:
        """Whether the show has ended before."""
        return self._stop.wait(max(0.0, (at_ns - time.monotonic_ns()) / NS_PER_S))


def rerun(
    recording: Recording,
    actions: Sequence[Done],
    start_ns: int,
    end_ns: int,
    out: Path,
    console: Console,
    *,
    nets: Callable[[Show], Nets] = load_nets,
    player: Player | None = None,
    heed_signals: bool = False,
) -> dict[str, Any]:
    """Runs the show, and records what it showed in `out`, a new folder. Gives its numbers.

    actions, start_ns, end_ns: in the rehearsal's clock. nets, player: instead of the real ones. Raises what
    `run_live.check` does, RecordingError, SupervisorError and ReplayError.
    """
    show = replayed_show(recording, out)
    assert show.record_inputs is not None  # noqa: S101  # set just now
    player = player or run_live.check(show, None)
    begin(show.record_inputs, show, datetime.now())
    lines = JsonLines(out / ACTIONS, "the replay's actions")
    try:
        supervisor = Supervisor(show, player, nets, console, inputs=lines)
        if heed_signals:
            heed(supervisor.stop, supervisor.stop, supervisor.hang_up)
        operator = Operator(supervisor, actions, out / ORIGIN, start_ns, end_ns)
        with operator:
            supervisor.run()
    finally:
        lines.close()
    if operator.error:
        raise ReplayError(f"the replay of {recording.folder} failed: {operator.error}")
    if not (out / ORIGIN).exists():
        raise ReplayError(f"the replay of {recording.folder} was ended before its first picture")
    report = supervisor.report()
    (out / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report
