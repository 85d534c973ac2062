"""The playout's process: the programme clock, the ladder, the outputs. It waits for nobody."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from realtime.bus import Ticket, receive_newest
from realtime.capture import CaptureError
from realtime.control.actions import Orders
from realtime.frame_ring import FrameRing
from realtime.ladder import Inputs, Ladder, State, stale_after_ns
from realtime.outputs.fanout import Outputs
from realtime.outputs.settings import WebRtcServing
from realtime.outputs.sink import Format, ProgrammeFrame
from realtime.outputs.table import open_outputs, open_webrtc
from realtime.pacing import ProgrammeClock
from realtime.picture import Picture, backdrop, place, slate
from realtime.process import StageLink
from realtime.stages import StageContext
from realtime.standby import StandbyLoop

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

ON_AIR_TIMEOUT_S = 600
"""A show that starts live counts as on air from its first frame on, or after this without one."""

CAMERA_STALE_NS = NS_PER_S
"""A camera picture older than this is no fallback."""

RECENT = 0.05
"""Weight of the newest value in the averages that the operator sees."""


class RingReader:
    """The newest picture of a ring, whole, in the programme's size.

    Two buffers: a picture that was overtaken while it was copied never replaces the one before it.
    """

    def __init__(self, ring: FrameRing, programme_size: tuple[int, int]) -> None:
        self._ring = ring
        shape = (ring.spec.height, ring.spec.width, 3)
        self._current, self._spare = (np.zeros(shape, np.uint8) for _ in range(2))
        self._fitted = None if shape[1::-1] == programme_size else backdrop(*programme_size)

    def read(self, ticket: Ticket) -> bool:
        """False where the picture has been overtaken."""
        if not self._ring.read(ticket.slot, ticket.sequence, self._spare):
            return False
        self._current, self._spare = self._spare, self._current
        if self._fitted is not None:
            place(self._current, self._fitted)
        return True

    @property
    def picture(self) -> Picture:
        """The last one that was read."""
        return self._current if self._fitted is None else self._fitted


class Playout:
    """What is on air, tick by tick."""

    def __init__(self, context: StageContext, link: StageLink) -> None:
        rig = context.rig
        show = rig.show
        self._link = link
        self._meter = link.meter
        self._show = show
        self._orders = Orders(taken=show.start == "live", mirror=show.mirror)
        self._orders_socket = link.bus.receiver("orders", "playout")
        self._tickets = link.bus.receiver("tickets", "playout")
        self._live = RingReader(FrameRing.attach(rig.frames), rig.programme_size)
        self._camera: RingReader | None = None
        if rig.camera_frames is not None:
            self._camera = RingReader(FrameRing.attach(rig.camera_frames), rig.programme_size)
            self._camera_tickets = link.bus.receiver("camera", "playout")
        self._camera_newest: Ticket | None = None
        self._slate = slate(*rig.programme_size, rig.player_name)
        self._standby: StandbyLoop | None = None
        self._standby_ns = 0
        try:
            self._standby = StandbyLoop(rig.standby, rig.programme_size)
        except CaptureError as error:
            self._meter.event(time.monotonic_ns(), f"standby loop: {error}; the slate takes its place")
        self._ladder = Ladder(hold_ns=show.hold_ms * NS_PER_MS, healthy_ns=show.healthy_ms * NS_PER_MS)
        self._state: State | None = None
        self._newest: Ticket | None = None
        self._unread: Ticket | None = None
        self._finished = 0
        self._on_air: Picture = self._slate
        self._fps = float(show.programme.fps)
        self._latency_ms: float | None = None
        self._last_tick_ns: int | None = None
        self._counts = context.on_air is not None or show.start == "standby"
        self._outputs = self._open_outputs(rig.bus / "whep")
        now_ns = time.monotonic_ns()  # the clock starts once everything that takes long is done
        self._started_ns = now_ns
        if context.on_air is None:
            self._clock = ProgrammeClock(show.programme.fps, now_ns)
        else:
            self._clock = ProgrammeClock(show.programme.fps, context.on_air.start_ns)
            self._clock.next_tick = self._clock.tick_at(now_ns) + 1
            self._meter.count("programme.missed", self._clock.next_tick - context.on_air.last_tick - 1)
        link.info["clock_start_ns"] = self._clock.start_ns

    def _open_outputs(self, path: Path) -> Outputs:
        programme = Format((self._slate.shape[1], self._slate.shape[0]), self._show.programme.fps)
        sinks = open_outputs(self._show.outputs, programme)
        if self._show.webrtc.port:
            sinks.append(open_webrtc(WebRtcServing(self._show.webrtc, socket=path), programme))
            self._link.info["whep"] = str(path)
        return Outputs(sinks)

    def run(self) -> None:
        try:
            while not self._link.stopped():
                wait_ns = self._clock.due_ns(self._clock.next_tick) - time.monotonic_ns()
                if wait_ns > 0:
                    time.sleep(wait_ns / NS_PER_S)
                missed = self._clock.missed
                tick = self._clock.take(time.monotonic_ns())
                if tick is None:
                    continue
                self._tick(tick, self._clock.missed - missed)
                self._beat(tick)
        finally:
            self._outputs.close()
            if self._standby is not None:
                self._standby.close()

    def _tick(self, tick: int, missed: int) -> None:
        self._hear()
        now_ns = time.monotonic_ns()
        period_ns = self._clock.period_ns
        state = self._ladder.step(now_ns, period_ns, self._inputs(now_ns))
        if self._counts:
            self._meter.count("programme.ticks")
            self._meter.count("programme.missed", missed)
            self._meter.count(f"ns.{state}", period_ns)
        if state is not self._state:
            self._meter.event(now_ns, state.name)
            self._state = state
        shown = self._show_picture(state, period_ns)
        programme_ns = time.monotonic_ns()
        if shown is not None:
            latency_ns = programme_ns - shown.captured_ns
            self._meter.count("frames.shown")
            self._meter.time("capture_to_programme", latency_ns)
            latency_ms = latency_ns / NS_PER_MS
            before_ms = latency_ms if self._latency_ms is None else self._latency_ms
            self._latency_ms = (1 - RECENT) * before_ms + RECENT * latency_ms
        self._outputs.send(ProgrammeFrame(self._on_air), tick, self._clock.due_ns(tick))
        if self._last_tick_ns is not None and programme_ns > self._last_tick_ns:
            fps = NS_PER_S / (programme_ns - self._last_tick_ns)
            self._fps += RECENT * (min(fps, 2 * float(self._clock.fps)) - self._fps)
        self._last_tick_ns = programme_ns

    def _hear(self) -> None:
        """Takes what has come since the last tick: orders, the newest frame, the newest camera picture."""
        message = receive_newest(self._orders_socket)
        if message is not None:
            self._orders = Orders.unpack(message)
        message = receive_newest(self._tickets)
        if message is not None:
            self._heard_of(Ticket.unpack(message))
        if self._camera is not None:
            message = receive_newest(self._camera_tickets)
            if message is not None:
                self._camera_newest = Ticket.unpack(message)

    def _heard_of(self, ticket: Ticket) -> None:
        self._counts = True
        unseen = ticket.finished - self._finished
        if unseen < 0:  # a new performer counts from the start
            unseen = ticket.finished
        self._finished = ticket.finished
        if unseen == 0:
            return
        overtaken = unseen - (1 if ticket.good else 0) + (1 if self._unread is not None else 0)
        if overtaken > 0:
            on_air = self._state is State.LIVE
            self._meter.drop("overtaken_before_programme" if on_air else "not_on_air", overtaken)
            self._unread = None
        if ticket.good:
            self._newest = self._unread = ticket

    def _inputs(self, now_ns: int) -> Inputs:
        if not self._counts and now_ns - self._started_ns > ON_AIR_TIMEOUT_S * NS_PER_S:
            self._counts = True
        newest = self._newest
        return Inputs(
            newest_ns=None if newest is None else newest.generated_ns,
            stale_after_ns=stale_after_ns(0 if newest is None else newest.period_ns),
            taken=self._orders.taken,
            frozen=self._orders.frozen,
            slate=self._orders.slate,
            fallback_ready=self._camera_is_fresh(now_ns) or self._standby is not None,
        )

    def _camera_is_fresh(self, now_ns: int) -> bool:
        newest = self._camera_newest
        return newest is not None and now_ns - newest.generated_ns < CAMERA_STALE_NS

    def _show_picture(self, state: State, period_ns: int) -> Ticket | None:
        """Puts the picture for `state` on air; the ticket of a frame that is new in the programme."""
        shown: Ticket | None = None
        if state is State.LIVE:
            if self._unread is not None:
                ticket, self._unread = self._unread, None
                if self._live.read(ticket):
                    shown = ticket
                else:
                    self._meter.drop("overtaken_in_ring")
            self._on_air = self._live.picture
        elif state is State.FALLBACK:
            self._on_air = self._fallback(period_ns)
        elif state is State.SLATE:
            self._on_air = self._slate
        return shown

    def _fallback(self, period_ns: int) -> Picture:
        if self._camera is not None and self._camera_newest is not None:
            fresh = self._camera_is_fresh(time.monotonic_ns())
            if fresh and (self._camera.read(self._camera_newest) or self._on_air is self._camera.picture):
                return self._camera.picture
        if self._standby is not None:
            if self._standby.error is not None:
                self._meter.event(time.monotonic_ns(), f"standby loop: {self._standby.error}")
                self._standby = None
                return self._slate
            self._standby_ns += period_ns
            return self._standby.picture(self._standby_ns)
        return self._slate

    def _beat(self, tick: int) -> None:
        info = self._link.info
        info["state"] = self._state.name if self._state is not None else "SLATE"
        info["fps"] = round(self._fps, 2)
        info["latency_ms"] = self._latency_ms
        info["tick"] = tick
        info["outputs"] = self._outputs.status()
        info["viewers"] = sum(sum(output["receivers"].values()) for output in info["outputs"])
        if self._counts and self._last_tick_ns is not None:
            info.setdefault("on_air_ns", self._last_tick_ns)
            info["on_air_until_ns"] = self._last_tick_ns + self._clock.period_ns
        self._link.pressed(self._outputs.pressed())
        self._link.beat(time.monotonic_ns(), ready=True)
        if self._orders.quit:
            self._link.stop()


def run(context: StageContext, link: StageLink) -> None:
    """The process: until the operator or the parent ends it. Raises what the operator must know."""
    Playout(context, link).run()
