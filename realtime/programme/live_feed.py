"""What comes from the performer's process: the player's newest picture, and the camera's. For `sources`."""

from __future__ import annotations

import time

import numpy as np

from engines.time_units import NS_PER_S
from realtime.pictures.alpha import Layer, fit_layer, over
from realtime.pictures.picture import Fit, Picture, backdrop, place
from realtime.programme.backgrounds import Backdrop
from realtime.programme.mixer import Shot
from realtime.programme.timing.jitter import JitterBuffer
from realtime.transport.bus import Ticket
from realtime.transport.frames import FrameReader
from realtime.transport.telemetry import Meter

OTHER_SHAPE = "the performer's frames are of another size: both machines need the same show file and player"

CAMERA_STALE_NS = NS_PER_S
"""A camera picture older than this is none."""


class LivePlayer:
    """Takes a frame at each tick, the newest or the one before (see `jitter`), and counts those that it never
    saw.

    newest: the newest good frame that can be trusted; None before the first. came: how many good frames were
    finished since the last tick; finished_ns: when the newest of them was. arrived: the newest ticket since
    the last tick, whatever becomes of its frame; None without one.
    """

    def __init__(
        self, reader: FrameReader, size: tuple[int, int], meter: Meter, *, layered: bool, fit: Fit = place
    ) -> None:
        """size: (width, height) of the programme. layered: frames are BGRA, for a background. fit: how they
        are put into the programme's size."""
        self._reader, self._fit = reader, fit
        self._meter = meter
        self._picture = backdrop(*size)
        self._layer: Layer | None = np.zeros((size[1], size[0], 4), np.uint8) if layered else None
        self._fitted: Ticket | None = None
        self._composed: Ticket | None = None
        self._behind: Picture | None = None
        self._read: Ticket | None = None
        self._jitter = JitterBuffer()
        self._heard: Ticket | None = None
        self._kept: Ticket | None = None
        self._finished = 0
        self._refused = False
        self.newest: Ticket | None = None
        self.heard = False
        self.came, self.finished_ns = 0, 0
        self.arrived: Ticket | None = None

    @property
    def player(self) -> int:
        """Whose picture `shot` is of, by the player's place in `Show.everyone`."""
        return 0 if self._read is None else self._read.player

    @property
    def ticket(self) -> Ticket | None:
        """Of the picture that `shot` shows; None before the first."""
        return self._read

    def hear(self, *, on_air: bool = False) -> tuple[Ticket | None, int]:
        """The frame to show at this tick, None where none is new, and how many it has overtaken.

        on_air: a frame that cannot be trusted is left out; else it is there to be looked at before.
        """
        ticket = self._next()
        if ticket is None:
            return None, 0
        unseen = ticket.finished - self._finished
        if unseen < 0:  # a new performer counts from the start
            unseen = ticket.finished
        self._finished = ticket.finished
        if unseen == 0 or not ticket.good:
            return None, unseen
        if ticket.trusted:
            self.newest = ticket
        elif on_air:
            self._meter.drop("not_trusted")
            return None, unseen - 1
        if not self._reader.read(ticket):
            self._meter.drop("overtaken_in_ring")
            return None, unseen - 1
        self._read = ticket
        return ticket, unseen - 1

    def _next(self) -> Ticket | None:
        """The newest ticket, or the one before it, while the newest is kept for the next tick."""
        newest, kept, heard = self._reader.newest(), self._kept, self._heard
        if self._reader.refused and not self._refused:
            self._refused = True
            self._meter.event(time.monotonic_ns(), OTHER_SHAPE)
        self._kept, self.came, self.arrived = None, 0, newest
        if newest is None:
            self._jitter.keeps_back(0)
            return kept
        self.heard, self._heard = True, newest
        arrived = newest.finished - (0 if heard is None else heard.finished)
        self.came, self.finished_ns = max(arrived, 0), newest.generated_ns
        waits = self._jitter.keeps_back(self.came)
        if not waits or not newest.good or not newest.trusted:
            return newest
        before = kept if arrived == 1 else self._reader.before(newest) if arrived > 1 else None
        if before is None:
            return newest
        self._kept = newest
        return before

    def shot(self, behind: Backdrop | None) -> Shot:
        """The player's picture in the programme's size, before `behind` where it has alpha; valid until the
        next call."""
        if self._read is None:
            return Shot(self._picture)
        captured_ns = self._read.captured_ns
        if self._layer is None or behind is None:
            return Shot(self._whole(), captured_ns=captured_ns)
        layer = self._whole_layer(self._layer)
        if not (behind.still and behind.picture is self._behind and self._composed is self._read):
            over(layer, behind.picture, self._picture)
        self._behind, self._composed = behind.picture, self._read
        stamps = [stamp for stamp in (captured_ns, behind.captured_ns) if stamp is not None]
        return Shot(self._picture, layer, min(stamps))

    def _whole(self) -> Picture:
        picture = self._reader.picture
        if picture.shape == self._picture.shape:
            return picture
        if self._fitted is not self._read:
            self._fit(picture, self._picture)
            self._fitted = self._read
        return self._picture

    def _whole_layer(self, fitted: Layer) -> Layer:
        layer = self._reader.picture
        if layer.shape == fitted.shape:
            return layer
        if self._fitted is not self._read:
            fit_layer(layer, fitted, self._fit)
            self._fitted = self._read
        return fitted


class CameraFeed:
    """The camera's newest picture, in the programme's size."""

    def __init__(self, reader: FrameReader) -> None:
        self._reader = reader
        self._read: Ticket | None = None
        self._now_ns = 0

    def hear(self, now_ns: int) -> None:
        """Takes what has come since the last tick."""
        self._now_ns = now_ns
        ticket = self._reader.newest()
        if ticket is not None and self._reader.read(ticket):
            self._read = ticket

    def backdrop(self) -> Backdrop | None:
        """None while there is no fresh one."""
        if self._read is None or self._now_ns - self._read.generated_ns > CAMERA_STALE_NS:
            return None
        return Backdrop(self._reader.picture, self._read.captured_ns)
