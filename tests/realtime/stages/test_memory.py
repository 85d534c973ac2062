"""What a process has freed goes back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import time
from realtime.stages import memory
from tools.reliability.sampling import own_kib
import os

pieces = [bytes(64 * 1024 - 64) for _ in range(2000)]
kept = pieces[::100]  # between the pieces that are freed, so that the heap cannot shrink
del pieces
before = own_kib(os.getpid())
memory.EVERY_S = 0.05
memory.keep_small()
deadline = time.monotonic() + 20
while own_kib(os.getpid()) > before - 60_000 and time.monotonic() < deadline:
    time.sleep(0.05)
print(before - own_kib(os.getpid()))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library has no malloc_trim")
def test_memory_that_is_free_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True
    )
    assert int(done.stdout) > 60_000, "KiB, of 125,000 that were asked for"
