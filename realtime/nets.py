"""The networks of a show, as the performer sees them, and the real ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from realtime.people import Followed
from realtime.show import Show

Floats = NDArray[np.float32]

SEARCH_EVERY = 5
"""Where a hand is not where its arm points, it is searched for on every so many frames: a search
costs a network of its own."""


class Person(Protocol):
    """What a tracker finds. landmarks: (33, 4) float32, pixels of the frame. person_id: of the tracker's."""

    @property
    def person_id(self) -> int: ...

    @property
    def landmarks(self) -> Floats: ...


class Tracker(Followed, Protocol):
    backend: str

    def __call__(self, frame: NDArray[np.uint8], t_ns: int) -> Person | None: ...


class Retarget(Protocol):
    mirror: bool

    @property
    def exchanged(self) -> bool: ...

    def __call__(self, landmarks: Floats, frame_size: tuple[int, int], t_ns: int) -> Floats: ...

    def reset(self) -> None: ...


class FindExtras(Protocol):
    """`engines.pose.extras.Extras`."""

    def __call__(self, frame: NDArray[np.uint8], pose: Floats | None) -> Floats: ...

    def reset(self) -> None: ...


class RetargetExtras(Protocol):
    """`calibration.extras.retarget_extras`."""

    def __call__(
        self, extras: Floats, fan: Floats, player: Floats, *, mirror_width: int | None, exchanged: bool
    ) -> Floats: ...


class Render(Protocol):
    """Paints into (H, W, 3) BGR, or for a show with backgrounds (H, W, 4) straight BGRA."""

    backend: str

    def __call__(self, points: Floats, out: NDArray[np.uint8]) -> None: ...

    def reset(self) -> None: ...


@dataclass(frozen=True)
class ExtraNets:
    """What finds hands and face, and what turns the fan's into the player's."""

    find: FindExtras
    retarget: RetargetExtras


@dataclass(frozen=True)
class Nets:
    """The networks of a show, and what draws a stick figure (picture, points) over the player.

    extras: None for a player without hands and face.
    """

    tracker: Tracker
    retarget: Retarget
    render: Render
    draw_skeleton: Callable[[NDArray[np.uint8], Floats], None]
    extras: ExtraNets | None = None


def load_nets(show: Show) -> Nets:
    """The real ones, compiled for this machine. Raises PackError, EngineError."""
    import torch

    from calibration.retarget import Retargeter
    from engines.layers import LayerRenderer
    from engines.player_pack import PlayerPack
    from engines.pose.tracker import PoseTracker
    from engines.renderer import Renderer
    from engines.skeleton import draw_stick_figure

    torch.set_num_threads(1)
    pack = PlayerPack.load(show.player)
    threads = max(1, min(4, os.cpu_count() or 1))  # the nets take turns more often than they overlap
    return Nets(
        tracker=PoseTracker(backend=show.backend, threads=threads),
        retarget=Retargeter(pack.body),
        render=(LayerRenderer if show.layered else Renderer)(pack, backend=show.backend, threads=threads),
        draw_skeleton=draw_stick_figure,
        extras=_extra_nets(show.backend, threads) if pack.extras else None,
    )


def _extra_nets(backend: str, threads: int) -> ExtraNets:
    from calibration.extras import retarget_extras
    from engines.pose.extras import Extras

    return ExtraNets(Extras(backend=backend, threads=threads, search_every=SEARCH_EVERY), retarget_extras)
