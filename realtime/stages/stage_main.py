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
from multiprocessing import parent_process
from multiprocessing.connection import wait

import setproctitle

from realtime.stages.context import StageContext
from realtime.stages.memory import keep_small
from realtime.stages.stage_link import StageLink
from realtime.transport.bus import Bus
from realtime.transport.texts import one_line

log = logging.getLogger(__name__)

LOG_FORMAT = "{}: %(message)s"
"""With the stage's name."""

SWITCH_S = 0.001
"""How long Python's lock may be kept while another thread waits for it; Python's default is 5 ms."""

NICENESS = -10
"""Of a punctual stage, where it may not be scheduled in real time. -20 is the most, 0 what others have."""

LAST_S = 0.2
"""Time for ZeroMQ's thread to send the last status: one that fails at once is not connected yet."""

ORPHAN_GRACE_S = 2.0
"""How long a stage may take to end by itself after its parent is gone."""


def stage_main(context: StageContext) -> None:
    """The target of a stage's process. Exit status: 0 when told to end, 1 after an error that it has
    reported."""
    sys.setswitchinterval(SWITCH_S)
    setproctitle.setproctitle(f"dancecam {context.stage.name}")
    os.nice(context.stage.niceness)
    if context.stage.punctual:
        _go_first()
    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT.format(context.stage.name))
    bus = Bus(context.rig.bus, context.rig.link)
    link = StageLink(context, bus)
    threading.Thread(target=_end_with_parent, args=(context, link), name="parent", daemon=True).start()
    keep_small()
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
    time.sleep(LAST_S)
    os._exit(status)  # threads in a camera's driver or an engine must not keep the process alive


def _go_first() -> None:
    """All threads of this process run as soon as they can (SCHED_RR), else at least before most others; those
    that are started later inherit it. Root may do so, and who has RLIMIT_RTPRIO or RLIMIT_NICE; anybody
    else's process goes on as it is."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
        except OSError as error:
            log.debug("it runs at no higher priority than others: %s", error.strerror)


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
