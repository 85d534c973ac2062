"""Runs a show again from a recording of its inputs, and says whether it gave the same.

    python run_live.py --show show.toml --record-inputs rehearsals/monday
    python -m tools.replay rehearsals/monday
    python -m tools.replay rehearsals/monday --player players/jones     with another version of the player
    python -m tools.replay rehearsals/monday --allow pictures=8 --allow "latency p50=300"

The camera's pictures come as they did, and every action is done again at its time. The page, other outputs
and the recorder are left out. A table says what is compared; its figures, and a sheet of the same moments
side by side, go to the recording's folder replay (or --out). Exit status: 0 where all is within the
tolerances, 1 where something is not, 2 where it cannot be run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engines.time_units import NS_PER_S
from realtime.cameras.camera_name import CaptureError
from realtime.cameras.replay import read_origin
from realtime.config.show import Show, ShowError
from realtime.inputs.folder import (
    COMPARISON,
    ORIGIN,
    REPLAY,
    SHEET,
    RecordingError,
    code_version,
    find,
    is_recording,
    remove,
)
from realtime.layers.layers import LayerError
from realtime.performer.networks import Nets, load_nets
from realtime.programme.backgrounds import BackgroundError
from realtime.supervise.rig import Player
from realtime.supervise.supervisor import SupervisorError
from run_live import UsageError
from tools.replay import timeline
from tools.replay.compare import Comparison, as_data, compare
from tools.replay.pictures import chosen, write_sheet
from tools.replay.rerun import ReplayError, rerun
from tools.replay.tolerances import TOLERANCES, tolerances

ERRORS = (
    ShowError,
    UsageError,
    CaptureError,
    BackgroundError,
    LayerError,
    RecordingError,
    SupervisorError,
    ReplayError,
    OSError,
    ValueError,
)


class Said:
    """A console that prints what the show says, if it is to."""

    def __init__(self, *, aloud: bool) -> None:
        self._aloud = aloud

    def say(self, line: str) -> None:
        if self._aloud:
            print(f"  {line}", flush=True)

    def status(self, line: str) -> None:
        pass


def replay(
    folder: Path,
    out: Path,
    most: dict[str, float],
    console: Said,
    *,
    pack: Path | None = None,
    nets: Callable[[Show], Nets] = load_nets,
    player: Player | None = None,
    heed_signals: bool = False,
) -> Comparison:
    """Runs it again and compares. pack: a player's folder instead of the recorded one. nets, player: see
    `rerun`. Raises any of ERRORS."""
    recording = find(folder)
    if pack is not None:
        recording.data["player"] = str(pack.resolve())
    rehearsal = timeline.read(folder)
    if not rehearsal.camera:
        raise RecordingError(f"{folder} has no picture of a camera: record the rehearsal again")
    show = recording.show()
    seconds = (rehearsal.end_ns - rehearsal.camera[0]) / NS_PER_S
    print(f"{folder}: {seconds:.0f} s, recorded {recording.begun} with {recording.version}", flush=True)
    if (hole := rehearsal.hole()) is not None:
        at_s = (hole.at_ns - rehearsal.camera[0]) / NS_PER_S
        print(f"it lacks pictures of the camera for {hole.to} s at {at_s:.1f} s: the replay falls back there")
    for each in recording.changed_packs(show):
        print(f"the player {each} is not the one that was recorded", flush=True)
    if out.exists():
        if any(out.iterdir()) and not is_recording(out):
            raise ReplayError(f"{out} holds something else than a replay: choose another folder with --out")
        remove(out)
    rerun(
        recording,
        rehearsal.actions,
        rehearsal.camera[0],
        rehearsal.end_ns,
        out,
        console,
        nets=nets,
        player=player,
        heed_signals=heed_signals,
    )
    again = timeline.read(out, read_origin(out / ORIGIN))
    comparison = compare(rehearsal, again, most, round(NS_PER_S / show.programme.fps))
    data = {"version": code_version(), "recording": str(folder), "recorded_with": recording.version}
    text = json.dumps({**data, **as_data(comparison)}, indent=2) + "\n"
    (out / COMPARISON).write_text(text, encoding="utf-8")
    if comparison.pairs:
        write_sheet(chosen(comparison.pairs), comparison.start_ns, out / SHEET)
    return comparison


def table(comparison: Comparison) -> str:
    """For people, a line for each check."""
    rows = [("", "check", "rehearsal", "replay", "off", "at most")]
    for check in comparison.checks:
        unit = TOLERANCES[check.name].unit
        off = "-" if check.off is None else f"{check.off:.1f}"
        word = "ok" if check.ok else "OFF"
        rows.append((word, check.name, check.rehearsal, check.replay, off, f"{check.most:g} {unit}"))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([*lines, *(f"{check.name}: {check.why}" for check in comparison.checks if check.why)])


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = "\n".join(
        f"  {name:<12} {each.most:g} {each.unit}: {each.help}" for name, each in TOLERANCES.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m tools.replay",
        description=__doc__,
        epilog=f"what is compared, and the tolerance of each:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="the recording of run_live.py --record-inputs"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for the results (default: FOLDER/replay)")
    parser.add_argument("--player", type=Path, metavar="PACK", help="instead of the recorded player")
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another tolerance; may be repeated",
    )
    parser.add_argument("--verbose", action="store_true", help="print what the show says")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    out = options.out or options.folder / REPLAY
    try:
        comparison = replay(
            options.folder,
            out,
            tolerances(options.allow),
            Said(aloud=options.verbose),
            pack=options.player,
            heed_signals=True,
        )
    except ERRORS as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2
    print(table(comparison))
    print(f"{out / COMPARISON}" + (f", {out / SHEET}" if comparison.pairs else ""))
    return 0 if comparison.ok else 1


if __name__ == "__main__":
    sys.exit(main())
