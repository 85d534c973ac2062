"""A process that has imported what a stage needs, and waits until that stage is lost: the stage is then back
sooner, because the imports take as long as all the rest of its start."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import setproctitle

from realtime.stages.context import StageContext
from realtime.stages.stage_main import stage_main

NICENESS = 5
"""While it imports, it takes as little as the performer from the others."""


class Spare:
    """The supervisor's side. The process has begun once this is made. Raises OSError where the system has no
    room for one."""

    def __init__(self, name: str, modules: Sequence[str]) -> None:
        """name: the stage's. modules: what is imported."""
        spawn = multiprocessing.get_context("spawn")
        ours, self._turn = spawn.Pipe(duplex=False)
        self.process: SpawnProcess = spawn.Process(
            target=spare_main, args=(name, tuple(modules), ours), name=f"spare {name}"
        )
        with ours:
            self.process.start()

    def is_alive(self) -> bool:
        return self.process.is_alive()

    def become(self, context: StageContext) -> SpawnProcess:
        """It runs the stage from now on, also where it still imports. Returns its process. Raises OSError
        where it is gone."""
        self._turn.send(context)
        self._turn.close()
        return self.process

    def end(self) -> None:
        self._turn.close()
        self.process.kill()
        self.process.join()


def spare_main(name: str, modules: Sequence[str], turn: Connection) -> None:
    """The target of the process: imports, waits, and is the stage (`stage_main`). It ends with its parent."""
    setproctitle.setproctitle(f"dancecam spare {name}")
    os.nice(NICENESS)
    for module in modules:
        with contextlib.suppress(ImportError):  # an optional package: the stage says so where it needs it
            importlib.import_module(module)
    parent = parent_process()
    assert parent is not None  # noqa: S101  # the supervisor has started it
    if turn not in wait([turn, parent.sentinel]):
        return
    try:
        context = turn.recv()
    except EOFError:
        return
    stage_main(context)
