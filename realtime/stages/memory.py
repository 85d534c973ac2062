"""What is loaded ahead while the machine has memory for it, and how memory goes back to the system.

The C library keeps what is freed for later. In a process of many threads, which loads a player or serves a
viewer now and then, the pieces that it keeps grow by tens of megabytes an hour, though nothing leaks. And
Python seldom looks for objects that only refer to each other, such as those of a viewer who has left.
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time

LOAD_BYTES, KEEP_BYTES = 2 << 30, 1 << 30
"""Something is loaded ahead (a player, a spare process) while programs can have LOAD_BYTES more, and kept
while they can have KEEP_BYTES more. Either takes 0.2 to 0.3 GB."""

EVERY_S = 60.0


def free_bytes() -> int:
    """How much memory programs can still have. Where no file handle is left to ask: too little to load
    anything ahead, and enough to keep what is loaded."""
    import psutil  # not on a bare GPU machine, which measures changes of player

    try:
        return int(psutil.virtual_memory().available)
    except OSError:
        return KEEP_BYTES


def keep_small() -> None:
    """Starts a thread that frees what nothing refers to any more, and gives memory back, while the process
    runs."""
    threading.Thread(target=_keep_small, name="heap", daemon=True).start()


def freeze() -> None:
    """To be called once all is loaded that is needed as long as the process runs: Python does not look for
    garbage in it again, which would stop all its threads for 0.1 to 0.2 s."""
    gc.freeze()


def give_back() -> None:
    """Gives back what is free. Nothing happens where the C library cannot (musl, macOS).

    Python's lock is free meanwhile (ctypes). Each of the C library's arenas is locked for about a
    millisecond, and for tens of them after a player was freed.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _keep_small() -> None:
    while True:
        time.sleep(EVERY_S)
        gc.collect()
        give_back()
