"""A whole show at a real terminal: what the terminal does to it, and what it does not."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.realtime.test_show_runs import ROOT, alive

CTRL_C, CTRL_Z, CTRL_S, CTRL_Q, CTRL_BACKSLASH = b"\x03", b"\x1a", b"\x13", b"\x11", b"\x1c"


class Terminal:
    """`run_live` with fakes as the foreground of a pseudo-terminal of its own."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self._folder = folder
        self.master, slave = pty.openpty()
        self.screen = ""
        self.show = subprocess.Popen(
            [sys.executable, "-m", "tests.realtime.fake_live", str(folder), "--log", str(folder), *flags],
            cwd=ROOT,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TMPDIR": str(folder)},
        )
        os.close(slave)
        os.set_blocking(self.master, False)

    def read(self) -> str:
        """All that has been on the screen."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.screen += os.read(self.master, 65536).decode(errors="replace")
        return self.screen

    def type(self, *parts: bytes, gap_s: float = 0.3) -> None:
        for part in parts:
            os.write(self.master, part)
            time.sleep(gap_s)

    def wait_for(self, what: Callable[[], object], timeout_s: float = 40) -> None:
        deadline = time.monotonic() + timeout_s
        while not what():
            assert time.monotonic() < deadline, (
                f"it did not happen\n{self.screen[-3000:]}\n{self.log()[-3000:]}"
            )
            assert self.show.poll() is None, f"the show has ended\n{self.screen[-3000:]}"
            time.sleep(0.02)

    def log(self) -> str:
        """The show log."""
        return "".join(path.read_text(encoding="utf-8") for path in self._folder.glob("show-*.jsonl"))

    def state(self) -> str:
        """The last one in the show log."""
        states = [part.split('"')[0] for part in self.log().split('"show": {"state": "')[1:]]
        return states[-1] if states else ""

    def assert_goes_on(self) -> None:
        """The same processes for longer than any watchdog waits, and the desk's orders reach the board."""
        children = psutil.Process(self.show.pid).children()
        time.sleep(6)
        assert self.show.poll() is None
        assert all(alive(process) for process in children)
        assert " was lost (" not in self.log()
        self.wait_for(lambda: self.state() == "LIVE")

    def ended(self) -> int:
        """Its exit status, once it has ended."""
        deadline = time.monotonic() + 30
        while self.show.poll() is None:
            assert time.monotonic() < deadline, self.screen[-3000:]
            with contextlib.suppress(OSError):
                self.read()
            time.sleep(0.05)
        return self.show.returncode

    def close(self) -> None:
        if self.show.poll() is None:
            self.show.kill()
        self.show.wait()
        with contextlib.suppress(OSError):
            os.close(self.master)


@pytest.fixture
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """As soon as the player is on air."""
    opened = Terminal(tmp_path, *getattr(request, "param", ("--keys",)))
    try:
        opened.wait_for(lambda: opened.read() and opened.state() == "LIVE")
        yield opened
    finally:
        opened.close()


def test_quit_is_confirmed_by_another_key(terminal: Terminal) -> None:
    terminal.type(b"q", *[b"q"] * 30, gap_s=0.03)  # held
    terminal.type(b"q", gap_s=1)
    terminal.type(b"\x1b", b"[", b"D")  # an arrow over a slow line
    terminal.type(b"y")
    terminal.wait_for(lambda: "QUIT (end the show)? Press y" in terminal.read())
    assert terminal.show.poll() is None
    assert '"action": "dump"' not in terminal.log()
    terminal.type(b"q", b"y")
    assert terminal.ended() == 0


def test_ctrl_c_asks_like_quit_and_the_terminal_is_given_back(terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.master)[3]
    assert not before & termios.ECHO
    terminal.type(CTRL_C, CTRL_C, gap_s=1.2)
    terminal.wait_for(lambda: "QUIT (end the show)? Press y" in terminal.read())
    terminal.type(b"x", b"y")
    terminal.assert_goes_on()
    terminal.type(CTRL_C, b"y")
    assert terminal.ended() == 0
    assert termios.tcgetattr(terminal.master)[3] & termios.ECHO
    assert "Traceback" not in terminal.screen


def test_ctrl_z_ctrl_backslash_and_ctrl_s_leave_it_running(terminal: Terminal) -> None:
    terminal.type(CTRL_Z, CTRL_BACKSLASH, CTRL_S)
    terminal.assert_goes_on()
    terminal.type(b" ")
    terminal.wait_for(lambda: terminal.state() == "SLATE")


def test_a_terminal_that_takes_nothing_holds_up_no_order(terminal: Terminal) -> None:
    """Nothing reads the other end from here on, so that the terminal is full soon."""
    for _ in range(400):  # the help is long
        os.write(terminal.master, b"hz")
        time.sleep(0.01)
    started = time.monotonic()
    os.write(terminal.master, b" ")
    terminal.wait_for(lambda: terminal.state() == "SLATE")
    assert time.monotonic() - started < 3
    os.kill(terminal.show.pid, signal.SIGTERM)
    deadline = time.monotonic() + 20
    while terminal.show.poll() is None:
        assert time.monotonic() < deadline, "it waits for its terminal"
        time.sleep(0.05)
    assert terminal.show.returncode == 0


def test_a_terminal_that_is_closed_leaves_it_running_until_sigterm(terminal: Terminal) -> None:
    os.close(terminal.master)
    terminal.wait_for(lambda: "the terminal is gone; the show goes on" in terminal.log())
    terminal.assert_goes_on()
    terminal.show.terminate()
    assert terminal.show.wait(20) == 0


@pytest.mark.parametrize("terminal", [()], indirect=True)
def test_without_keys_ctrl_c_is_confirmed_by_another_one_a_second_later(terminal: Terminal) -> None:
    terminal.type(*[CTRL_C] * 20, gap_s=0.05)
    terminal.wait_for(lambda: "Ctrl-C: press it again" in terminal.read())
    terminal.assert_goes_on()
    terminal.type(CTRL_C, CTRL_C, gap_s=1.5)
    assert terminal.ended() == 0


@pytest.mark.parametrize("way", ["tee", "full"])
def test_a_reader_that_goes_away_and_a_full_disk_leave_it_running(tmp_path: Path, way: str) -> None:
    output = subprocess.PIPE if way == "tee" else os.open("/dev/full", os.O_WRONLY)
    show = subprocess.Popen(
        [sys.executable, "-m", "tests.realtime.fake_live", str(tmp_path), "--log", str(tmp_path)],
        cwd=ROOT,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    terminal = Terminal.__new__(Terminal)
    terminal._folder, terminal.show, terminal.screen = tmp_path, show, ""
    try:
        if show.stdout is not None:
            show.stdout.close()
        terminal.wait_for(lambda: terminal.state() == "LIVE")
        terminal.assert_goes_on()
        show.terminate()
        assert show.wait(20) == 0
    finally:
        show.kill()
        show.wait()
