"""Another player takes over between two frames: the networks are loaded beside the ones that play."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from engines.runtime.progress import told_to
from realtime.performer.networks import Nets
from realtime.transport.statuses import SwapState, SwapStatus
from realtime.transport.texts import one_line


def prepare(nets: Nets, folders: Sequence[Path], tell: Callable[[str], None]) -> None:
    """Loads each player once, before the show: what is compiled for him is kept on disk, and to load him
    during the show takes seconds and little of the processor. One for whom it lies there is not loaded.

    One who cannot be loaded is told of in one line, and is tried again when he is asked for.
    """
    for folder in folders:
        try:
            if not nets.is_kept(folder):
                nets.load_player(folder)
        except Exception as error:  # noqa: BLE001  # the others can dance
            tell(f"the player {folder} cannot be loaded ({one_line(error)})")


class PlayerSwap:
    """The player who dances, and the one who comes next.

    `request` may be called by any thread, again and again; `current` by the one thread in which a frame
    begins. What belonged to the player before is released with the last frame that uses it.
    """

    def __init__(self, folder: Path, nets: Nets, tell: Callable[[str], None] = lambda text: None) -> None:
        """folder, nets: who dances at first. tell: hears in one line of every change, in whatever thread."""
        self._tell = tell
        self._lock = threading.Lock()
        self._playing, self._nets = folder, nets
        self._wanted = folder
        self._next: tuple[Path, Nets] | None = None
        self._failed = ""
        self._loader: threading.Thread | None = None

    def request(self, folder: Path) -> None:
        """Let the player of this folder dance as soon as he is loaded; whoever is on the way is dropped.

        To ask for the same one again changes nothing: one who failed is tried again after another was asked
        for.
        """
        with self._lock:
            if folder == self._wanted:
                return
            self._wanted, self._next, self._failed = folder, None, ""
            if folder != self._playing and self._loader is None:
                self._loader = threading.Thread(target=self._load, name="player", daemon=True)
                self._loader.start()

    def current(self) -> Nets:
        """The networks for the frame that begins: of the next player, once he is loaded."""
        with self._lock:
            if self._next is None:
                return self._nets
            (self._playing, self._nets), self._next = self._next, None
            nets = self._nets
        self._tell(f"{nets.name} dances now")
        return nets

    @property
    def status(self) -> SwapStatus:
        with self._lock:
            if self._failed:
                state = SwapState.FAILED
            else:
                state = SwapState.READY if self._wanted == self._playing else SwapState.LOADING
            return SwapStatus(self._nets.name, state, self._failed)

    def _load(self) -> None:
        """In the loader's thread, until the player who was asked for last is loaded or has failed."""
        while (folder := self._missing()) is not None:
            self._tell(f"loading the player {folder}")
            try:
                with told_to(doing=self._tell, found=self._tell):
                    nets = self._nets.load_player(folder)
            except Exception as error:  # noqa: BLE001  # whatever is wrong with him, the show goes on
                self._give_up(folder, one_line(error))
                continue
            with self._lock:
                if folder == self._wanted:
                    self._next = folder, nets

    def _missing(self) -> Path | None:
        """Whom to load; None where there is nothing left to do, and the thread ends."""
        with self._lock:
            loaded = self._next is not None or self._wanted == self._playing
            if loaded or self._failed:
                self._loader = None
                return None
            return self._wanted

    def _give_up(self, folder: Path, reason: str) -> None:
        with self._lock:
            if folder != self._wanted:
                return
            self._failed = reason
            playing = self._nets.name
        self._tell(f"the player {folder} cannot be loaded ({reason}); {playing} dances on")
