"""The show's operators, as the supervisor sees them: desk, terminal, keys in windows, show log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from queue import SimpleQueue

from realtime.background_settings import PLATE
from realtime.bus import Press
from realtime.control.actions import Orders
from realtime.control.desk import Desk, Event, action_line
from realtime.control.facts import Figures, show_facts, status_line
from realtime.control.hotkeys import Console
from realtime.control.keys import Keymap
from realtime.control.show_log import ShowLog
from realtime.outputs.settings import Recorder
from realtime.rigging import Player
from realtime.show import Show
from realtime.stage_process import StageProcess
from realtime.telemetry import Totals

STATUS_LINE_EVERY_NS = 250_000_000
FIGURES_EVERY_NS = 500_000_000
TERMINAL = "terminal"
"""Who asks, where it is the operator's terminal."""


class Operators:
    """For the supervisor's thread, but for `act`."""

    def __init__(self, show: Show, player: Player, console: Console, log: ShowLog | None) -> None:
        """log: of what the desk does."""
        backgrounds = (PLATE, *(background.name for background in show.backgrounds))
        choices = {
            "player": {player.name: "", **{name: name for name in player.others}},
            "background": {name: name for name in backgrounds},
        }
        lacking = {}
        if not any(isinstance(output, Recorder) for output in show.outputs):
            lacking["record"] = 'the show has no recorder: list [[outputs]] with kind = "recorder"'
        self.desk = Desk(Orders.at_start(show), Keymap(show.keys), choices, log, lacking=lacking)
        self._console = console
        self._log = log
        self._figures = Figures()
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._next_line_ns = self._next_figures_ns = 0

    def act(self, action: str) -> None:
        """See `Supervisor.act`."""
        self._press(action, TERMINAL)

    def pressed(self, press: Press) -> None:
        """A key in the window of an output."""
        action = self.desk.keymap.action_for(press.key)
        if action is not None:
            self._press(action, press.who)

    def _press(self, action: str, who: str) -> None:
        answer = self.desk.press(action, who=who, now_ns=time.monotonic_ns())
        if answer:
            self._lines.put(answer)

    @contextmanager
    def listening(self, wake: Callable[[], None]) -> Iterator[None]:
        """What the desk does wakes the loop, and what others do there is said on the console."""

        def happened(event: Event) -> None:
            if event["type"] == "action" and event["who"] != TERMINAL:
                self._lines.put(action_line(event))
            if event["type"] != "stats":
                wake()

        stop_listening = self.desk.listen(happened)
        try:
            yield
        finally:
            stop_listening()

    def say(self, text: str) -> None:
        """To all of them."""
        self.desk.tell(text)
        self._console.say(text)

    def report(self, stages: Mapping[str, StageProcess], totals: Totals, now_ns: int) -> None:
        """What is new of the show, to all of them."""
        while not self._lines.empty():
            self._console.say(self._lines.get())
        if self._log is not None and (trouble := self._log.take_error()) is not None:
            self.say(trouble)
        infos = {name: stage.info for name, stage in stages.items()}
        ready = {name: stage.watchdog.ready for name, stage in stages.items()}
        playout = infos.get("playout", {})
        self.desk.report(show_facts(self.desk.choices, self.desk.orders, infos, ready, totals.restarts))
        if now_ns >= self._next_figures_ns:
            self.desk.measure(self._figures.take(totals, playout))
            self._next_figures_ns = now_ns + FIGURES_EVERY_NS
        if now_ns >= self._next_line_ns:
            self._console.status(status_line(self.desk.orders, playout, totals))
            self._next_line_ns = now_ns + STATUS_LINE_EVERY_NS

    def end(self) -> None:
        """The terminal's line is free again."""
        self._console.status("")
