"""What the show says is never waited for: a reader that stops or goes away loses lines, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select

import pytest

from realtime.control.terminal.console import diverted
from realtime.control.terminal.outlet import LONGEST_QUEUE, Outlet, PlainConsole


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    for end in (read, write):
        try:
            os.close(end)
        except OSError:
            continue  # the test has closed it


def said_quickly(outlet: Outlet, lines: int) -> None:
    console = PlainConsole(outlet)
    started = time.monotonic()
    for n in range(lines):
        console.say(f"line {n} " + 100 * "x")
        console.status("nothing")
    assert time.monotonic() - started < 30


def close(outlet: Outlet) -> None:
    """Waits for its thread: the next test's files may get the numbers of ours, and would have its lines."""
    outlet.close()
    outlet._thread.join(60)
    assert not outlet._thread.is_alive()


def read_until(fd: int, end: str) -> str:
    text = ""
    while not text.endswith(end):
        assert select([fd], [], [], 60)[0], text
        text += os.read(fd, 65536).decode()
    return text


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_lines_come_in_order(pipe: tuple[int, int]) -> None:
    read, write = pipe
    outlet = Outlet(write)
    for n in range(50):
        outlet.say(f"line {n}")
    close(outlet)
    assert read_until(read, "line 49\n").splitlines() == [f"line {n}" for n in range(50)]


def test_a_reader_that_stops_loses_the_oldest_lines_and_hears_how_many(pipe: tuple[int, int]) -> None:
    read, write = pipe
    outlet = Outlet(write)
    said_quickly(outlet, 3000)
    text = b""
    while b"line 2999" not in text:
        text += os.read(read, 65536)
    close(outlet)
    lines = text.decode().splitlines()
    told = [int(line[1:].split()[0]) for line in lines if line.startswith("(")]
    left_out = sum(told)
    assert left_out > 1000
    assert len(lines) - len(told) + left_out == 3000
    assert len(lines) < 3000 - left_out + LONGEST_QUEUE


def test_a_terminal_that_is_stopped_holds_nobody_up() -> None:
    master, slave = os.openpty()
    termios.tcflow(slave, termios.TCOOFF)  # as Ctrl-S does
    outlet = Outlet(slave)
    said_quickly(outlet, 3000)
    outlet.close()
    outlet.say("and later lines too")
    os.close(master)
    close(outlet)
    os.close(slave)


def test_a_reader_that_has_gone_is_nobodys_concern(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.close(read)
    outlet = Outlet(write)
    said_quickly(outlet, 10)
    close(outlet)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_told_of_once_there_is_room(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    outlet = Outlet(full)
    said_quickly(outlet, 10)
    wait_for(lambda: outlet._left_out)
    log = tmp_path / "log"
    room = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(room, full)
    os.close(room)
    wait_for(lambda: outlet.say("there is room") or "there is room" in log.read_text(encoding="utf-8"))
    close(outlet)
    assert "lines were left out" in log.read_text(encoding="utf-8").splitlines()[0]
    os.close(full)


def test_a_status_line_stays_below_the_others(pipe: tuple[int, int]) -> None:
    read, write = pipe
    outlet = Outlet(write)
    text = ""
    for say, ends in (
        (lambda: outlet.status("LIVE"), "LIVE"),
        (lambda: outlet.say("a line"), "\r\x1b[Ka line\nLIVE"),
        (lambda: outlet.status("SLATE"), "\r\x1b[KSLATE"),
        (lambda: outlet.status(""), "\r\x1b[K"),
    ):
        say()
        text += os.read(read, 1000).decode()
        assert text.endswith(ends)
    close(outlet)


def test_what_children_and_libraries_print_is_heard_and_given_back(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []
    with diverted(2, heard.append):
        os.write(2, b"from C\n")
        subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('from a child')"], check=True)
    os.write(2, b"as before\n")
    assert heard == ["from C", "from a child"]
    assert capfd.readouterr().err == "as before\n"


def test_a_child_that_goes_on_does_not_hold_up_the_end() -> None:
    heard: list[str] = []
    with diverted(1, heard.append):
        code = "print('here', flush=True); input()"
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
        wait_for(lambda: heard)
        ending = time.monotonic()
    took_s = time.monotonic() - ending
    child.kill()
    child.wait()
    assert took_s < 15
    assert heard == ["here"]
