"""docs/reliability.md, drawn from the table of faults and from what was measured (docs/reliability.json)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.reliability.faults import FAULTS, NOT_INJECTED, ONE_TICK
from tools.reliability.trial import Outcome

HEAD = f"""\
# Reliability

Drawn by `python -m tools.soak --reliability`, which puts each fault into one real show, one after the other.
The show is headless: the demo player, a camera's stand-in that plays the bundled clip as MJPEG, the recorder
on, one viewer by WebRTC.

    python -m tools.inject_fault                   # lists the faults
    python -m tools.inject_fault performer-killed  # into the show that runs on this machine

Faults of the camera and of the networks need the stand-ins of `tools.soak`; `malformed-requests` and
`client-never-reads` need `--token TOKEN`.

**lost**: the most ticks of the programme that were missed in one go. **off LIVE**: the longest
time in which anything but LIVE was on air. **viewer**: the longest time between two pictures of the viewer.
**well again**: from the fault's end until the show was LIVE, all processes ready, all outputs running and the
viewer served; nobody touched it. Off LIVE the player's standby loop is on air. States are those of the show
log, which a supervisor that is stopped does not write. The first row is what the machine does by itself.

The playout runs in real time (SCHED_RR), where the system allows it: as root, or with a line
`USER - rtprio 1` in /etc/security/limits.conf. Else other processes of a busy machine cost it ticks: with
a higher priority alone (nice -10), at a load of 16, a performer that started again cost 10 to 15 at once.

The bar: a fault outside the playout costs {ONE_TICK} tick at most, and a playout that is killed 2 s, with
the viewers back by themselves.
"""


def draw(kept: Mapping[str, Any]) -> str:
    """kept: what the JSON file holds: `machine`, `load`, `quiet`, `outcomes`, `soak`; any may be missing."""
    lines = [HEAD]
    if "outcomes" in kept:
        lines += _outcomes(kept)
    lines += ["## What is not put in\n"]
    lines += [f"- **{what}**: {why}." for what, why in NOT_INJECTED.items()]
    if "soak" in kept:
        lines += ["", *_soak(kept["soak"])]
    return "\n".join(lines).rstrip() + "\n"


def _outcomes(kept: Mapping[str, Any]) -> list[str]:
    outcomes = {each["fault"]: Outcome(**each) for each in kept["outcomes"]}
    broken = [fault for fault in outcomes if outcomes[fault].breaks(FAULTS[fault])]
    lines = [
        f"## Each fault once\n\n{kept['machine']}, load {kept['load']}. "
        f"{len(outcomes)} faults; over its bar: {', '.join(broken) or 'none'}.\n",
        "| fault | what it is | lost | off LIVE, s | viewer, s | well again after, s | started again |",
        "|---|---|---|---|---|---|---|",
    ]
    quiet = Outcome(**kept["quiet"])
    lines.append(f"| (none) | the same show, left alone for {kept['quiet_s']:g} s | {_figures(quiet)} |")
    for name, outcome in outcomes.items():
        fault = FAULTS[name]
        lasts = f", for {fault.seconds:g} s" if fault.seconds else ""
        lines.append(f"| `{name}` | {fault.help}{lasts} | {_figures(outcome)} |")
    missing = [name for name in FAULTS if name not in outcomes]
    if missing:
        lines += ["", f"Not run: {', '.join(missing)}."]
    return [*lines, ""]


def _figures(outcome: Outcome) -> str:
    restarts = ", ".join(f"{stage} {n}" if n > 1 else stage for stage, n in outcome.restarts.items())
    well = "not by itself" if outcome.recovered_s is None else f"{outcome.recovered_s:.1f}"
    return (
        f"{outcome.lost} | {outcome.off_live_s:.1f} | {outcome.viewer_gap_s:.1f} | {well} | {restarts or '-'}"
    )


def _soak(soak: Mapping[str, Any]) -> list[str]:
    lines = [
        f"## Soak\n\n`{soak['command']}`: {soak['minutes']:.0f} minutes on {soak['machine']}, load "
        f"{soak['load']}; {soak['faults']} faults in the first half, up to {soak['viewers']} viewers, "
        f"{soak['switches']} changes of player. Ticks lost while no fault was there: "
        f"{soak['lost_quietly']}. Latency from first to last third: "
        f"{_signed(soak['latency_drift_ms'])} ms.\n",
        "| process | memory, MiB | slope, MB/h (95 %) | handles, late against early | threads, likewise |",
        "|---|---|---|---|---|",
    ]
    for name, each in soak["processes"].items():
        slope = (
            "too short to tell" if each["slope"] is None else f"{each['slope']:+.1f} ± {each['within']:.1f}"
        )
        lines.append(
            f"| {name} | {each['memory_mb']:.0f} | {slope} | {each['handles']:+d} | {each['threads']:+d} |"
        )
    broken = soak["broken"]
    verdict = "Over the budget: " + "; ".join(broken) + "." if broken else "Nothing was over the budget."
    return [
        *lines,
        "",
        f"{verdict} {soak.get('note', '')}".strip(),
        "",
        "![memory, handles and latency of the soak](soak.png)",
    ]


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.0f}"
