import os
import pty
import termios
import time

import pytest

from realtime.control.terminal.hotkeys import Hotkeys
from realtime.control.terminal.outlet import Outlet


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> int:
    master, slave = pty.openpty()
    monkeypatch.setattr("sys.stdin", os.fdopen(slave))
    return master


def wait_for(heard: list[str], n: int) -> None:
    deadline = time.monotonic() + 5
    while len(heard) < n:
        assert time.monotonic() < deadline, heard
        time.sleep(0.01)


def test_the_terminal_is_heard_and_given_back(terminal: int) -> None:
    before = termios.tcgetattr(terminal)
    heard: list[str] = []
    read, write = os.pipe()
    outlet = Outlet(write)
    with pytest.raises(ZeroDivisionError), Hotkeys(heard.append, outlet) as keys:
        assert not termios.tcgetattr(terminal)[3] & termios.ICANON
        assert termios.tcgetattr(terminal)[3] & termios.ISIG  # Ctrl-C is still a signal
        assert not termios.tcgetattr(terminal)[0] & termios.IXON, "Ctrl-S stops nothing"
        for part in (b"\x1b", b"[", b"D"):  # an arrow, as a slow line brings it
            os.write(terminal, part)
            time.sleep(0.2)
        os.write(terminal, b"aT z")
        wait_for(heard, 5)
        keys.status("LIVE")
        keys.say("a line")
        _ = 1 / 0
    outlet.close()
    assert heard == ["\x1b", "a", "T", " ", "z"]
    assert termios.tcgetattr(terminal) == before
    written = os.read(read, 1000).decode()
    assert "a line\n" in written and written.endswith("\r\x1b[K")
    os.close(read)
    os.close(write)
