"""The playout's process: the programme clock, and what is on air at each tick. It waits for nobody."""

from __future__ import annotations

import time
from typing import Protocol

from calibration.loop_lag import LoopLag
from realtime.layers.layers import Layers
from realtime.layers.measuring import MeasuringPictures
from realtime.programme.journal import Journal
from realtime.programme.ladder import Inputs, Ladder, State, stale_after_ns
from realtime.programme.mixer import Source
from realtime.programme.programme import OnAir, Programme
from realtime.programme.programme_meter import ProgrammeMeter
from realtime.programme.sources import Sources
from realtime.programme.timing.beat_delay import BeatDelay
from realtime.programme.timing.clock import ProgrammeClock
from realtime.programme.timing.media_clock import MediaClock
from realtime.programme.timing.phase_lock import PhaseLock
from realtime.stages.context import StageContext
from realtime.stages.stage_link import StageLink
from realtime.transport.bus import NO_MEDIA, MarkerReading, receive_newest
from realtime.transport.messages import MessageError
from realtime.transport.orders import MOST_SECONDS, Orders
from realtime.transport.programme_ring import Part, ProgrammeFrame, ProgrammeWriter
from realtime.transport.statuses import PlayoutStatus

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

ON_AIR_TIMEOUT_S = 600
"""A show that starts live counts as on air from its first frame on, or after this without one."""


class Outputs(Protocol):
    """Where the programme goes: a `ProgrammeWriter`."""

    def wants(self) -> frozenset[Part]: ...

    def send(self, frame: ProgrammeFrame, wants: frozenset[Part], tick: int, due_ns: int) -> None: ...

    def close(self) -> None: ...


