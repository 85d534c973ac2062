"""The operator's console in the process that runs the show: a terminal with keys, or lines for a log."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from select import select

from realtime.control.terminal.hotkeys import Hotkeys
from realtime.control.terminal.outlet import Console, Outlet, PlainConsole

OUT, ERR = 1, 2

LONGEST_LINE = 4000
"""Bytes of a line; the rest of a longer one is a line of its own."""

STOP_S = 0.1
"""How often it is looked whether the diversion ends."""


@contextmanager
def open_console(on_key: Callable[[str], None] | None, quick: Collection[str] = ()) -> Iterator[Console]:
    """While the block runs, all that any process of the show prints goes through the console too.

    on_key: hears the keys of standard input, which must be a terminal like standard output; None: no keys.
    quick: characters of keys that may be struck again at once.
    Standard error is shown above the status line where it is the same terminal, and is left where it led to
    otherwise.
    """
    with ExitStack() as stack:
        same_terminal = on_key is not None and os.isatty(ERR)
        out = _outlet(OUT, stack)
        errors = out if same_terminal else _outlet(ERR, stack)
        stack.enter_context(diverted(OUT, out.say))
        stack.enter_context(diverted(ERR, errors.say))
        if on_key is None:
            yield PlainConsole(out)
        else:
            yield stack.enter_context(Hotkeys(on_key, out, quick))


def _outlet(fd: int, stack: ExitStack) -> Outlet:
    """Onto where `fd` leads now, until `stack` ends."""
    before = os.dup(fd)
    stack.callback(os.close, before)
    outlet = Outlet(before)
    stack.callback(outlet.close)
    return outlet


@contextmanager
def diverted(fd: int, hear: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, each line written to `fd` (1 or 2), by this process and those that it starts, is
    handed to `hear`, in a thread.

    Children inherit standard output and standard error. A terminal that was stopped by Ctrl-S would hold up
    whichever of them prints next, be it the programme's clock.
    """
    with ExitStack() as stack:
        before = os.dup(fd)
        stack.callback(os.close, before)
        read, write = os.pipe()
        stack.callback(os.close, read)
        stream = {1: sys.stdout, 2: sys.stderr}[fd]
        _flush(stream)
        os.dup2(write, fd)
        os.close(write)
        ending = threading.Event()
        thread = threading.Thread(target=_drain, args=(read, ending, hear), name=f"fd {fd}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            _flush(stream)
            os.dup2(before, fd)
            ending.set()
            thread.join()


def _flush(stream: object) -> None:
    flush = getattr(stream, "flush", None)
    if flush is not None:
        try:
            flush()
        except OSError:
            return  # its reader has gone: what was printed before is lost, and nothing else


def _drain(fd: int, ending: threading.Event, hear: Callable[[str], None]) -> None:
    """Until it ends and nothing is left: a process of the show may hold the other end open for longer."""
    rest = b""
    while True:
        ready, _, _ = select([fd], [], [], STOP_S)
        if not ready:
            if ending.is_set():
                break
            continue
        data = os.read(fd, 65536)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            hear(line.decode(errors="replace"))
    if rest:
        hear(rest.decode(errors="replace"))
