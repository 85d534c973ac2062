"""The standby loop of the player who dances: for the fallback.

When another player dances, that one's loop is opened in a thread, beside the one that plays.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path

from realtime.pictures.opening import VideoError
from realtime.pictures.picture import Fit, Picture, place
from realtime.pictures.video_loop import VideoLoop


class PlayersStandby:
    """For the programme clock's thread, which it never keeps waiting but at first.

    tell: is given one line where a loop cannot be played; then there is none, until another player's is
    wanted.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], tell: Callable[[str], None], *, fit: Fit = place
    ) -> None:
        """size, fit: see `VideoLoop`."""
        self._size, self._tell, self._fit = size, tell, fit
        self._path = path
        self._loop: VideoLoop | None = None
        self._opener: threading.Thread | None = None
        self._opened: VideoLoop | VideoError | None = None
        self._open(path)
        self._take()

    @property
    def is_ready(self) -> bool:
        """Whether there is a loop to show."""
        return self._loop is not None

    def want(self, path: Path) -> None:
        """From now on this one, as soon as it is open. For every tick."""
        if self._opener is not None:
            if self._opener.is_alive():
                return
            self._opener = None
            self._take()
        if path != self._path:
            self._path = path
            self._opener = threading.Thread(target=self._open, args=(path,), name="next standby", daemon=True)
            self._opener.start()

    def picture(self, at_ns: int) -> Picture | None:
        """See `Loop.picture`; None where there is none."""
        if self._loop is None:
            return None
        if self._loop.error is not None:
            self._tell(f"standby loop: {self._loop.error}")
            self._loop.close()
            self._loop = None
            return None
        return self._loop.picture(at_ns)

    def _open(self, path: Path) -> None:
        try:
            self._opened = VideoLoop(path, self._size, fit=self._fit)
        except VideoError as error:
            self._opened = error

    def _take(self) -> None:
        """What was opened takes the place of what played. A loop's thread ends within one picture."""
        opened, self._opened = self._opened, None
        if self._loop is not None:
            self._loop.close()
            self._loop = None
            gc.collect()  # a frame of PyAV and its side data refer to each other
        if isinstance(opened, VideoError):
            self._tell(f"standby loop: {opened}; the slate takes its place")
        else:
            self._loop = opened

    def close(self) -> None:
        if self._opener is not None:
            self._opener.join()
            self._take()
        if self._loop is not None:
            self._loop.close()
