"""All pictures that the programme and the preview can show, and where they come from."""

from __future__ import annotations

import contextlib
import time

import numpy as np

from realtime.link.remote_clock import RemoteClock
from realtime.pictures.picture import FITS, Picture, slate
from realtime.programme.backgrounds import Backdrop, Backgrounds
from realtime.programme.camera_preview import draw_people
from realtime.programme.live_feed import CameraFeed, LivePlayer
from realtime.programme.mixer import Shot, Source
from realtime.programme.standby import PlayersStandby
from realtime.stages.context import Rig
from realtime.transport.bus import Bus, receive_newest
from realtime.transport.frames import open_reader
from realtime.transport.messages import MessageError
from realtime.transport.orders import Orders
from realtime.transport.people import People
from realtime.transport.telemetry import Meter


class Sources:
    """For the programme clock's thread. Call `tick` first at every tick."""

    def __init__(self, rig: Rig, bus: Bus, meter: Meter) -> None:
        """Raises BackgroundError."""
        self._rig = rig
        self._size = rig.programme_size
        fit = FITS[rig.show.programme.fit]
        self._clock = RemoteClock(bus) if bus.link is not None else None
        self.live = LivePlayer(
            open_reader(bus, "tickets", rig.frames, self._clock),
            self._size,
            meter,
            layered=rig.show.layered,
            fit=fit,
        )
        self._camera = CameraFeed(open_reader(bus, "camera", rig.camera_frames, self._clock))
        self._people = bus.receiver("people", "playout")
        self._seen = People()
        self._previewed = np.empty((self._size[1], self._size[0], 3), np.uint8)
        several = rig.show.players or rig.show.duet
        self.slate = Shot(slate(*self._size, "Dancecam" if several else rig.player_name))
        self._backgrounds: Backgrounds | None = None
        if rig.show.layered:
            self._backgrounds = Backgrounds(
                rig.show.backgrounds, rig.plates, self._size, self._camera, fit=fit
            )
        self._standby = PlayersStandby(
            rig.standby, self._size, lambda line: meter.event(time.monotonic_ns(), line), fit=fit
        )
        self._at_ns = 0
        self._loop: Picture | None = None
        self._orders = Orders()
        self._live_shot: Shot | None = None

    def tick(self, now_ns: int, period_ns: int, orders: Orders) -> None:
        """A tick begins: `shot_of` answers for it from now on."""
        self._at_ns += period_ns
        self._loop = None
        self._orders = orders
        self._standby.want(self._rig.standby_of(orders.player))
        self._live_shot = None
        self._camera.hear(now_ns)
        message = receive_newest(self._people)
        if message is not None:
            with contextlib.suppress(MessageError):  # of another version: the supervisor tells of it
                self._seen = People.unpack(message)

    @property
    def clock_offset_ns(self) -> int | None:
        """What to add to the performer's times to get ours; None while unknown."""
        return 0 if self._clock is None else self._clock.offset_ns

    @property
    def fallback_ready(self) -> bool:
        """Whether there is anything but the slate to fall back on."""
        return self._standby.is_ready or (self._falls_back_on_camera and self._camera.backdrop() is not None)

    @property
    def _falls_back_on_camera(self) -> bool:
        return self._rig.show.fallback == "camera"

    def shot_of(self, source: Source) -> Shot:
        """The picture of a source at this tick; the same however often it is asked for."""
        if source is Source.LIVE:
            if self._live_shot is None:
                self._live_shot = self.live.shot(self._behind())
            return self._live_shot
        if source is Source.FALLBACK and self._falls_back_on_camera:
            camera = self._camera.backdrop()
            if camera is not None:
                return Shot(camera.picture, captured_ns=camera.captured_ns)
        if source is not Source.SLATE and self._loop is None:
            self._loop = self._standby.picture(self._at_ns)
        return self.slate if source is Source.SLATE or self._loop is None else Shot(self._loop)

    def preview(self) -> Picture:
        """The newest picture of the player, whatever is on air; or, so ordered, the camera's with who is in
        it. Valid until the next tick."""
        if not self._orders.camera_preview:
            return self.shot_of(Source.LIVE).picture
        camera = self._camera.backdrop()
        if camera is None:
            return self.slate.picture
        np.copyto(self._previewed, camera.picture)
        draw_people(self._seen, self._previewed)
        return self._previewed

    def _behind(self) -> Backdrop | None:
        if self._backgrounds is None:
            return None
        return self._backgrounds.show(self._orders.background, self._at_ns, self.live.player)

    def close(self) -> None:
        for part in (self._standby, self._backgrounds, self._clock):
            if part is not None:
                part.close()
