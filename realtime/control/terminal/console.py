"""The operator's console in the process that runs the show: a terminal with keys, or lines for a log."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from realtime.control.terminal.hotkeys import Hotkeys
from realtime.control.terminal.outlet import Console, Outlet, PlainConsole
from realtime.control.terminal.std_streams import diverted

OUT, ERR = 1, 2


@contextmanager
def open_console(on_key: Callable[[str], None] | None) -> Iterator[Console]:
    """While the block runs, all that any process of the show prints goes through the console too.

    on_key: hears the keys of standard input, which must be a terminal like standard output; None: no keys.
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
            yield stack.enter_context(Hotkeys(on_key, out))


def _outlet(fd: int, stack: ExitStack) -> Outlet:
    """Onto where `fd` leads now, until `stack` ends."""
    before = os.dup(fd)
    stack.callback(os.close, before)
    outlet = Outlet(before)
    stack.callback(outlet.close)
    return outlet
