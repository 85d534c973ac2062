"""Switches to another player between two frames. On a CPU the players stay loaded as long as memory has room,
and dance at the next frame; else the new networks are loaded while the old ones play."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from engines.runtime.progress import told_to
from realtime.performer.networks import Nets
from realtime.stages.memory import KEEP_BYTES, LOAD_BYTES, give_back
from realtime.transport.swap import SwapState, SwapStatus
from realtime.transport.texts import one_line

FREE_EVERY_S = 0.2
"""Parts of a player's networks are freed one by one, so far apart: frames wait for each of them."""

SETTLE_S = 2.0
"""After a player is freed, so long until it is looked whether memory is still short."""


def prepare(
    nets: Nets, folder: Path, tell: Callable[[str], None], *, free_bytes: Callable[[], int] = lambda: 0
) -> Nets | None:
    """Loads another player before the show, so that what is compiled for that player is on disk. It takes
    seconds of a processor, of which frames have none to spare later.

    Returns the networks, which stay loaded: on a CPU, while programs can have LOAD_BYTES more (free_bytes).
    None on a device, where memory is short, and where the player cannot be loaded: that is told in one line,
    and the player is tried again when asked for.
    """
    try:
        stays = bool(nets.heavy) and free_bytes() >= LOAD_BYTES
        if not stays and nets.is_kept(folder):
            return None
        loaded = nets.load_player(folder)
    except Exception as error:  # noqa: BLE001  # the others can dance
        tell(f"the player {folder} cannot be loaded ({one_line(error)})")
        return None
    return loaded if stays else None


class PlayerSwap:
    """The player who dances, the one who comes next, and those who are loaded.

    `request` and `make_room` may be called from any thread, any number of times; `current` only from the
    thread in which frames begin. On a CPU players stay loaded while there is memory for them. On a device,
    where `Nets.heavy` is empty, one's networks are released with the last frame that uses them.
    """

    def __init__(
        self,
        folder: Path,
        nets: Nets,
        tell: Callable[[str], None] = lambda text: None,
        *,
        loaded: Mapping[Path, Nets] = MappingProxyType({}),
        free_bytes: Callable[[], int] = lambda: 0,
    ) -> None:
        """folder, nets: the player who dances at first. tell: gets each change in one line, in any thread.
        loaded: the others who are loaded already. free_bytes: how much memory programs can still have."""
        self._tell = tell
        self._free_bytes = free_bytes
        self._lock = threading.Lock()
        self._playing, self._nets = folder, nets
        self._wanted = folder
        self._next: tuple[Path, Nets] | None = None
        self._failed = ""
        self._loaded = dict(loaded)  # who has not danced for longest is the first
        self._keep(folder, nets)
        self._loader: threading.Thread | None = None
        self._freeing: threading.Thread | None = None

    def request(self, folder: Path) -> None:
        """Lets the player of this folder dance from the next frame on, or as soon as they are loaded; a
        player who is still loading does not dance then.

        Asking for the same player again changes nothing. One who failed is tried again only after another one
        was asked for.
        """
        with self._lock:
            if folder == self._wanted:
                return
            self._wanted, self._next, self._failed = folder, None, ""
            if folder == self._playing:
                return
            if folder in self._loaded:
                self._next = folder, self._loaded[folder]
            else:
                self._begin()

    def make_room(self) -> None:
        """To be called now and then: frees who has not danced for longest where memory is short."""
        is_short = self._is_short()
        with self._lock:
            if is_short:
                self._free_one()

    def current(self) -> Nets:
        """The networks for the frame that begins: the next player's, once they are loaded."""
        with self._lock:
            if self._next is None:
                return self._nets
            (self._playing, self._nets), self._next = self._next, None
            nets = self._nets
            self._keep(self._playing, nets)
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

    def _is_short(self) -> bool:
        return self._free_bytes() < KEEP_BYTES

    def _begin(self) -> None:
        """With the lock: starts the loader's thread if there is none."""
        if self._loader is None or not self._loader.is_alive():
            try:
                self._loader = threading.Thread(target=self._load, name="player", daemon=True)
                self._loader.start()
            except RuntimeError as error:  # the system has no thread left
                self._loader, self._failed = None, one_line(error)

    def _keep(self, folder: Path, nets: Nets) -> None:
        """With the lock: as the one who danced last."""
        if nets.heavy:
            self._loaded.pop(folder, None)
            self._loaded[folder] = nets

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
                if nets.heavy:
                    self._loaded = {folder: nets, **self._loaded}  # who has not danced goes first
                if folder == self._wanted != self._playing:
                    self._next = folder, nets
            del nets

    def _missing(self) -> Path | None:
        """The player to load; None where there is nothing left to do, and the thread ends."""
        is_short = self._is_short()
        with self._lock:
            if self._next is not None or self._wanted == self._playing or self._failed:
                self._loader = None
                return None
            if is_short:
                self._free_one()
            return self._wanted

    def _free_one(self) -> None:
        """With the lock: who has not danced for longest, unless another one is being freed."""
        if self._freeing is not None and self._freeing.is_alive():
            return
        for folder in self._loaded:
            if folder not in (self._playing, self._wanted):
                with contextlib.suppress(RuntimeError):  # no thread is left: not now
                    self._freeing = _free_later(self._loaded[folder])
                    del self._loaded[folder]
                return

    def _give_up(self, folder: Path, reason: str) -> None:
        with self._lock:
            if folder != self._wanted:
                return
            self._failed = reason
            playing = self._nets.name
        self._tell(f"the player {folder} cannot be loaded ({reason}); {playing} dances on")


def _free_later(nets: Nets) -> threading.Thread:
    """To be called before the networks are dropped: keeps their heavy parts until no frame uses them, then
    frees them in the thread that it returns."""
    arguments = weakref.ref(nets), list(nets.heavy)
    thread = threading.Thread(target=_free, args=arguments, name="former player", daemon=True)
    thread.start()
    return thread


def _free(nets: weakref.ref[Nets], parts: list[object]) -> None:
    while nets() is not None:
        time.sleep(FREE_EVERY_S)
    while parts:
        del parts[0]
        time.sleep(FREE_EVERY_S)
    give_back()
    time.sleep(SETTLE_S)
