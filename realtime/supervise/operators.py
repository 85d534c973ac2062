"""The show's operators, as the supervisor sees them: desk, terminal, keys in windows, show log."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from engines.pose.tracking.choosing import RULES
from engines.time_units import NS_PER_S
from realtime.config.backgrounds import PLATE
from realtime.config.outputs import Recorder
from realtime.config.show import Show
from realtime.control.actions import LAYER_KEYS
from realtime.control.desk import Desk, Event, action_line
from realtime.control.keys import INTERRUPT_FROM_NS, INTERRUPT_WITHIN_NS, Interrupts, Keymap
from realtime.control.show_log import ShowLog
from realtime.control.show_state import (
    Figures,
    ShowStatus,
    hints_now,
    rights_near,
    show_facts,
    status_line,
)
from realtime.control.terminal.outlet import Console
from realtime.inputs.lines import JsonLines
from realtime.supervise.rig import Player
from realtime.supervise.stage_process import StageProcess
from realtime.transport.bus import Press
from realtime.transport.orders import Orders
from realtime.transport.statuses import PerformerStatus, PlayoutStatus, TempoStatus
from realtime.transport.telemetry import Totals

STATUS_LINE_EVERY_NS = 250_000_000
FIGURES_EVERY_NS = 500_000_000

MOST_LINES = 50
"""Lines that may wait to be printed. In a flood only the newest are printed, and the number of those left
out."""

TERMINAL = "terminal"
"""The origin of requests from the operator's terminal."""


def choices_of(show: Show, player: Player) -> dict[str, dict[str, str]]:
    """What a show lets its operators choose from; see `Desk`."""
    backgrounds = (PLATE, *(background.name for background in show.backgrounds))
    choices: dict[str, dict[str, str]] = {
        "player": {player.name: "", **{name: name for name in player.others}},
        "background": {name: name for name in backgrounds},
        "dancer-rule": {name: name for name in RULES},
        "camera": {name: name for name in show.camera_names},
    }
    if show.all_layers:
        choices["layer"] = {layer.name: layer.name for layer in show.all_layers}
    return choices


def lacking_of(show: Show) -> dict[str, str]:
    """Which actions a show has no use for, and why; see `Desk`."""
    lacking = {
        f"layer-{n}": f"the show has no layer {n} that can be switched: list it as one of [[layers]]"
        for n in range(1, LAYER_KEYS + 1)
        if n > sum(not layer.locked for layer in show.layers)
    }
    if not show.all_layers:
        lacking["layer"] = "the show has no layers: list them as [[layers]]"
    if len(show.every_camera) == 1:
        lacking["camera"] = 'the show has one camera: list several, such as cameras = ["0", "ndi://B"]'
    if show.duet is None:
        lacking |= dict.fromkeys(("pick-2", "unpick-2"), "the show is no duet: write [duet] with its player")
    if not any(isinstance(output, Recorder) for output in show.outputs):
        lacking["record"] = 'the show has no recorder: list [[outputs]] with kind = "recorder"'
    return lacking


