"""Starts the stages of a show, watches their heartbeats, restarts them within a budget, ends them all."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import zmq

from realtime.background_settings import PLATE
from realtime.bus import Bus, Link, Press, Status, receive_newest
from realtime.control.actions import Orders
from realtime.control.desk import Desk, Event, action_line
from realtime.control.facts import Figures, show_facts, status_line
from realtime.control.hotkeys import Console
from realtime.control.keys import Keymap
from realtime.control.show_log import ShowLog
from realtime.frame_ring import FrameRing, RingSpec
from realtime.outputs.settings import Recorder
from realtime.picture import backdrop
from realtime.process import stage_main
from realtime.show import Show
from realtime.stages import STAGES, OnAir, Rig, Stage, StageContext, Watchdog
from realtime.telemetry import Totals
from realtime.wake import Wake

NS_PER_S = 1_000_000_000

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a show. Its stages never see them."""

LOOP_S = 0.02
ORDERS_EVERY_NS = 200_000_000
"""Orders are sent when they change, and this often anyway: a restarted stage hears them soon."""
STATUS_LINE_EVERY_NS = 250_000_000
FIGURES_EVERY_NS = 500_000_000
TERMINAL = "terminal"
"""Who asks, where it is the operator's terminal."""
FAR_SILENCE_NS = 2 * NS_PER_S
"""A stage on the other machine that is not heard for so long is not ready."""
QUIT_S, KILL_S = 4.0, 1.0
"""How long the stages may take to end when asked, and when killed."""


class SupervisorError(RuntimeError):
    """A show that cannot go on; one line for the operator."""


@dataclass(frozen=True)
class Player:
    """What the supervisor must know of the player. size: (width, height), pixels.

    others: name → folder of the packs that can be switched to. plates: see `Rig`.
    """

    name: str
    size: tuple[int, int]
    standby: Path
    others: Mapping[str, Path] = field(default_factory=dict)
    plates: tuple[Path, ...] = ()


@dataclass
class _Running:
    stage: Stage
    watchdog: Watchdog
    process: SpawnProcess | None = None
    attempt: int = -1
    start_at_ns: int | None = 0
    info: dict[str, Any] = field(default_factory=dict)


