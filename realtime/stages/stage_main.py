"""The entry point of every stage's process: sets its name, log and sockets, runs the stage, reports its
end."""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import wait

import setproctitle

from realtime.stages.context import StageContext
from realtime.stages.stage_link import StageLink
from realtime.transport.bus import Bus
from realtime.transport.texts import one_line

log = logging.getLogger(__name__)

SWITCH_S = 0.001
"""How long Python's lock may be kept while another thread waits for it; Python's default is 5 ms."""

ORPHAN_GRACE_S = 2.0
"""How long a stage may take to end by itself after its parent is gone."""


def stage_main(context: StageContext) -> None:
    """The target of a stage's process. Exit status: 0 when told to end, 1 after an error that it has
    reported."""
    sys.setswitchinterval(SWITCH_S)
    setproctitle.setproctitle(f"dancecam {context.stage.name}")
    if context.stage.niceness:
        with suppress(OSError):  # only root, or who has RLIMIT_NICE, may go before others
            os.setpriority(os.PRIO_PROCESS, 0, context.stage.niceness)
    logging.basicConfig(level=logging.WARNING, format=f"{context.stage.name}: %(message)s")
    bus = Bus(context.rig.bus, context.rig.link)
    link = StageLink(context, bus)
    threading.Thread(target=_end_with_parent, args=(context, link), name="parent", daemon=True).start()
    module, _, function = context.stage.entry.partition(":")
    status = 0
    try:
        entry: Callable[[StageContext, StageLink], None] = getattr(importlib.import_module(module), function)
        entry(context, link)
        link.flush()
    except Exception as error:  # ends this process: the operator gets the line
        log.debug("%s failed", context.stage.name, exc_info=True)
        link.died(one_line(error))
        status = 1
    time.sleep(0.05)  # time for ZeroMQ's thread to send the last status
    os._exit(status)  # threads in a camera's driver or an engine must not keep the process alive


def _end_with_parent(context: StageContext, link: StageLink) -> None:
    """Ends this process once the supervisor is gone, however it ended, and removes the sockets' folder for
    it."""
    parent = parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    shutil.rmtree(context.rig.bus, ignore_errors=True)
    link.stop()
    time.sleep(ORPHAN_GRACE_S)
    os._exit(1)
