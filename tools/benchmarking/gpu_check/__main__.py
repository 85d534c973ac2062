"""Checks and measures everything that only a GPU can show, in one command of at most 8 minutes.

    python -m tools.gpu_check --out gpu.json                         on a machine with an NVIDIA GPU
    python -m tools.gpu_check --out gpu.json --device cpu --quick    whether the check itself works, anywhere
    python -m tools.gpu_check --out gpu.json --keep --parts swap     one part again

Needs torch, NumPy, OpenCV, safetensors, tqdm and TensorBoard, and the converted pose networks (--weights).
Each part runs by itself within a budget of seconds; if one fails or is stopped, the others still run. FILE is
rewritten after each part. The exit status is 1 if any part failed. `python -m tools.benchmark gpu` draws the
tables of docs/performance.md from FILE.
"""

from __future__ import annotations

import argparse
import datetime
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.benchmarking.gpu_check.parts import PARTS
from tools.benchmarking.gpu_check.record import Record
from tools.benchmarking.gpu_check.run import run_part
from tools.benchmarking.gpu_check.setting import REPOSITORY, Setting
from tools.benchmarking.measuring.results import ResultsError

SECONDS = 480
REHEARSAL = 10
"""A rehearsal on a busy CPU may take this many times as long."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.gpu_check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="FILE", help="where the findings go, JSON")
    add(
        "--device",
        choices=("cuda", "cpu"),
        default="cuda",
        help="cpu: a rehearsal, whose figures say nothing",
    )
    add("--quick", action="store_true", help="small and few: to see that everything runs")
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    add("--keep", action="store_true", help="keep what FILE holds of other parts")
    add("--seconds", type=float, default=SECONDS, help="for all parts together (default: %(default)s)")
    add(
        "--weights", type=Path, default=REPOSITORY / "weights", metavar="FOLDER",
        help="the pose networks, as `python -m engines.pose.convert` writes them (default: weights)",
    )  # fmt: skip
    add(
        "--players", type=Path, nargs=2, default=[REPOSITORY / "players" / name for name in ("demo", "fan")],
        metavar="FOLDER", help="two players with square pictures of one size (default: the bundled ones)",
    )  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    setting = Setting(options.device, options.quick, tuple(options.players), options.weights, options.out)
    record = Record(
        options.device,
        options.quick,
        shlex.join(["python", "-m", "tools.gpu_check", *given]),
        datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    try:
        if options.keep:
            record.parts = [part for part in Record.read(options.out).parts if part.name not in options.parts]
        record.write(options.out)
    except ResultsError as error:
        print(f"--keep: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"{options.out} cannot be written ({error}): name a file in a folder that is there",
            file=sys.stderr,
        )
        return 2
    slower = 1 if options.device == "cuda" else REHEARSAL
    left = slower * options.seconds
    for name in options.parts:
        part = run_part(name, setting, min(slower * PARTS[name].budget_s, left))
        left -= part.seconds
        record.parts = sorted([*record.parts, part], key=lambda each: list(PARTS).index(each.name))
        record.write(options.out)
        said = "; ".join(f"{each.what}: {each.error}" for each in part.failures) or "ok"
        print(f"{name:14} {part.seconds:6.1f} s  {said[:400]}", flush=True)
    if record.failed:
        print(f"failed: {', '.join(record.failed)}; tracebacks are in {options.out}", file=sys.stderr)
    return 1 if record.failed else 0


if __name__ == "__main__":
    sys.exit(main())