class Supervisor:
    """One show, from its first process to its last. Call `run` once, in the main thread."""

    def __init__(
        self,
        show: Show,
        player: Player,
        nets: Callable[[Show], Any],
        console: Console,
        *,
        seconds: float | None = None,
        stages: Mapping[str, Stage] = STAGES,
        log: ShowLog | None = None,
        link: Link | None = None,
    ) -> None:
        """seconds: the show ends after so long on air. nets: see `Rig.nets`. log: of what the desk does.

        link: for one machine of a show on two; `stages` are then those of its side (`stages_at`).
        """
        self._link = link
        self._show = show
        self._player = player
        self._nets = nets
        self._console = console
        self._seconds = seconds
        backgrounds = (PLATE, *(background.name for background in show.backgrounds))
        choices = {
            "player": {player.name: "", **{name: str(folder) for name, folder in player.others.items()}},
            "background": {name: name for name in backgrounds},
        }
        lacking = {}
        if not any(isinstance(output, Recorder) for output in show.outputs):
            lacking["record"] = 'the show has no recorder: list [[outputs]] with kind = "recorder"'
        self.desk = Desk(Orders.at_start(show), Keymap(show.keys), choices, log, lacking=lacking)
        self._log = log
        self._sent = b""
        self._figures = Figures()
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._stop = threading.Event()
        self._running = {name: _Running(stage, Watchdog(stage)) for name, stage in stages.items()}
        self._next_orders_ns = self._next_line_ns = self._next_figures_ns = 0
        self.on_air_ns: int | None = None
        self.totals = Totals()

    def act(self, action: str) -> None:
        """A key of the terminal: does one of ACTIONS, by name; from any thread."""
        answer = self.desk.press(action, who=TERMINAL, now_ns=time.monotonic_ns())
        if answer:
            self._lines.put(answer)

    @property
    def whep(self) -> str | None:
        """The socket at which the playout answers WHEP; None while it does not."""
        return self._info("playout").get("whep")

    def _info(self, stage: str) -> dict[str, Any]:
        """What a stage said last; empty where it does not run for this show."""
        running = self._running.get(stage)
        return {} if running is None else running.info

    def stop(self) -> None:
        """Ends the show; from any thread or signal handler."""
        self._stop.set()

    def report(self) -> dict[str, Any]:
        """The show so far, as data (`Totals.report`)."""
        now_ns = time.monotonic_ns()
        if self.on_air_ns is None:
            return self.totals.report(now_ns, now_ns)
        return self.totals.report(self.on_air_ns, self._info("playout")["on_air_until_ns"])

    def run(self) -> None:
        """Until the operator, `stop` or the time ends it. Raises SupervisorError where it cannot go on."""
        with tempfile.TemporaryDirectory(prefix="dancecam-", ignore_cleanup_errors=True) as folder:
            rings: list[FrameRing] = []
            bus = Bus(Path(folder))
            try:
                with _signals_blocked():  # the first ring starts multiprocessing's resource tracker
                    rig = self._rig(Path(folder), rings)
                statuses = bus.receiver("status", "supervisor")
                orders = bus.sender("orders", "supervisor")
                try:
                    self._loop(rig, statuses, orders, bus.receiver("actions", "supervisor"))
                finally:
                    self._end(statuses, orders)
            finally:
                bus.close()
                for ring in rings:
                    ring.close()

    def _rig(self, folder: Path, rings: list[FrameRing]) -> Rig:
        width, height = self._player.size
        programme = self._show.programme.size or self._player.size
        channels = 4 if self._show.layered else 3
        frames = RingSpec("", height, width, channels)
        camera_frames = RingSpec("", programme[1], programme[0])
        if self._link is None:
            rings += [
                FrameRing.create(*frames.shape[:2], channels=channels),
                FrameRing.create(programme[1], programme[0]),
            ]
            frames, camera_frames = (ring.spec for ring in rings)
            surround = backdrop(*programme)
            for _ in range(camera_frames.slots):
                with rings[1].write() as slot:
                    slot.picture[:] = surround
        return Rig(
            show=self._show,
            player_name=self._player.name,
            player_size=self._player.size,
            programme_size=programme,
            standby=self._player.standby,
            bus=folder,
            frames=frames,
            camera_frames=camera_frames,
            nets=self._nets,
            plates=self._player.plates,
            link=self._link,
        )

    def _loop(
        self,
        rig: Rig,
        statuses: zmq.Socket[bytes],
        orders: zmq.Socket[bytes],
        actions: zmq.Socket[bytes],
    ) -> None:
        with closing(Wake()) as wake, self._listening(wake):
            poller = zmq.Poller()
            for waited_for in (statuses, actions, wake.fileno()):
                poller.register(waited_for, zmq.POLLIN)
            while not self._stop.is_set() and not self.desk.orders.quit:
                now_ns = time.monotonic_ns()
                for running in self._running.values():
                    self._watch(running, rig, statuses, now_ns)
                self._send_orders(orders, now_ns)
                self._tell_all(now_ns)
                if self._seconds is not None and self.on_air_ns is not None:
                    left_s = self._seconds - (now_ns - self.on_air_ns) / NS_PER_S
                    if left_s <= 0:
                        return
                poller.poll(int(1000 * LOOP_S))
                wake.clear()
                self._hear(statuses)
                while (message := receive_newest(actions)) is not None:
                    self._pressed(Press.unpack(message))

    @contextmanager
    def _listening(self, wake: Wake) -> Iterator[None]:
        """What the desk does wakes the loop, and what others do there is said on the console."""

        def happened(event: Event) -> None:
            if event["type"] == "action" and event["who"] != TERMINAL:
                self._lines.put(action_line(event))
            if event["type"] != "stats":
                wake.set()

        stop_listening = self.desk.listen(happened)
        try:
            yield
        finally:
            stop_listening()

    def _send_orders(self, orders: zmq.Socket[bytes], now_ns: int) -> None:
        """Where they have changed, and now and then anyway."""
        packed = self.desk.orders.pack()
        if packed != self._sent or now_ns >= self._next_orders_ns:
            orders.send(packed, zmq.NOBLOCK)
            self._sent = packed
            self._next_orders_ns = now_ns + ORDERS_EVERY_NS

    def _pressed(self, press: Press) -> None:
        """A key in the window of an output."""
        action = self.desk.keymap.action_for(press.key)
        if action is not None:
            answer = self.desk.press(action, who=press.who, now_ns=time.monotonic_ns())
            if answer:
                self._lines.put(answer)

    def _tell_all(self, now_ns: int) -> None:
        """The clients and the operator's terminal."""
        while not self._lines.empty():
            self._console.say(self._lines.get())
        if self._log is not None and (trouble := self._log.take_error()) is not None:
            self._say(trouble)
        infos = {name: running.info for name, running in self._running.items()}
        ready = {name: running.watchdog.ready for name, running in self._running.items()}
        self.desk.report(show_facts(self.desk.choices, self.desk.orders, infos, ready, self.totals.restarts))
        if now_ns >= self._next_figures_ns:
            self.desk.measure(self._figures.take(self.totals, self._info("playout")))
            self._next_figures_ns = now_ns + FIGURES_EVERY_NS
        if now_ns >= self._next_line_ns:
            self._console.status(status_line(self.desk.orders, self._info("playout"), self.totals))
            self._next_line_ns = now_ns + STATUS_LINE_EVERY_NS

    def _hear(self, statuses: zmq.Socket[bytes]) -> None:
        while (message := receive_newest(statuses)) is not None:
            status = Status.unpack(message)
            running = self._running[status.stage]
            self.totals.add(status.delta)
            for _, text in status.delta.events:
                self._say(f"{status.stage}: {text}")
            if running.stage.far:
                running.attempt = status.attempt
            if status.attempt != running.attempt:
                continue  # the last words of a process that has been replaced
            running.info.update(status.info)
            alive_ns = time.monotonic_ns() if running.stage.far else status.alive_ns  # its clock is another
            running.watchdog.heard(alive_ns, status.ready)
            self.totals.backends.update(status.info.get("backend", {}))
            if self.on_air_ns is None:
                self.on_air_ns = status.info.get("on_air_ns")

    def _watch(self, running: _Running, rig: Rig, statuses: zmq.Socket[bytes], now_ns: int) -> None:
        if running.stage.far:
            running.watchdog.ready &= now_ns - running.watchdog.alive_ns <= FAR_SILENCE_NS
            return
        process = running.process
        if process is None:
            if running.start_at_ns is not None and now_ns >= running.start_at_ns:
                self._start(running, rig, now_ns)
            return
        if process.is_alive():
            if running.watchdog.silent_for_too_long(now_ns):
                running.info["died"] = "it hung and was stopped"
                process.kill()
            return
        process.join()
        self._hear(statuses)
        why = running.info.pop("died", None) or _exit_text(process.exitcode)
        name = running.stage.name
        if process.exitcode == 0 and self._link is not None:  # the operator, on the other machine
            self._stop.set()
            return
        running.process = None
        running.start_at_ns = None
        if process.exitcode == 1 and not running.watchdog.was_ever_ready:
            raise SupervisorError(why)  # it would say the same again
        restart_in_s = running.watchdog.restart_in_s(now_ns)
        if restart_in_s is None:
            text = f"{name} is given up after {running.stage.restarts} restarts: {why}"
            if running.stage.vital or not running.watchdog.was_ever_ready:
                raise SupervisorError(text)
            self._tell(now_ns, f"{text}; the fallback stays on air until the show is started again")
            return
        self._tell(now_ns, f"{name} was lost ({why}); starting it again")
        self.totals.restarted(name)
        running.start_at_ns = now_ns + int(restart_in_s * NS_PER_S)

    def _tell(self, now_ns: int, text: str) -> None:
        self.totals.timeline.append((now_ns, text))
        self._say(text)

    def _say(self, text: str) -> None:
        self.desk.tell(text)
        self._console.say(text)

    def _start(self, running: _Running, rig: Rig, now_ns: int) -> None:
        on_air = None
        if "clock_start_ns" in running.info and "tick" in running.info:
            on_air = OnAir(running.info["clock_start_ns"], running.info["tick"])
        running.attempt += 1
        context = StageContext(running.stage, rig, running.attempt, on_air)
        process = multiprocessing.get_context("spawn").Process(
            target=stage_main, args=(context,), name=running.stage.name
        )
        with _signals_blocked():
            process.start()
        running.process = process
        running.watchdog.started(now_ns)

    def _end(self, statuses: zmq.Socket[bytes], orders: zmq.Socket[bytes]) -> None:
        """Asks every stage to end, then kills it; takes its last counts."""
        processes = [running.process for running in self._running.values() if running.process is not None]
        quit_orders = replace(self.desk.orders, quit=True).pack()
        for seconds in (QUIT_S, KILL_S):
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and any(process.is_alive() for process in processes):
                orders.send(quit_orders, zmq.NOBLOCK)
                self._hear_last(statuses)
            for process in processes:
                process.kill()
        self._hear_last(statuses)
        self._console.status("")

    def _hear_last(self, statuses: zmq.Socket[bytes]) -> None:
        if statuses.poll(int(1000 * LOOP_S)):
            self._hear(statuses)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """A process started here inherits the mask: what a terminal sends to all is for the supervisor alone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _exit_text(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exit status {exit_code}"
