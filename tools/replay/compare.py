"""Compares a replay with its rehearsal. Pure, but for the pictures, which are read as they are compared.

Ticks of two runs never fall on the same moments, and a machine that is busy loses other frames each time. So
what is compared is what each picture of the camera became: whether it was seen, when after its capture, and
how the programme looked with it. HOLD counts as LIVE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.time_units import NS_PER_MS, NS_PER_S
from tools.replay.pictures import Pair, pairs
from tools.replay.timeline import Change, Done, Tick, Timeline

LEAST_PICTURES = 3
"""Fewer say nothing."""

WARM_UP_NS = 5 * NS_PER_S
"""How long a replay may take to come to the state in which the recording began."""

END_NS = NS_PER_S // 2
"""The end of a show is not compared: its processes do not end at the same moment."""


@dataclass(frozen=True)
class Check:
    """One row of the table. rehearsal, replay: what both gave, for people. off: how far the replay is from
    the rehearsal, as `TOLERANCES` counts; None where there was nothing to compare. why: what is wrong beyond
    a number."""

    name: str
    rehearsal: str
    replay: str
    off: float | None
    most: float
    why: str = ""

    @property
    def ok(self) -> bool:
        return not self.why and (self.off is None or self.off <= self.most)


@dataclass(frozen=True)
class Comparison:
    """start_ns, end_ns: the time that was compared, in the rehearsal's clock. counts: of pictures."""

    start_ns: int
    end_ns: int
    checks: list[Check]
    pairs: list[Pair]
    counts: dict[str, int]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


def compare(rehearsal: Timeline, replay: Timeline, most: Mapping[str, float], tick_ns: int) -> Comparison:
    """most: by the names of `TOLERANCES`. tick_ns: of the programme."""
    start_ns = _start_ns(rehearsal, replay)
    end_ns = min(rehearsal.end_ns, replay.end_ns) - END_NS
    span = start_ns, end_ns
    ours, theirs = rehearsal.seen(*span), replay.seen(*span)
    recorded = set(rehearsal.camera)
    known = {at_ns: tick for at_ns, tick in ours.items() if at_ns in recorded}
    found = list(pairs(rehearsal, replay, *span))
    checks = [
        actions(_within(rehearsal.actions, *span), replay.actions, most["actions"]),
        changes("states", rehearsal.states(*span), replay.states(*span), most["states"], start_ns),
        changes("players", rehearsal.players(*span), replay.players(*span), most["players"], start_ns),
        frames(known, theirs, most["frames"]),
        ticks(known, theirs, most["ticks"], tick_ns),
        *(latency(ours, theirs, percent, most[f"latency p{percent}"]) for percent in (50, 95)),
        *(
            pictures(name, found, percent, most[name], expected=bool(known))
            for name, percent in (("pictures", 50), ("worst", 95))
        ),
    ]
    counts = {
        "recorded": len(recorded),
        "seen_in_rehearsal": len(ours),
        "seen_in_replay": len(theirs),
        "compared": len(found),
    }
    return Comparison(start_ns, end_ns, checks, found, counts)


def _start_ns(rehearsal: Timeline, replay: Timeline) -> int:
    """The first picture of the camera. Where the recording began while the show was on air already, the
    replay first has to come to that state."""
    first_ns = max([rehearsal.ticks[0].at_ns, *rehearsal.camera[:1]])
    state = rehearsal.states(first_ns, first_ns)[0].to
    for tick in replay.ticks:
        if first_ns <= tick.at_ns <= first_ns + WARM_UP_NS and tick.state == state:
            return tick.at_ns
    return first_ns


def actions(ours: Sequence[Done], theirs: Sequence[Done], most: float) -> Check:
    """Each action of the rehearsal was done again, in time and in order; theirs may have later ones."""
    off_ms, place, why = 0.0, 0, ""
    for each in ours:
        same = (
            n
            for n in range(place, len(theirs))
            if (theirs[n].action, theirs[n].arguments) == (each.action, each.arguments)
        )
        n = next(same, None)
        if n is None:
            why = f"{each.action} was not done again"
            break
        place = n + 1
        off_ms = max(off_ms, abs(theirs[n].at_ns - each.at_ns) / NS_PER_MS)
    return Check("actions", f"{len(ours)} done", f"{len(theirs)} done", off_ms, most, why)


