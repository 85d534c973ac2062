"""From one picture of the programme to the next: cut, fade, still. Pure: it counts ticks and mixes arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import cv2
import numpy as np

from realtime.pictures.alpha import Layer, fade_layers, opaque
from realtime.pictures.picture import Picture
from realtime.programme.ladder import State


class Source(StrEnum):
    """Where a picture of the programme comes from."""

    LIVE = "live"
    FALLBACK = "fallback"
    """The player's standby loop, or the camera."""
    SAFE = "safe"
    """What can be shown at any moment, unseen: the standby loop, never the camera."""
    SLATE = "slate"
    STILL = "still"
    """What was on air a moment ago, standing still."""


SOURCES = {
    State.LIVE: Source.LIVE,
    State.HOLD: Source.LIVE,  # whose last picture stands still by itself
    State.FREEZE: Source.STILL,
    State.FALLBACK: Source.FALLBACK,
    State.SLATE: Source.SLATE,
}


@dataclass(frozen=True)
class Shot:
    """One picture of the programme.

    picture: (H, W, 3) BGR, as it is seen, before its background. layer: the player without the background,
    straight BGRA, where outputs have a key; None is opaque. captured_ns: when the oldest picture of a camera
    in it was taken; None without one.
    """

    picture: Picture
    layer: Layer | None = None
    captured_ns: int | None = None


class Mix(NamedTuple):
    """One tick's recipe: `over` by its share (0..1, never 0) before `under`; both are the same after a cut.

    grab: what was on air at the tick before becomes the still first.
    """

    over: Source
    under: Source
    share: float
    grab: bool


class Fader:
    """Which sources are seen, tick by tick. A fade that is interrupted goes on from what it had reached."""

    def __init__(self) -> None:
        self._over = self._under = Source.SLATE
        self._length = self._done = 0

    def step(self, state: State, fade_ticks: int) -> Mix:
        """The mix of this tick. A change of source fades for `fade_ticks` ticks; 0 cuts.

        The slate and a freeze always cut.
        """
        wanted = SOURCES[state]
        grab = False
        if wanted is not self._over:
            fades = fade_ticks > 0 and wanted not in (Source.SLATE, Source.STILL)
            grab = wanted is Source.STILL or (fades and self._done < self._length)
            self._under = Source.STILL if grab else self._over
            self._over = wanted
            self._length, self._done = (fade_ticks, 0) if fades else (0, 0)
        if self._done >= self._length:
            return Mix(self._over, self._over, 1.0, grab)
        self._done += 1
        return Mix(self._over, self._under, self._done / (self._length + 1), grab)

    def cut(self, source: Source) -> None:
        """The source that the next tick starts from, whatever was on air."""
        self._over = self._under = source
        self._length = self._done = 0


class Mixer:
    """A fader with its pictures. Its buffers are made once."""

    def __init__(self, slate: Shot, *, keyed: bool = False) -> None:
        """slate: on air at first; all shots have its size. keyed: they may have layers."""
        self._fader = Fader()
        self._mixed, self._still = np.empty_like(slate.picture), np.empty_like(slate.picture)
        self._layers = [opaque(slate.picture) for _ in range(2)] if keyed else None
        self._still_shot = self._on_air = slate

    def step(self, state: State, fade_ticks: int, shot_of: Callable[[Source], Shot]) -> Shot:
        """The shot of this tick, valid until the next.

        shot_of: gives the shots of all sources but STILL; each valid until it is asked for the same again.
        """
        mix = self._fader.step(state, fade_ticks)
        if mix.grab:
            self._grab()
        over = self._shot(mix.over, shot_of)
        if mix.share < 1:
            over = self._blend(self._shot(mix.under, shot_of), over, mix.share)
        self._on_air = over
        return over

    def cut(self, source: Source, shot: Shot) -> None:
        """As if `shot` of this source had been on air: no later mix or still has anything from before."""
        self._fader.cut(source)
        self._on_air = shot

    def _shot(self, source: Source, shot_of: Callable[[Source], Shot]) -> Shot:
        return self._still_shot if source is Source.STILL else shot_of(source)

    def _grab(self) -> None:
        np.copyto(self._still, self._on_air.picture)
        layer = None
        if self._layers is not None and self._on_air.layer is not None:
            layer = self._layers[1]
            np.copyto(layer, self._on_air.layer)
        self._still_shot = Shot(self._still, layer, self._on_air.captured_ns)

    def _blend(self, under: Shot, over: Shot, share: float) -> Shot:
        cv2.addWeighted(over.picture, share, under.picture, 1 - share, 0, dst=self._mixed)
        layer = None
        if self._layers is not None and not (under.layer is None and over.layer is None):
            layer = self._layers[0]
            fade_layers(
                under.picture if under.layer is None else under.layer,
                over.picture if over.layer is None else over.layer,
                share,
                layer,
            )
        captured = [shot.captured_ns for shot in (under, over) if shot.captured_ns is not None]
        return Shot(self._mixed, layer, min(captured, default=None))
