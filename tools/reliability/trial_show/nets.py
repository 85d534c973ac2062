"""The show's networks, with a stand-in for what only a GPU does: it runs out of memory, hangs, counts wrong.

What goes wrong now is one word in the file `nets` in the show's folder (`FAULTS`). The networks themselves
are the real ones, or whatever `load` gives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from realtime.config.show import Show
from realtime.performer.networks import Nets, Person, load_nets

FAULTS: Mapping[str, str] = {
    "out-of-memory": "every call fails as torch does where the GPU has no memory left",
    "hung": "one call never returns",
    "nan": "every landmark is NaN",
}
"""TABLE of what can go wrong."""


class FaultyTracker:
    """A tracker in front of another one, which has all else."""

    def __init__(self, tracker: Any, word: Path) -> None:
        self._tracker = tracker
        self._word = word

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracker, name)

    def __call__(self, frame: Any, t_ns: int) -> Person | None:
        try:
            fault = self._word.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            fault = ""
        if fault == "out-of-memory":
            raise RuntimeError("CUDA out of memory (a stand-in for it)")
        if fault == "hung":
            self._word.unlink(missing_ok=True)  # the next process is well
            threading.Event().wait()
        person: Person | None = self._tracker(frame, t_ns)
        if person is None or fault != "nan":
            return person
        wrong = np.full_like(person.landmarks, np.nan)
        return SimpleNamespace(person_id=person.person_id, score=person.score, landmarks=wrong)


def faulty(nets: Nets, folder: Path) -> Nets:
    """Those of this player, and of all that are loaded later."""
    return replace(
        nets,
        tracker=FaultyTracker(nets.tracker, folder / "nets"),
        load_player=lambda player: faulty(nets.load_player(player), folder),
    )


def nets_with_faults(show: Show, folder: Path, load: Callable[[Show], Nets] = load_nets) -> Nets:
    """For `Rig.nets`, by functools.partial."""
    return faulty(load(show), folder)
