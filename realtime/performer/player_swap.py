"""Switches to another player between two frames: the new networks are loaded while the old ones play."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from engines.runtime.progress import told_to
from realtime.performer.networks import Nets
from realtime.transport.swap import SwapState, SwapStatus
from realtime.transport.texts import one_line


def prepare(nets: Nets, folders: Sequence[Path], tell: Callable[[str], None]) -> None:
    """Loads each player once before the show. What is compiled for a player is kept on disk, so that loading
    that player during the show takes seconds and little processor time. A player whose compiled files exist
    is skipped.

    A player who cannot be loaded is reported in one line, and is tried again when asked for.
    """
    for folder in folders:
        try:
            if not nets.is_kept(folder):
                nets.load_player(folder)
        except Exception as error:  # noqa: BLE001  # the others can dance
            tell(f"the player {folder} cannot be loaded ({one_line(error)})")


class PlayerSwap:
    """The player who dances, and the one who comes next.

    `request` may be called from any thread, any number of times; `current` only from the thread in which
    frames begin. The networks of the former player are released with the last frame that uses them.
    """

    def __init__(self, folder: Path, nets: Nets, tell: Callable[[str], None] = lambda text: None) -> None:
        """folder, nets: the player who dances at first. tell: gets each change in one line, in any thread."""
        self._tell = tell
        self._lock = threading.Lock()
        self._playing, self._nets = folder, nets
        self._wanted = folder
        self._next: tuple[Path, Nets] | None = None
        self._failed = ""
        self._loader: threading.Thread | None = None

    def request(self, folder: Path) -> None:
        """Lets the player of this folder dance as soon as they are loaded; a player who is still loading is
        dropped.

        Asking for the same player again changes nothing. One who failed is tried again only after another one
        was asked for.
        """
        with self._lock:
            if folder == self._wanted:
                return
            self._wanted, self._next, self._failed = folder, None, ""
            if folder != self._playing and self._loader is None:
                self._loader = threading.Thread(target=self._load, name="player", daemon=True)
                self._loader.start()

    def current(self) -> Nets:
        """The networks for the frame that begins: the next player's, once they are loaded."""
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
        """Runs in the loader's thread until the player asked for last is loaded or has failed."""
        while (folder := self._missing()) is not None:
            self._tell(f"loading the player {folder}")
            try:
                with told_to(doing=self._tell, found=self._tell):
                    nets = self._nets.load_player(folder)
            except Exception as error:  # noqa: BLE001  # whatever is wrong with this player, the show goes on
                self._give_up(folder, one_line(error))
                continue
            with self._lock:
                if folder == self._wanted:
                    self._next = folder, nets

    def _missing(self) -> Path | None:
        """The player to load; None where there is nothing left to do, and the thread ends."""
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
