"""Shows the recorder to player and crew, and reads its keys: in a window, or in the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.control.terminal.hotkeys import Hotkeys
from realtime.control.terminal.outlet import Console, Outlet
from tools.record.prompts import Cue
from tools.record.screen import View, draw

TITLE = "Dancecam: record"
ACTIONS = {" ": "pause", "n": "next", "q": "finish"}
"""Keys and what they do."""
SAY_S = 5.0
"""The terminal shows the state this often."""


class Surface(Protocol):
    """A context manager; everything is called from one thread."""

    def show(self, picture: NDArray[np.uint8], landmarks: NDArray[np.float32] | None, view: View) -> None:
        """picture: (H, W, 3) BGR of the camera; landmarks: (33, 4) in its pixels."""
        ...

    def actions(self) -> list[str]:
        """The actions requested since the last call: values of ACTIONS."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def has_display() -> bool:
    """Whether a window can be opened. OpenCV ends the whole process where it cannot, so another process tries
    it."""
    if not os.environ.get("DISPLAY"):
        return False
    trial = [sys.executable, "-c", "import cv2; cv2.namedWindow('trial')"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


class Window:
    def __enter__(self) -> Self:
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(TITLE, 1280, 720)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cv2.destroyWindow(TITLE)

    def show(self, picture: NDArray[np.uint8], landmarks: NDArray[np.float32] | None, view: View) -> None:
        cv2.imshow(TITLE, draw(picture, landmarks, view))

    def actions(self) -> list[str]:
        key = cv2.waitKey(1)
        if cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
            return ["finish"]
        action = ACTIONS.get(chr(key & 0xFF).lower()) if key >= 0 else None
        return [action] if action is not None else []


class Printed:
    """A console for a log or a pipe: only whole lines."""

    def say(self, line: str) -> None:
        print(line, flush=True)

    def status(self, line: str) -> None:
        """Drops it: a line that is overwritten makes no sense in a log."""


class Terminal:
    """Prompts as they come, and the state every few seconds; keys if standard input is a terminal."""

    def __init__(self) -> None:
        self._asked: deque[str] = deque()
        self._stack = ExitStack()
        self._console: Console = Printed()
        self._cue: tuple[str, bool] | None = None
        self._bad: tuple[str, ...] = ()
        self._note = ""
        self._said_s = 0.0

    def __enter__(self) -> Self:
        if sys.stdin is not None and sys.stdin.isatty():
            outlet = Outlet(sys.stdout.fileno())
            self._stack.callback(outlet.close)
            self._console = self._stack.enter_context(Hotkeys(self._pressed, outlet))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def show(self, picture: NDArray[np.uint8], landmarks: NDArray[np.float32] | None, view: View) -> None:
        self._say_cue(view.cue)
        bad = tuple(str(check) for check in view.checks if check.ok is False)
        for line in bad:
            if line not in self._bad:
                self._console.say(f"  ! {line}")
        self._bad = bad
        if view.note != self._note:
            self._note = view.note
            self._console.say(f"  ! {view.note}")
        verdict = view.coverage.verdict()
        state = f"{view.take} {view.seconds:.0f} s, {view.dropped} dropped; {verdict}"
        self._console.status(state)
        if time.monotonic() - self._said_s >= SAY_S and isinstance(self._console, Printed):
            self._said_s = time.monotonic()
            self._console.say(f"  {state}")

    def actions(self) -> list[str]:
        return [self._asked.popleft() for _ in range(len(self._asked))]

    def _pressed(self, key: str) -> None:
        """Runs in the terminal's thread."""
        action = ACTIONS.get(key.lower())
        if action is not None:
            self._asked.append(action)

    def _say_cue(self, cue: Cue | None) -> None:
        shown = (cue.prompt.text, cue.go) if cue is not None else ("paused", True)
        if shown != self._cue:
            self._cue = shown
            self._console.say(f"{'NOW  ' if shown[1] else 'next '} {shown[0]}")
