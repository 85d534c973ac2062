import os
import pty
import termios
import time
from select import select

import pytest

from realtime.control.terminal.hotkeys import Hotkeys
from realtime.control.terminal.outlet import Outlet


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> int:
    master, slave = pty.openpty()
    monkeypatch.setattr("sys.stdin", os.fdopen(slave))
    return master


def wait_for(heard: list[str], n: int) -> None:
    deadline = time.monotonic() + 60
    while len(heard) < n:
        assert time.monotonic() < deadline, heard
        time.sleep(0.01)


def read_until(fd: int, status: str) -> str:
    """What is read up to the status; a status that is replaced before it is written is never seen."""
    written = ""
    while not written.endswith(status):
        assert select([fd], [], [], 60)[0], written
        written += os.read(fd, 1000).decode()
    return written


def test_the_terminal_is_heard_and_given_back(terminal: int) -> None:
    before = termios.tcgetattr(terminal)
    heard: list[str] = []
    read, write = os.pipe()
    outlet = Outlet(write)
    with pytest.raises(ZeroDivisionError), Hotkeys(heard.append, outlet) as keys:
        assert not termios.tcgetattr(terminal)[3] & termios.ICANON
        assert termios.tcgetattr(terminal)[3] & termios.ISIG  # Ctrl-C is still a signal
        assert not termios.tcgetattr(terminal)[0] & termios.IXON, "Ctrl-S stops nothing"
        os.write(terminal, b"\x1b")  # an arrow, as a slow line brings it
        wait_for(heard, 1)
        for part in (b"[", b"D"):
            os.write(terminal, part)
            time.sleep(0.2)
        os.write(terminal, b"aT z")
        wait_for(heard, 5)
        keys.say("a line")
        keys.status("LIVE")
        written = read_until(read, "LIVE")
        _ = 1 / 0
    outlet.close()
    assert heard == ["\x1b", "a", "T", " ", "z"]
    assert termios.tcgetattr(terminal) == before
    assert "a line\n" in written
    assert os.read(read, 1000).decode().endswith("\r\x1b[K"), "the status is wiped at the end"
    os.close(read)
    os.close(write)
