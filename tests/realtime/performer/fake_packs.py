"""Players who are made up, and are loaded when they are let."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engines.pack.player_pack import PackError
from realtime.config.show import Show
from realtime.performer.networks import Nets
from tests.realtime.fakes import fake_nets

ONE, TWO, THREE = Path("players/one"), Path("players/two"), Path("players/three")
LOST = Path("players/lost")


class Heavy:
    """A part of a player's networks. freed: gets its name and the thread in which it was freed."""

    def __init__(self, name: str, freed: list[tuple[str, str]]) -> None:
        weakref.finalize(self, lambda: freed.append((name, threading.current_thread().name)))


class Packs:
    """Loads fake players, when it is let. nets: who was loaded; ONE is from the start."""

    def __init__(self) -> None:
        self.go = {TWO: threading.Event(), THREE: threading.Event()}
        self.asked: list[Path] = []
        self.freed: list[tuple[str, str]] | None = None
        self.nets: dict[Path, Nets] = {ONE: self.made("One")}

    def made_heavy(self) -> list[tuple[str, str]]:
        """From now on all of them have a renderer and a net that take long to free. Returns the list that
        will have what was freed, see `Heavy`."""
        self.freed = freed = []
        self.nets = {ONE: self.made("One")}
        return freed

    def made(self, name: str) -> Nets:
        nets = replace(fake_nets(Show()), name=name, load_player=self.load)
        if self.freed is None:
            return nets
        parts = tuple(Heavy(f"{name}'s {part}", self.freed) for part in ("renderer", "net"))
        return replace(nets, heavy=parts)

    def load(self, folder: Path) -> Nets:
        self.asked.append(folder)
        if folder not in self.go:
            raise PackError(f"{folder} is no player pack:\nplayer.toml is missing")
        assert self.go[folder].wait(120)
        self.nets[folder] = self.made(folder.name.capitalize())
        return self.nets[folder]


def until(enough: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not enough():
        assert time.monotonic() < deadline
        time.sleep(0.005)
