"""Runs a real show for minutes or hours, hurts it, and says whether it kept its budget.

    python -m tools.soak --minutes 240 --faults light --viewers 4
    python -m tools.soak --minutes 5 --faults performer-killed,camera-black --out /tmp/soak
    python -m tools.soak --reliability                 each fault once: docs/reliability.json and .md
    python -m tools.soak --reliability --faults none   draws the page anew

The show is headless: the demo player, a stand-in for a camera, the recorder on; viewers come and go, players
are switched. Faults come in the first half, so that the second half tells of growth. Figures and a picture go
to --out. Exit status 1, and a line for each, where something is over the budget or a show did not recover.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.reliability import budget
from tools.reliability.chart import write_picture
from tools.reliability.faults import FAULTS, PROGRAMME_FPS, Fault
from tools.reliability.page import draw
from tools.reliability.trial import Outcome, Trial, TrialError, as_data, trial
from tools.reliability.trial_show.running import NoShow
from tools.reliability.trial_show.show import MODULE, ROOT

CLIP = ROOT / "assets" / "fan_dance.mp4"
DOCS = ROOT / "docs"
SAMPLE_S = 3.0
"""The shortest time between two samples."""

MOST_SAMPLES = 1500
SWITCH_S = 60.0
QUIET_S = 30.0


class UsageError(ValueError):
    """What was asked for cannot be done; one line."""


def faults_of(word: str) -> list[Fault]:
    """none, light, heavy, or names with commas. Raises UsageError."""
    if word == "none":
        return []
    if word in ("light", "heavy"):
        return [fault for fault in FAULTS.values() if fault.light or word == "heavy"]
    unknown = [name for name in word.split(",") if name not in FAULTS]
    if unknown:
        raise UsageError(f"there is no fault {', '.join(unknown)}; there are: {', '.join(FAULTS)}")
    return [FAULTS[name] for name in word.split(",")]


def hurt(show: Trial, fault: Fault, done: str) -> Outcome:
    """With a line of what it did."""
    outcome = show.hurt_by(fault)
    over = outcome.breaks(fault)
    well = "not well" if outcome.recovered_s is None else f"well after {outcome.recovered_s:.1f} s"
    print(
        f"{done} {fault.name}: lost {outcome.lost}, off LIVE {outcome.off_live_s:.1f} s, viewer "
        f"{outcome.viewer_gap_s:.1f} s, {well}{f' ({over})' if over else ''}",
        flush=True,
    )
    return outcome


def run(options: argparse.Namespace, module: str = MODULE) -> list[str]:
    """The soak: what is over the budget. Raises TrialError, NoShow, OSError."""
    faults = faults_of(options.faults)
    outcomes: list[Outcome] = []
    switches = 0
    with trial(options.video, options.viewers, module) as show:
        start_s, seconds = time.monotonic(), 60 * options.minutes
        print(f"on air: process {show.show.pid}", flush=True)
        before = show.restarts()
        with show.sampling(max(SAMPLE_S, seconds / MOST_SAMPLES)):
            next_switch_s = start_s + SWITCH_S
            while (gone_s := time.monotonic() - start_s) < seconds or len(outcomes) < len(faults):
                if len(outcomes) < len(faults) and gone_s >= seconds / 2 * len(outcomes) / len(faults):
                    outcomes.append(hurt(show, faults[len(outcomes)], f"{gone_s:.0f} s"))
                elif time.monotonic() >= next_switch_s:
                    show.switch_player()
                    switches += 1
                    next_switch_s = time.monotonic() + SWITCH_S
                time.sleep(0.5)
        quietly = show.restarts() - before - show.restarted
        lost, samples = show.lost_quietly(), show.samples
        length_s = time.monotonic() - start_s
    found = budget.broken(samples, lost, quietly, PROGRAMME_FPS)
    found += [f"{each.fault}: {over}" for each in outcomes if (over := each.breaks(FAULTS[each.fault]))]
    summary = {
        **_machine(),
        "command": shlex.join(["python", "-m", "tools.soak", *options.given]),
        "minutes": length_s / 60,
        "faults": len(outcomes),
        "viewers": options.viewers,
        "switches": switches,
        "lost_quietly": lost,
        "latency_drift_ms": budget.latency_drift_ms(samples),
        "processes": {name: _process(samples, name) for name in budget.names_of(samples)},
        "broken": found,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    everything = {
        **summary,
        "outcomes": [asdict(each) for each in outcomes],
        "samples": [as_data(sample) for sample in samples],
    }
    (options.out / "soak.json").write_text(json.dumps(everything) + "\n", encoding="utf-8")
    title = f"{length_s / 60:.0f} minutes, {len(outcomes)} faults, up to {options.viewers} viewers"
    write_picture(samples, options.out / "soak.png", title)
    if options.publish:
        write_picture(samples, DOCS / "soak.png", title)
        _publish({"soak": summary})
    return found


def _process(samples: list[Any], name: str) -> dict[str, Any]:
    slope = budget.slopes(samples)[name]
    _, _, handles, threads = budget.held_by(budget.calm(samples), name, budget.WARM_UP_S)
    newest = next(s.processes[name] for s in reversed(samples) if name in s.processes)
    return {
        "memory_mb": newest.memory_mb,
        "slope": None if slope is None else slope.per_hour,
        "within": None if slope is None else slope.within,
        "handles": budget.growth(handles),
        "threads": budget.growth(threads),
    }


def reliability(options: argparse.Namespace) -> list[str]:
    """Each fault once, into docs/; with none the page is drawn anew. After a fault from which a show does not
    recover, another show is begun for the next. Raises TrialError, NoShow, OSError."""
    left = faults_of("heavy" if options.faults == "light" else options.faults)
    outcomes: list[Outcome] = []
    quiet: Outcome | None = None
    while left:
        with trial(options.video, 1) as show:
            quiet = quiet or show.quiet(QUIET_S)
            while left:
                fault = left.pop(0)
                show.wait_for_spare()
                try:
                    outcomes.append(hurt(show, fault, f"{len(outcomes) + 1}."))
                except TrialError as error:
                    print(f"{fault.name}: {error}", flush=True)
                    outcomes.append(Outcome(fault.name, 0, 0.0, 0.0, None, {}))
                if outcomes[-1].recovered_s is None:
                    break
    if quiet is None:
        _publish({})
    else:
        measured = {"quiet": asdict(quiet), "quiet_s": QUIET_S}
        _publish({**_machine(), **measured, "outcomes": [asdict(each) for each in outcomes]})
    return [f"{each.fault}: {over}" for each in outcomes if (over := each.breaks(FAULTS[each.fault]))]


def _machine() -> dict[str, str]:
    return {
        "machine": f"{os.cpu_count()} cores of a machine that others use too",
        "load": f"{os.getloadavg()[1]:.1f}",
    }


def _publish(new: dict[str, Any]) -> None:
    """Into docs/reliability.json, in place of older figures, and the page."""
    path = DOCS / "reliability.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept |= new
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    (DOCS / "reliability.md").write_text(draw(kept), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--minutes", type=float, default=10.0, metavar="N", help="(default: %(default)g)")
    add("--faults", default="light", help="none, light, heavy, or names with commas (default: %(default)s)")
    add(
        "--viewers",
        type=int,
        default=3,
        metavar="K",
        help="at most; the first one stays (default: %(default)s)",
    )
    add("--video", type=Path, default=CLIP, help="what the camera shows (default: the bundled fan clip)")
    add("--out", type=Path, default=Path("soak"), metavar="FOLDER", help="(default: %(default)s)")
    add("--publish", action="store_true", help="put the soak's figures and picture into docs/ too")
    add("--reliability", action="store_true", help="each fault once, into docs/reliability.md")
    return parser


def main(arguments: list[str] | None = None, module: str = MODULE) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the show must not outlive it
    options = _parser().parse_args(given)
    options.given = given
    try:
        if not options.minutes > 0 or options.viewers < 1:
            raise UsageError("--minutes and --viewers: more than 0 is needed")
        if not options.video.is_file():
            raise UsageError(f"--video {options.video}: there is no such file")
        faults_of(options.faults)
    except UsageError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    try:
        found = reliability(options) if options.reliability else run(options, module)
    except (TrialError, NoShow, OSError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    for line in found:
        print(line)
    return 1 if found else 0
