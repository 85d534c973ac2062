"""What happened in a recording, and when: read from its lines. All times are in the rehearsal's clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from engines.time_units import NS_PER_S
from realtime.inputs.folder import ACTIONS, CAMERA, PROGRAMME, TICKS, RecordingError
from realtime.inputs.lines import read_lines
from realtime.inputs.track_reader import Track

NOT_REPLAYED = ("quit", "help", "record")
"""A replay ends by itself, and has no recorder."""

SETTLE_NS = NS_PER_S // 4
"""How long after a change of state or its fade a picture is not compared: ticks are not the same ones."""


HOLE_NS = NS_PER_S // 2
"""A shorter time without a picture ends no LIVE (`ladder.STALE_MOST_MS`)."""


class Tick(NamedTuple):
    """shown_ns: when the picture that is seen was captured; None where no camera's is. settled: neither the
    state nor the player has just changed."""

    number: int
    at_ns: int
    state: str
    shown_ns: int | None
    player: int
    settled: bool


class Done(NamedTuple):
    """An action that was done."""

    at_ns: int
    who: str
    action: str
    arguments: Mapping[str, Any]


class Change(NamedTuple):
    """From when on the programme was in a state, or showed a player."""

    at_ns: int
    to: str


@dataclass(frozen=True)
class Timeline:
    """camera: when each picture of the camera that was kept was captured; ascending. painted: likewise, of
    those of which the programme got a picture of the player. samples: the track with small pictures of the
    programme."""

    folder: Path
    camera: list[int]
    painted: list[int]
    ticks: list[Tick]
    actions: list[Done]
    samples: Track

    @property
    def end_ns(self) -> int:
        return self.ticks[-1].at_ns

    def hole(self) -> Change | None:
        """The longest time of which pictures were shown that the recording lacks, and its seconds; None where
        none is longer than `HOLE_NS`: a replay shows a still there, or the fallback."""
        longest_ns, at_ns = HOLE_NS, None
        for before_ns, after_ns in pairwise(self.camera):
            place = bisect_right(self.painted, before_ns)
            is_shown = place < len(self.painted) and self.painted[place] < after_ns
            if is_shown and after_ns - before_ns > longest_ns:
                longest_ns, at_ns = after_ns - before_ns, before_ns
        return None if at_ns is None else Change(at_ns, f"{longest_ns / NS_PER_S:.1f}")

    def states(self, start_ns: int, end_ns: int) -> list[Change]:
        """HOLD counts as LIVE: it is a frame that was late, as some are. What becomes of it, FALLBACK, is
        there."""
        return _changes(
            self.ticks, start_ns, end_ns, lambda tick: "LIVE" if tick.state == "HOLD" else tick.state
        )

    def players(self, start_ns: int, end_ns: int) -> list[Change]:
        return _changes(self.ticks, start_ns, end_ns, lambda tick: str(tick.player))

    def seen(self, start_ns: int, end_ns: int) -> dict[int, Tick]:
        """When captured → the first tick that showed it live."""
        found: dict[int, Tick] = {}
        for tick in self.ticks:
            if tick.state == "LIVE" and tick.shown_ns is not None and start_ns <= tick.at_ns <= end_ns:
                found.setdefault(tick.shown_ns, tick)
        return found

    def samples_of(self, start_ns: int, end_ns: int) -> dict[int, list[Tick]]:
        """When captured → the ticks that showed it live, whose pictures were kept and may be compared."""
        kept = {line["tick"] for line in self.samples.lines if "tick" in line}
        found: dict[int, list[Tick]] = {}
        for tick in self.ticks:
            if tick.shown_ns is None or tick.number not in kept or not tick.settled:
                continue
            if tick.state == "LIVE" and start_ns <= tick.at_ns <= end_ns:
                found.setdefault(tick.shown_ns, []).append(tick)
        return found


def read(folder: Path, origin_ns: int = 0) -> Timeline:
    """origin_ns: of a replay, which time of its own is 0 in the rehearsal. Raises RecordingError."""
    try:
        lines = list(read_lines(folder / TICKS))
        ticks = list(_ticks(lines, origin_ns))
        painted = [line["ticket"]["captured_ns"] - origin_ns for line in lines if "ticket" in line]
        actions = [
            Done(line["at_ns"] - origin_ns, line["who"], line["action"], line["arguments"])
            for line in read_lines(folder / ACTIONS)
            if line["type"] == "action" and line["result"] == "done" and line["action"] not in NOT_REPLAYED
        ]
        camera = [line["captured_ns"] for line in Track(folder, CAMERA).lines]
    except (OSError, KeyError, TypeError) as error:
        raise RecordingError(f"{folder} cannot be read: {error}") from error
    if not ticks:
        raise RecordingError(f"{folder} has no tick of a programme: record for longer")
    return Timeline(folder, camera, sorted(painted), ticks, actions, Track(folder, PROGRAMME))


def _ticks(lines: Iterable[dict[str, Any]], origin_ns: int) -> Iterator[Tick]:
    before: tuple[str, int] | None = None
    settled_ns = 0
    for line in lines:
        at_ns, now = line["at_ns"] - origin_ns, (line["state"], line["player"])
        if now != before:
            before, settled_ns = now, at_ns + round(line["fade_s"] * NS_PER_S) + SETTLE_NS
        shown_ns = None if line["shown_ns"] is None else line["shown_ns"] - origin_ns
        yield Tick(line["tick"], at_ns, *now[:1], shown_ns, now[1], at_ns >= settled_ns)


def _changes(ticks: list[Tick], start_ns: int, end_ns: int, of: Any) -> list[Change]:
    """With the value at the start first."""
    found: list[Change] = []
    for tick in ticks:
        if tick.at_ns > end_ns:
            break
        change = Change(max(tick.at_ns, start_ns), of(tick))
        if tick.at_ns <= start_ns or not found:
            found = [change]
        elif found[-1].to != change.to:
            found.append(change)
    return found