def changes(name: str, ours: Sequence[Change], theirs: Sequence[Change], most: float, start_ns: int) -> Check:
    """The programme went through the same states (or players), in time."""
    why, off_ms = "", 0.0
    for one, other in zip(ours, theirs, strict=False):
        at_s = (one.at_ns - start_ns) / NS_PER_S
        if one.to != other.to:
            why = f"{one.to} at {at_s:.1f} s became {other.to}"
            break
        off_ms = max(off_ms, abs(other.at_ns - one.at_ns) / NS_PER_MS)
    if not why and len(ours) != len(theirs):
        longer, whose = (ours, "rehearsal") if len(ours) > len(theirs) else (theirs, "replay")
        extra = longer[min(len(ours), len(theirs))]
        why = f"only the {whose} has {extra.to} at {(extra.at_ns - start_ns) / NS_PER_S:.1f} s"
    return Check(name, _short(ours), _short(theirs), off_ms, most, why)


def frames(ours: Mapping[int, Tick], theirs: Mapping[int, Tick], most: float) -> Check:
    """ours: only of pictures that were recorded."""
    again = len(ours.keys() & theirs.keys())
    missing = None if not ours else 100 * (1 - again / len(ours))
    return Check("frames", f"{len(ours)} seen", f"{again} of them", missing, most)


def ticks(ours: Mapping[int, Tick], theirs: Mapping[int, Tick], most: float, tick_ns: int) -> Check:
    """By how many ticks a picture is seen earlier or later after its capture."""
    apart = [abs(theirs[each].at_ns - ours[each].at_ns) / tick_ns for each in ours.keys() & theirs.keys()]
    if not apart:
        return Check("ticks", "-", "-", None, most)
    middle, late = np.percentile(apart, (50, 95))
    return Check("ticks", "-", f"{middle:.1f} apart, 95 %: {late:.1f}", float(late), most)


def latency(ours: Mapping[int, Tick], theirs: Mapping[int, Tick], percent: int, most: float) -> Check:
    """Only a replay that takes longer is off: it has no viewers and no outputs."""
    name = f"latency p{percent}"
    if not ours or not theirs:
        return Check(name, "-", "-", None, most)
    one, other = (
        float(np.percentile([(tick.at_ns - at_ns) / NS_PER_MS for at_ns, tick in seen.items()], percent))
        for seen in (ours, theirs)
    )
    return Check(name, f"{one:.0f} ms", f"{other:.0f} ms", max(0.0, other - one), most)


def pictures(name: str, found: Sequence[Pair], percent: int, most: float, *, expected: bool) -> Check:
    """expected: the rehearsal was live, so that there should be some."""
    if len(found) < LEAST_PICTURES and expected:
        why = (
            f"only {len(found)} pictures have the same ones before them: this machine is too slow, or the "
            "recording too short"
        )
        return Check(name, "-", "-", None, most, why)
    if not found:
        return Check(name, "-", "-", None, most)
    off = float(np.percentile([pair.difference for pair in found], percent))
    return Check(name, f"{len(found)} pictures", f"{percent} %: {off:.1f} apart", off, most)


def as_data(comparison: Comparison) -> dict[str, Any]:
    """For JSON."""
    start_ns = comparison.start_ns
    return {
        "ok": comparison.ok,
        "seconds": round((comparison.end_ns - start_ns) / NS_PER_S, 3),
        "counts": comparison.counts,
        "checks": [
            {
                "name": check.name,
                "ok": check.ok,
                "rehearsal": check.rehearsal,
                "replay": check.replay,
                "off": check.off,
                "most": check.most,
                "why": check.why,
            }
            for check in comparison.checks
        ],
        "pictures": [
            {"at_s": round((pair.at_ns - start_ns) / NS_PER_S, 3), "difference": round(pair.difference, 2)}
            for pair in comparison.pairs
        ],
    }


def _within(done: Sequence[Done], start_ns: int, end_ns: int) -> list[Done]:
    """What was done before the first picture is done again at once, which counts as in time."""
    return [each._replace(at_ns=max(each.at_ns, start_ns)) for each in done if each.at_ns <= end_ns]


def _short(found: Sequence[Change]) -> str:
    names = [change.to for change in found]
    return " ".join(names if len(names) <= 6 else [*names[:3], f"... {len(names)} in all"])
