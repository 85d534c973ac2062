"""A process that has imported what a stage needs, and waits until that stage is lost: the stage is then back
sooner, because the imports take as long as all the rest of its start."""

from __future__ import annotations

import contextlib
import importlib
import logging
import multiprocessing
import os
import threading
from collections.abc import Sequence
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import setproctitle

from realtime.stages.context import StageContext
from realtime.stages.stage_main import LOG_FORMAT, stage_main

IMPORTING = ", importing"
"""The end of the process's title while it does."""

BEFORE_THE_SHOW, DURING_THE_SHOW = 5, 19
"""The thread that imports is so much nicer than the show. With 19 it takes a minute on a busy machine; with 5
it can cost a show that is on air its pictures for a second. Threads that libraries start are as nice."""

FAILED = 3
"""The exit status of a process whose imports failed: it may be spoilt. A new one says what is wrong."""

LOOK_S = 0.1
END_S = 1.0


class Spare:
    """The supervisor's side. The process has begun once this is made. Raises OSError where the system has no
    room for one."""

    def __init__(self, name: str, modules: Sequence[str], niceness: int = BEFORE_THE_SHOW) -> None:
        """name: the stage's. modules: what is imported, and how much nicer than the show."""
        spawn = multiprocessing.get_context("spawn")
        ours, self._turn = spawn.Pipe(duplex=False)
        self.process: SpawnProcess = spawn.Process(
            target=spare_main, args=(name, tuple(modules), niceness, ours), name=f"spare {name}"
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
        self.process.join(END_S)


def spare_main(name: str, modules: Sequence[str], niceness: int, turn: Connection) -> None:
    """The target of the process: imports, waits, and is the stage (`stage_main`). It ends with its parent."""
    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT.format(name))
    title = f"dancecam spare {name}"
    setproctitle.setproctitle(f"{title}{IMPORTING}")
    importing = threading.Thread(target=_import, args=(modules, niceness, title), name="imports", daemon=True)
    importing.start()
    parent = parent_process()
    assert parent is not None  # noqa: S101  # the supervisor has started it
    if turn not in wait([turn, parent.sentinel]):
        os._exit(0)  # as in stage_main
    try:
        context = turn.recv()
    except EOFError:
        os._exit(0)
    turn.close()
    while importing.is_alive():
        if wait([parent.sentinel], LOOK_S):
            os._exit(0)
    stage_main(context)


def _import(modules: Sequence[str], niceness: int, title: str) -> None:
    os.nice(niceness)  # on Linux, of this thread alone
    for module in modules:
        try:
            with contextlib.suppress(ModuleNotFoundError):  # an optional package
                importlib.import_module(module)
        except BaseException:  # noqa: BLE001  # no memory, no file handles
            os._exit(FAILED)
    setproctitle.setproctitle(title)