class Operators:
    """For the supervisor's thread; `act`, `key`, `interrupt` and `hang_up` may be called from any thread."""

    def __init__(
        self,
        show: Show,
        player: Player,
        console: Console,
        log: ShowLog | None,
        *,
        has_keys: bool,
        inputs: JsonLines | None = None,
    ) -> None:
        """log: records what the desk does. has_keys: whether the terminal's keys are read. inputs: gets the
        desk's events too, with their monotonic times, where inputs are recorded."""
        self._rights = player.rights
        self._second = player.second
        self._allow_expired = show.allow_expired
        self.desk = Desk(
            Orders.at_start(show),
            Keymap(show.keys),
            choices_of(show, player),
            log,
            lacking=lacking_of(show),
            barred=self._barred,
        )
        self._console = console
        self._logs = [each for each in (log, inputs) if each is not None]
        self._inputs = inputs
        self._figures = Figures()
        self._has_keys = has_keys
        self._interrupts = Interrupts()
        self._interrupted_ns: deque[int] = deque(maxlen=MOST_LINES)
        self._hung_up = False
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._left_out = 0
        self._next_line_ns = self._next_figures_ns = 0

    def _barred(self, action: str, name: str) -> str:
        """Why a player may not be switched to: the agreement on the likeness has ended during the show."""
        if action != "player" or name not in self._rights or self._allow_expired:
            return ""
        return self._rights[name].expiry(name, datetime.now().date())

    def act(self, action: str) -> None:
        """See `Supervisor.act`."""
        self._say_later(self.desk.press(action, who=TERMINAL, now_ns=time.monotonic_ns()))

    def key(self, character: str) -> None:
        """See `Supervisor.key`."""
        self._key(character, TERMINAL)

    def pressed(self, press: Press) -> None:
        """A key pressed in the window of an output."""
        self._key(press.key, press.who)

    def interrupt(self) -> None:
        """See `Supervisor.interrupt`."""
        self._interrupted_ns.append(time.monotonic_ns())

    def hang_up(self) -> None:
        """See `Supervisor.hang_up`."""
        self._hung_up = True

    def _key(self, character: str, who: str) -> None:
        self._say_later(self.desk.key(character, who=who, now_ns=time.monotonic_ns()))

    def _say_later(self, line: str) -> None:
        """Prints a line later, in the supervisor's thread. It may be called from any thread."""
        if line:
            self._left_out += len(self._lines) == MOST_LINES
            self._lines.append(line)

    @contextmanager
    def listening(self, wake: Callable[[], None]) -> Iterator[None]:
        """Within this context the desk's changes wake the loop, and what others do there is printed on the
        console."""

        def happened(event: Event) -> None:
            if event["type"] == "action" and event["who"] != TERMINAL:
                self._say_later(action_line(event))
            if event["type"] != "stats":
                if self._inputs is not None:
                    self._inputs.append({"at_ns": time.monotonic_ns(), **event})
                wake()

        stop_listening = self.desk.listen(happened)
        try:
            yield
        finally:
            stop_listening()

    def say(self, text: str) -> None:
        """Tells all operators."""
        self.desk.tell(text)
        self._console.say(text)

    def report(self, stages: Mapping[str, StageProcess], totals: Totals, now_ns: int) -> None:
        """Tells all operators what is new in the show."""
        self._hear_terminal()
        self._say_lines()
        for log in self._logs:
            if (trouble := log.take_error()) is not None:
                self.say(trouble)
        status = show_status(stages)
        self._follow(status.tempo)
        facts = show_facts(self.desk.choices, self.desk.orders, status, totals.restarts)
        facts["second"] = self._second
        facts["rights"] = rights_near(self._rights, datetime.now().date())
        facts["hints"] = hints_now(facts, self.desk.keymap.of)
        self.desk.report(facts)
        if now_ns >= self._next_figures_ns:
            self.desk.measure(self._figures.take(totals, status))
            self._next_figures_ns = now_ns + FIGURES_EVERY_NS
        if now_ns >= self._next_line_ns:
            self._console.status(status_line(self.desk.orders, status, totals))
            self._next_line_ns = now_ns + STATUS_LINE_EVERY_NS

    def _follow(self, tempo: TempoStatus) -> None:
        """Orders the tempo of what the show file says it comes from, when it changes."""
        if tempo.bpm is not None and tempo.bpm != self.desk.orders.bpm:
            self.desk.act("tempo", {"bpm": tempo.bpm}, who=tempo.source)

    def _hear_terminal(self) -> None:
        """Handles what the terminal has sent as signals."""
        if self._hung_up:
            self._hung_up = False
            self.say(
                "the terminal is gone; the show goes on until it is ended in the console or by "
                f"kill {os.getpid()}"
            )
        for _ in range(len(self._interrupted_ns)):
            at_ns = self._interrupted_ns.popleft()
            if self._has_keys:
                self._say_later(self.desk.press("quit", who=TERMINAL, now_ns=at_ns))
            elif self._interrupts.press(at_ns):
                self.desk.act("quit", who=TERMINAL, confirmed=True)
            else:
                first_s, last_s = INTERRUPT_FROM_NS // NS_PER_S, INTERRUPT_WITHIN_NS // NS_PER_S
                self._say_later(f"Ctrl-C: press it again in {first_s} to {last_s} seconds to end the show")

    def _say_lines(self) -> None:
        """Prints the lines that wait now; more may arrive meanwhile."""
        left_out, self._left_out = self._left_out, 0
        if left_out:
            self._console.say(f"({left_out} more)")
        for _ in range(len(self._lines)):
            self._console.say(self._lines.popleft())

    def end(self) -> None:
        """Frees the terminal's line."""
        self._console.status("")


def show_status(stages: Mapping[str, StageProcess]) -> ShowStatus:
    """The state of the show, from the statuses of its stages."""
    said = [stage.said for stage in stages.values()]
    return ShowStatus(
        {name: stage.state for name, stage in stages.items()},
        next((each.playout for each in said if each.playout is not None), PlayoutStatus()),
        next((each.performer for each in said if each.performer is not None), PerformerStatus()),
        tuple(each.output for each in said if each.output is not None),
        next((each.tempo for each in said if each.tempo is not None), TempoStatus()),
    )
