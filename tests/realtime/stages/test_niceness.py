from __future__ import annotations

import subprocess
import sys

import pytest

from realtime.stages import niceness

PROGRAM = """
import os, sys, threading
from realtime.stages.niceness import be_nicer

go = threading.Event()
numbers = [os.getpid()]

def work():
    os.nice(2)
    numbers.append(threading.get_native_id())
    ready.set()
    go.wait()

ready = threading.Event()
thread = threading.Thread(target=work)
thread.start()
ready.wait()
before = [os.getpriority(os.PRIO_PROCESS, number) for number in numbers]
be_nicer(3)
after = [os.getpriority(os.PRIO_PROCESS, number) for number in numbers]
go.set()
print(*(later - earlier for earlier, later in zip(before, after)), before[1] - before[0])
"""


@pytest.mark.skipif(not niceness.THREADS.is_dir(), reason="niceness is the process's own here")
def test_every_thread_is_nicer_also_those_that_libraries_have_started() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "3", "2"]


def test_elsewhere_it_is_the_process_that_is_nicer(monkeypatch: pytest.MonkeyPatch) -> None:
    by: list[int] = []
    monkeypatch.setattr(niceness, "THREADS", niceness.THREADS / "none")
    monkeypatch.setattr("os.nice", by.append)
    niceness.be_nicer(3)
    assert by == [3]
