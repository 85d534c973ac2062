"""Starts a show's stages, watches their heartbeats, restarts them within a budget, and ends them."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import zmq

from engines.time_units import NS_PER_S
from realtime.config.show import Show
from realtime.control.remote_desk import DeskServer
from realtime.control.show_log import ShowLog
from realtime.control.show_state import ShowStatus
from realtime.control.terminal.outlet import Console
from realtime.inputs.lines import JsonLines
from realtime.link.link_notice import LinkNotice
from realtime.stages.context import Rig
from realtime.stages.table import PERFORMER, Stage, stages_of
from realtime.supervise.leftovers import note, own_folder, remove_leftovers
from realtime.supervise.operators import Operators, show_status
from realtime.supervise.rig import Player, rigged
from realtime.supervise.stage_process import StageProcess
from realtime.transport.bus import Bus, Link, Press, Status, receive_newest
from realtime.transport.messages import MessageError
from realtime.transport.telemetry import Totals
from realtime.transport.texts import shown
from realtime.transport.wake import Wake

logger = logging.getLogger(__name__)


LOOP_S = 0.02
ORDERS_EVERY_NS = 200_000_000
"""Orders are sent when they change, and at this interval anyway, so that a restarted stage gets them soon."""
QUIT_S, KILL_S = 4.0, 1.0
"""How long the stages may take to end when asked, and when killed."""

MOST_MESSAGES = 200
"""Statuses or keys that are read in one turn of the loop: a flood of them must not hold up the orders."""

MOST_MISHAPS = 100
"""Different failures of its own that are reported."""


MOST_MISHEARD = 20
"""Different unreadable messages that are reported."""


class SupervisorError(RuntimeError):
    """The show cannot go on; the text is one line for the operator."""


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
        stages: Mapping[str, Stage] | None = None,
        log: ShowLog | None = None,
        link: Link | None = None,
        has_keys: bool = False,
        inputs: JsonLines | None = None,
        once_ready: Mapping[str, Callable[[], None]] = MappingProxyType({}),
    ) -> None:
        """seconds: the show ends after this time on air. nets: see `Rig.nets`. stages: replaces the show's
        own (`stages_of`). log: records what the desk does. link: for one machine of a show on two. has_keys:
        whether the terminal's keys are read, so that one of them can confirm. inputs: where the desk's
        events are kept of a show whose inputs are recorded. once_ready: stage → function,
        called when that stage is ready for the first time.

        Raises ShowError, see `stages_of`.
        """
        if stages is None:
            stages = stages_of(show, None if link is None else link.side)
        self._link = link
        self._show = show
        self._player = player
        self._nets = nets
        self._seconds = seconds
        self._once_ready = dict(once_ready)
        self._operators = Operators(show, player, console, log, has_keys=has_keys, inputs=inputs)
        self.desk = self._operators.desk
        self.token = show.control.token or secrets.token_urlsafe(16)
        """The token that the console and the API ask for, in whichever process."""
        self._stages = {name: StageProcess(stage) for name, stage in stages.items()}
        self._link_notices = {
            name: LinkNotice(name, link) for name, stage in stages.items() if link and stage.far
        }
        self._stop = threading.Event()
        self._sent = b""
        self._next_orders_ns = 0
        self._misheard_texts: set[str] = set()
        self._restarts = 0
        self._mishaps: set[str] = set()
        self.on_air_ns: int | None = None
        self.totals = Totals()

    def act(self, action: str) -> None:
        """Does one of ACTIONS, by name, as its key in the terminal would. From any thread."""
        self._operators.act(action)

    def key(self, character: str) -> None:
        """Handles a key of the terminal. From any thread."""
        self._operators.key(character)

    def interrupt(self) -> None:
        """Ctrl-C: ends the show once confirmed. From any thread or signal handler."""
        self._operators.interrupt()

    def hang_up(self) -> None:
        """The terminal is gone; the show goes on. From any thread or signal handler."""
        self._operators.hang_up()

    def status(self) -> ShowStatus:
        """The state of the show, from the stages' statuses. From any thread."""
        return show_status(self._stages)

    def stop(self) -> None:
        """Ends the show. From any thread or signal handler."""
        self._stop.set()

    def report(self) -> dict[str, Any]:
        """The show so far, as data (`Totals.report`)."""
        now_ns = time.monotonic_ns()
        if self.on_air_ns is None:
            return self.totals.report(now_ns, now_ns)
        return self.totals.report(self.on_air_ns, self.status().playout.on_air_until_ns or self.on_air_ns)

    def run(self) -> None:
        """Runs until the operator, `stop` or the time ends the show. Raises SupervisorError where it cannot
        go on."""
        remove_leftovers()
        with (
            own_folder() as folder,
            rigged(self._show, self._player, self._nets, folder, self._link, self.token) as rig,
            closing(Bus(folder)) as bus,
            closing(DeskServer(self.desk, self.totals, bus)),
        ):
            note(folder, rig.rings)
            statuses = bus.receiver("status", "supervisor")
            orders = bus.sender("orders", "supervisor")
            try:
                self._loop(rig, statuses, orders, bus.receiver("actions", "supervisor"))
            finally:
                self._end(statuses, orders)

    def _loop(
        self,
        rig: Rig,
        statuses: zmq.Socket[bytes],
        orders: zmq.Socket[bytes],
        actions: zmq.Socket[bytes],
    ) -> None:
        with closing(Wake()) as wake, self._operators.listening(wake.set):
            poller = zmq.Poller()
            for waited_for in (statuses, actions, wake.fileno()):
                poller.register(waited_for, zmq.POLLIN)
            while not self._is_over(time.monotonic_ns()):
                now_ns = time.monotonic_ns()
                for name, stage in self._stages.items():
                    with self._caught(name):
                        self._watch(stage, rig, statuses, now_ns)
                with self._caught("the orders"):
                    self._restart_performer(now_ns)
                    self._send_orders(orders, now_ns)
                with self._caught("what operators are told"):
                    self._operators.report(self._stages, self.totals, now_ns)
                poller.poll(int(1000 * LOOP_S))
                wake.clear()
                self._hear(statuses)
                self._hear_keys(actions)

    def _is_over(self, now_ns: int) -> bool:
        if self._stop.is_set() or self.desk.orders.quit:
            return True
        if self._seconds is None or self.on_air_ns is None:
            return False
        return now_ns - self.on_air_ns >= self._seconds * NS_PER_S

    @contextmanager
    def _caught(self, what: str) -> Iterator[None]:
        """If anything fails in the block, the show goes on; each different failure is reported once."""
        try:
            yield
        except SupervisorError:
            raise
        except Exception as error:  # noqa: BLE001  # no failure of ours is worth the picture on the board
            text = f"{what}: {' '.join(str(error).split()) or type(error).__name__}; the show goes on"
            if text in self._mishaps or len(self._mishaps) >= MOST_MISHAPS:
                return
            self._mishaps.add(text)
            try:
                self._tell(time.monotonic_ns(), text)
            except Exception:  # noqa: BLE001  # as above
                logger.warning("%s", text)

    def _restart_performer(self, now_ns: int) -> None:
        """Restarts the performer if the operator ordered it; on another machine it gets the order itself."""
        restarts = self.desk.orders.restarts
        performer = self._stages.get(PERFORMER.name)
        if restarts != self._restarts and performer is not None and not performer.stage.far:
            performer.restart(now_ns)
        self._restarts = restarts

    def _send_orders(self, orders: zmq.Socket[bytes], now_ns: int) -> None:
        """Sends the orders if they have changed, or if it is time to repeat them."""
        packed = self.desk.orders.pack()
        if packed != self._sent or now_ns >= self._next_orders_ns:
            orders.send(packed, zmq.NOBLOCK)
            self._sent = packed
            self._next_orders_ns = now_ns + ORDERS_EVERY_NS

    def _hear(self, statuses: zmq.Socket[bytes]) -> None:
        for _ in range(MOST_MESSAGES):
            message = receive_newest(statuses)
            if message is None:
                return
            with self._caught("what stages say"):
                try:
                    status = Status.unpack(message)
                except MessageError as error:
                    who = "the performer's machine" if self._link else "what stages say"
                    self._misheard(f"{who} is not understood: {error}")
                    continue
                if status.stage not in self._stages:
                    self._misheard(f"there is no stage {shown(status.stage)} in this show")
                    continue
                self._take(status)

    def _take(self, status: Status) -> None:
        self.totals.add(status.delta)
        for _, text in status.delta.events:
            self._operators.say(f"{status.stage}: {text}")
        stage = self._stages[status.stage]
        if stage.heard(status):
            if stage.watchdog.ready and (tell := self._once_ready.pop(status.stage, None)):
                tell()
            if status.performer is not None:
                self.totals.backends.update(status.performer.backend)
            if self.on_air_ns is None and status.playout is not None:
                self.on_air_ns = status.playout.on_air_ns

    def _hear_keys(self, actions: zmq.Socket[bytes]) -> None:
        for _ in range(MOST_MESSAGES):
            message = receive_newest(actions)
            if message is None:
                return
            with self._caught("keys in windows"):
                self._operators.pressed(Press.unpack(message))

    def _misheard(self, text: str) -> None:
        """Reports an unreadable message once: it comes again with every status."""
        if text not in self._misheard_texts and len(self._misheard_texts) < MOST_MISHEARD:
            self._misheard_texts.add(text)
            self._tell(time.monotonic_ns(), text)

    def _watch(self, stage: StageProcess, rig: Rig, statuses: zmq.Socket[bytes], now_ns: int) -> None:
        if stage.stage.far:
            stage.listen_for(now_ns)
            notice = self._link_notices[stage.stage.name].step(stage.watchdog.ready, now_ns)
            if notice is not None:
                self._tell(now_ns, notice)
        elif stage.is_due(now_ns):
            stage.start(rig, self.desk.orders, now_ns)
        elif stage.has_ended(now_ns):
            self._hear(statuses)  # its last message
            self._lost(stage, now_ns)
        else:
            stage.keep_spare(now_ns)

    def _lost(self, stage: StageProcess, now_ns: int) -> None:
        """Has a lost stage's process replaced, within its budget. Raises SupervisorError where the show
        cannot go on."""
        exit_status, why = stage.bury()
        name, watchdog = stage.stage.name, stage.watchdog
        if exit_status == 0 and self._link is not None:  # ended by the operator on the other machine
            self._stop.set()
            return
        if exit_status == 1 and not watchdog.was_ever_ready:
            raise SupervisorError(why)  # a new process would fail the same way
        restart_in_s = watchdog.restart_in_s(now_ns)
        if restart_in_s is None:
            text = f"{name} is given up after {stage.stage.restarts} restarts: {why}"
            if stage.stage.vital or not watchdog.was_ever_ready:
                raise SupervisorError(text)
            self._tell(now_ns, text)
            return
        self._tell(now_ns, f"{name} was lost ({why}); starting it again")
        self.totals.restarted(name)
        stage.start_at_ns = now_ns + int(restart_in_s * NS_PER_S)

    def _tell(self, now_ns: int, text: str) -> None:
        self.totals.timeline.append((now_ns, text))
        self._operators.say(text)

    def _end(self, statuses: zmq.Socket[bytes], orders: zmq.Socket[bytes]) -> None:
        """Asks every stage to end, then kills those left; takes their last counts."""
        for stage in self._stages.values():
            stage.end_spare()
        processes = [stage.process for stage in self._stages.values() if stage.process is not None]
        quit_orders = replace(self.desk.orders, quit=True).pack()
        for seconds in (QUIT_S, KILL_S):
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and any(process.is_alive() for process in processes):
                orders.send(quit_orders, zmq.NOBLOCK)
                self._hear_last(statuses)
            for process in processes:
                process.kill()
        self._hear_last(statuses)
        self._operators.end()

    def _hear_last(self, statuses: zmq.Socket[bytes]) -> None:
        if statuses.poll(int(1000 * LOOP_S)):
            self._hear(statuses)
