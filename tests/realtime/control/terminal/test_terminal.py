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

    def wait_for(self, what: Callable[[], object]) -> None:
        deadline = time.monotonic() + 120
        while not what():
            assert time.monotonic() < deadline, (
                f"it did not happen\n{self.screen[-3000:]}\n{self.log()[-3000:]}"
            )
            assert self.show.poll() is None, f"the show has ended\n{self.screen[-3000:]}"
            time.sleep(0.02)

    def log(self) -> str:
        """The show log."""
        logs = self._folder.glob("show-*.jsonl")
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in logs)

    def asked(self, action: str) -> int:
        """How often it was asked for, whether it was done or not."""
        return self.log().count(f'"action": "{action}"')

    def ask(self, key: bytes, action: str) -> None:
        """Presses a key, and waits until its action was asked for."""
        before = self.asked(action)
        self.type(key, gap_s=0)
        self.wait_for(lambda: self.asked(action) > before)

    def quit(self, key: bytes) -> None:
        """Asks for it by a key, and confirms it as a person would: one that comes too soon does not."""
        self.ask(key, "quit")
        time.sleep(0.3)
        self.type(b"y")

    def state(self) -> str:
        """The last one in the show log."""
        states = [part.split('"')[0] for part in self.log().split('"show": {"state": "')[1:]]
        return states[-1] if states else ""

    def assert_goes_on(self) -> None:
        """The same processes for longer than any watchdog waits, and the desk's orders reach the board."""
        children = [
            process
            for process in psutil.Process(self.show.pid).children()
            if not " ".join(process.cmdline()).startswith("dancecam spare")  # it ends where memory is short
        ]
        time.sleep(6)
        assert self.show.poll() is None
        assert all(alive(process) for process in children)
        assert " was lost (" not in self.log()
        self.wait_for(lambda: self.state() == "LIVE")

    def ended(self) -> int:
        """Its exit status, once it has ended."""
        deadline = time.monotonic() + 60
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
    terminal.ask(b"m", "mirror")
    terminal.type(b"y")  # it confirms nothing: another key came between
    terminal.ask(b"m", "mirror")  # keys are heard in order
    terminal.wait_for(lambda: "QUIT (end the show)? Press y" in terminal.read())
    assert terminal.asked("quit") and '"quit": true' not in terminal.log()
    assert terminal.show.poll() is None
    assert terminal.asked("dump") == 0
    terminal.quit(b"q")
    assert terminal.ended() == 0


def test_ctrl_c_asks_like_quit_and_the_terminal_is_given_back(terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.master)[3]
    assert not before & termios.ECHO
    terminal.ask(CTRL_C, "quit")
    time.sleep(1.2)
    terminal.ask(CTRL_C, "quit")
    terminal.wait_for(lambda: "QUIT (end the show)? Press y" in terminal.read())
    terminal.type(b"x", b"y")
    terminal.assert_goes_on()
    terminal.quit(CTRL_C)
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
    assert time.monotonic() - started < 15
    os.kill(terminal.show.pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while terminal.show.poll() is None:
        assert time.monotonic() < deadline, "it waits for its terminal"
        time.sleep(0.05)
    assert terminal.show.returncode == 0


def test_a_terminal_that_is_closed_leaves_it_running_until_sigterm(terminal: Terminal) -> None:
    os.close(terminal.master)
    terminal.master = -1
    terminal.wait_for(lambda: "the terminal is gone; the show goes on" in terminal.log())
    terminal.assert_goes_on()
    terminal.show.terminate()
    assert terminal.show.wait(60) == 0


@pytest.mark.parametrize("terminal", [()], indirect=True)
def test_without_keys_ctrl_c_is_confirmed_by_another_one_a_second_later(terminal: Terminal) -> None:
    # As a held key sends it, but not for long: if the machine paused for a second, it would be pressed again.
    terminal.type(*[CTRL_C] * 5, gap_s=0.02)
    terminal.wait_for(lambda: "Ctrl-C: press it again" in terminal.read())
    terminal.assert_goes_on()
    for _ in range(5):  # a busy show may hear two at once
        if '"quit": true' not in terminal.log():
            terminal.type(CTRL_C, gap_s=1.5)
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
        assert show.wait(60) == 0
    finally:
        show.kill()
        show.wait()
