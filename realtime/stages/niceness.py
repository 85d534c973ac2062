"""How much a process leaves to others."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

THREADS = Path("/proc/self/task")


def be_nicer(by: int) -> None:
    """Makes the whole process so much nicer: on Linux niceness is each thread's own, and libraries have
    started some. Threads that start later are as nice as those that start them."""
    if not THREADS.is_dir():
        os.nice(by)
        return
    for thread in THREADS.iterdir():
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            number = int(thread.name)
            os.setpriority(os.PRIO_PROCESS, number, os.getpriority(os.PRIO_PROCESS, number) + by)
