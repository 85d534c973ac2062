"""What a process has freed goes back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from realtime.stages.stage_link import StageLink
from realtime.stages.table import PLAYOUT
from realtime.transport.bus import Bus

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
deadline = time.monotonic() + 60
while own_kib(os.getpid()) > before - 60_000 and time.monotonic() < deadline:
    time.sleep(0.05)
print(before - own_kib(os.getpid()))
"""


GARBAGE = """
import gc, time, weakref
from realtime.stages import memory

class Viewer:
    pass

def come_and_go():
    viewer = Viewer()
    viewer.itself = viewer
    return weakref.ref(viewer)

gc.disable()
left = come_and_go()
assert left() is not None
memory.EVERY_S = 0.05
memory.keep_small()
deadline = time.monotonic() + 60
while left() is not None and time.monotonic() < deadline:
    time.sleep(0.05)
print(left())
"""


def test_what_only_refers_to_itself_is_freed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GARBAGE], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "None\n"


def test_python_does_not_look_again_at_what_was_loaded_before_a_stage_was_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen: list[int] = []
    monkeypatch.setattr("realtime.stages.stage_link.freeze", lambda: frozen.append(1))
    bus = Bus(tmp_path)
    context: Any = SimpleNamespace(stage=PLAYOUT, attempt=0)
    link = StageLink(context, bus)
    link.beat(1, ready=False)
    assert not frozen
    for _ in range(2):
        link.beat(1, ready=True)
    assert len(frozen) == 1
    bus.close()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library has no malloc_trim")
def test_memory_that_is_free_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True
    )
    assert int(done.stdout) > 60_000, "KiB, of 125,000 that were asked for"
