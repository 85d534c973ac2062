"""The programme full-screen on one of this machine's monitors, through SDL, paced to the monitor's refresh.

Needs pygame-ce (the extra `window`). It runs in a process of its own, so that a desktop that is stuck is
stuck alone.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any

from realtime.config.outputs import Window
from realtime.outputs.sink import Format, OutputError
from realtime.outputs.worker import BOARD_RETRY_S, Tick, WorkerSink
from realtime.transport.programme_ring import Part

INSTALL = "install it with: pip install pygame-ce==2.5.8"
MOST_KEYS = 16

SDL_WINDOWPOS_CENTERED_DISPLAY = 0x2FFF0000
"""Plus the monitor's number: a window's place on that monitor (SDL_video.h)."""


class WindowSink(WorkerSink):
    """Shows the newest picture at each refresh. SDL is used by the sink's thread alone."""

    def __init__(self, settings: Window, programme: Format) -> None:
        """Raises OutputError where pygame is missing."""
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            import pygame
            from pygame._sdl2 import video
        except ImportError as error:
            raise OutputError(f"{settings.called}: a window needs pygame-ce ({error}): {INSTALL}") from error
        self._pygame: Any = pygame
        self._video: Any = video
        super().__init__(
            "window",
            settings.called,
            programme,
            frozenset[Part]({"picture"}),
            where=f"monitor {settings.monitor}",
            retry_s=BOARD_RETRY_S,
        )
        self._settings = settings
        self._window: Any = None
        self._renderer: Any = None
        self._texture: Any = None
        self._typed: deque[str] = deque(maxlen=MOST_KEYS)
        self._start()

    def pressed(self) -> list[str]:
        return [self._typed.popleft() for _ in range(len(self._typed))]

    def _open(self) -> None:
        pygame, settings = self._pygame, self._settings
        try:
            pygame.display.init()
            sizes = pygame.display.get_desktop_sizes()
            if settings.monitor >= len(sizes):
                there = ", ".join(f"{n}: {width}x{height}" for n, (width, height) in enumerate(sizes))
                raise OutputError(
                    f"{self.name}: there is no monitor {settings.monitor}; this machine has {there}"
                )
            place = SDL_WINDOWPOS_CENTERED_DISPLAY | settings.monitor
            self._window = pygame.Window(
                "Dancecam",
                # Without a window manager nothing else makes it as large as the monitor.
                sizes[settings.monitor] if settings.full_screen else self.programme.size,
                (place, place),
                fullscreen_desktop=settings.full_screen,
                resizable=not settings.full_screen,
            )
            self._renderer = self._video.Renderer(self._window, vsync=True)
            self._renderer.logical_size = self.programme.size  # as large as fits, in its own shape
            self._texture = self._video.Texture(self._renderer, self.programme.size, streaming=True)
            pygame.mouse.set_visible(not settings.full_screen)
        except pygame.error as error:
            raise OutputError(
                f"{self.name}: no window can be opened ({error}): start the show in a desktop session, or "
                "set DISPLAY"
            ) from error

    def _write(self, tick: Tick) -> None:
        pygame, picture = self._pygame, tick.frame.picture
        self._texture.update(pygame.image.frombuffer(picture, self.programme.size, "BGR"))
        self._renderer.clear()
        self._texture.draw()
        self._renderer.present()  # returns with the next refresh
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                raise OutputError(f"{self.name}: the window was closed; it is opened again")
            if event.type == pygame.KEYDOWN and event.unicode:
                self._typed.append(event.unicode)

    def _shut(self) -> None:
        self._texture = self._renderer = self._window = None
        self._pygame.display.quit()