class Playout:
    """What is on air, tick by tick."""

    def __init__(self, context: StageContext, link: StageLink, outputs: Outputs | None = None) -> None:
        """outputs: in place of the processes that read the rings. Raises BackgroundError, LayerError."""
        show = context.rig.show
        self._link = link
        self._meter = link.meter
        self._show = show
        self._orders = Orders.at_start(show) if context.on_air is None else context.on_air.orders
        self._heard_orders = context.on_air is not None
        self._orders_socket = link.bus.receiver("orders", "playout")
        self._sources = Sources(context.rig, link.bus, self._meter)
        self._layers = Layers(
            show.all_layers,
            context.rig.programme_size,
            float(show.programme.fps),
            (context.rig.player_name, *context.rig.others),
            show.sponsor,
            lambda line: link.meter.event(time.monotonic_ns(), line),
            shown=self._orders.layers,
            keyed=show.keyed,
        )
        self._measuring = MeasuringPictures(context.rig.programme_size)
        self._markers_socket = link.bus.receiver("markers", "playout")
        self._loop_lag = LoopLag()
        self._programme = Programme(
            Ladder(hold_ns=show.hold_ms * NS_PER_MS, healthy_ns=show.healthy_ms * NS_PER_MS),
            self._sources.slate,
            self._ticks(MOST_SECONDS),
            keyed=show.keyed,
        )
        self._beats = BeatDelay(
            float(NS_PER_S / show.programme.fps),
            self._ticks(MOST_SECONDS),
            show.tempo.board_lag_ms * NS_PER_MS,
        )
        self._media = MediaClock()
        self._came_ns: int | None = None
        self._air = ProgrammeMeter(self._meter, float(show.programme.fps))
        self._air.counting = context.on_air is not None or show.start == "standby"
        self._outputs = ProgrammeWriter(link.bus, context.rig.programme) if outputs is None else outputs
        self._journal = None if show.record_inputs is None else Journal(link.bus)
        now_ns = time.monotonic_ns()  # the clock starts once everything that takes long is done
        self._started_ns = now_ns
        if context.on_air is None:
            self._clock = ProgrammeClock(show.programme.fps, now_ns)
        else:
            self._clock = ProgrammeClock(show.programme.fps, context.on_air.start_ns)
            self._clock.next_tick = self._clock.tick_at(now_ns) + 1
            self._meter.count("programme.missed", self._clock.next_tick - context.on_air.last_tick - 1)
        # On two machines frames are on their way for longer than the moment that they are finished tells.
        self._phase = PhaseLock(self._clock.period_ns) if show.link is None else None

    def _ticks(self, seconds: float) -> int:
        return round(seconds * self._show.programme.fps)

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
            self._link.playout = self._status(self._clock.next_tick - 1)
            self._outputs.close()
            self._sources.close()
            self._layers.close()

    def _tick(self, tick: int, missed: int) -> None:
        now_ns = time.monotonic_ns()
        due_ns, period_ns = self._clock.due_ns(tick), self._clock.period_ns
        dumps = self._hear_orders()
        self._sources.tick(now_ns, period_ns, self._orders)
        if dumps:
            self._programme.dump(now_ns, self._sources.shot_of(Source.SAFE))
            self._media.dump(now_ns)
        on_air = self._step(now_ns, period_ns)
        self._follow_media(due_ns)
        self._layers.tick(self._orders, self._sources.live.player, period_ns)
        slated = on_air.state is State.SLATE or on_air.shot is self._sources.slate
        picture, layer = self._layers.over(on_air.shot.picture, on_air.shot.layer, slated=slated)
        picture = self._measuring.over(picture, tick, self._orders, slated=slated)
        if self._measuring.flashes:
            self._tell_flash(due_ns)
        self._hear_marker()
        if self._phase is not None:
            live = self._sources.live
            self._clock.move(self._phase.step_ns(due_ns - live.finished_ns, live.came))
        programme_ns = time.monotonic_ns()
        if on_air.frame_ns is not None:
            latency_ns = programme_ns - on_air.frame_ns
            self._air.shown(latency_ns)
            self._beats.shown(latency_ns, self._programme.delay_ticks, self._bpm)
        elif self._came_ns is not None:
            self._beats.came(programme_ns - self._came_ns)
        wants = self._outputs.wants()
        frame = ProgrammeFrame(
            picture,
            layer=layer,
            clean=self._sources.shot_of(Source.LIVE).picture if "clean" in wants else None,
            preview=self._sources.preview() if "preview" in wants else None,
            entered=None if slated else tick - self._programme.delay_ticks,
            media=self._media.on_air(due_ns, self._programme.behind_ticks * period_ns),
            clean_media=self._media.live(due_ns),
        )
        self._outputs.send(frame, wants, tick, due_ns)
        if self._journal is not None:
            ticket, fade_s = self._sources.live.ticket, self._orders.transition_s
            self._journal.tick(tick, due_ns, programme_ns, on_air, ticket, fade_s)
        self._air.tick(programme_ns, period_ns, missed, on_air.state)

    def _step(self, now_ns: int, period_ns: int) -> OnAir:
        """What goes out, and the count of the frames that never will."""
        live = self._sources.live
        was_coming = self._programme.coming
        frame, overtaken = live.hear(on_air=was_coming in (State.LIVE, State.HOLD))
        if overtaken > 0:
            cause = "overtaken_before_programme" if was_coming is State.LIVE else "not_on_air"
            self._meter.drop(cause, overtaken)
        if live.heard or now_ns - self._started_ns > ON_AIR_TIMEOUT_S * NS_PER_S:
            self._air.counting = True
        newest = live.newest
        inputs = Inputs(
            newest_ns=None if newest is None else newest.generated_ns,
            stale_after_ns=stale_after_ns(0 if newest is None else newest.period_ns),
            taken=self._orders.taken,
            frozen=self._orders.frozen,
            slate=self._orders.slate,
            fallback_ready=self._sources.fallback_ready,
            captured_ns=None if newest is None else newest.captured_ns,
        )
        self._came_ns = None if frame is None else frame.captured_ns
        on_air = self._programme.step(
            now_ns,
            period_ns,
            inputs,
            self._sources.shot_of,
            fade_ticks=self._ticks(self._orders.transition_s),
            delay_ticks=self._beats.ticks(now_ns, self._bpm, self._ticks(self._orders.delay_s)),
            frame_ns=self._came_ns,
        )
        if frame is not None and self._programme.coming is not State.LIVE:
            self._meter.drop("not_on_air")
        if on_air.lost:
            self._meter.drop("dumped", on_air.lost)
        return on_air

    def _follow_media(self, due_ns: int) -> None:
        """Tells the sound's clock which frames have come."""
        arrived = self._sources.live.arrived
        if arrived is not None:
            media_ns = None if arrived.media_ns == NO_MEDIA else arrived.media_ns
            self._media.captured(arrived.captured_ns, arrived.camera, media_ns)
        if self._came_ns is not None:
            self._media.came(due_ns - self._came_ns)

    @property
    def _bpm(self) -> float:
        """The tempo on whose beats the player is to be; 0 for none."""
        return self._orders.bpm if self._orders.beat else 0.0

    def _hear_orders(self) -> bool:
        """Takes what the operator wants; whether a dump is wanted at this tick."""
        message = receive_newest(self._orders_socket)
        if message is None:
            return False
        before, self._orders = self._orders, Orders.unpack(message)
        if self._orders.measuring and not before.measuring:
            self._loop_lag = LoopLag()
        dumps = self._heard_orders and self._orders.dumps != before.dumps
        self._heard_orders = True
        return dumps

    def _hear_marker(self) -> None:
        message = receive_newest(self._markers_socket)
        if message is None or not self._orders.measuring:
            return
        offset_ns = self._sources.clock_offset_ns
        try:
            reading = MarkerReading.unpack(message)
        except MessageError:  # of another version: the supervisor tells of it
            return
        if offset_ns is not None:
            self._loop_lag.heard(reading.number, reading.captured_ns + offset_ns, self._clock)

    def _tell_flash(self, due_ns: int) -> None:
        """In the show log, for `calibration.latency`."""
        at_ns = time.time_ns() + due_ns - time.monotonic_ns()
        self._meter.event(due_ns, f"flash at {at_ns / NS_PER_S:.4f} s")

    def _beat(self, tick: int) -> None:
        if self._link.is_due():
            self._link.playout = self._status(tick)
            self._link.beat(time.monotonic_ns(), ready=True)
        if self._orders.quit:
            self._link.stop()

    def _status(self, tick: int) -> PlayoutStatus:
        coming, air = self._programme.coming, self._air
        delay_s = round(float(self._programme.delay_ticks / self._clock.fps), 2)
        late = self._programme.delay_ticks > 0 and coming is not air.state
        return PlayoutStatus(
            state=State.SLATE.name if air.state is None else air.state.name,
            coming=coming.name,
            reason=f"{delay_s} s behind; {coming.name} comes" if late else "",
            fps=round(air.fps, 2),
            latency_ms=air.latency_ms,
            delay_s=delay_s,
            loop_lag=self._loop_lag.lag,
            beats=self._beats.beats,
            beat_error_ms=self._beats.error_ms,
            tick=tick,
            clock_start_ns=self._clock.start_ns,
            on_air_ns=air.on_air_ns,
            on_air_until_ns=air.on_air_until_ns(self._clock.period_ns),
        )


def run(context: StageContext, link: StageLink) -> None:
    """The process: until the operator or the parent ends it. Raises what the operator must know."""
    Playout(context, link).run()
