"""Looks at the machine before a show, and says what is wrong.

    python -m tools.doctor                    # the machine, and the bundled show
    python -m tools.doctor show.toml          # what this show needs
    python -m tools.doctor show.toml --json

One line for each thing: OK, WARN or FAIL, what was found, and what to do. It ends with 1 where something
failed. The camera is opened for some seconds, so no show may be running.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from realtime.config.show import Show, ShowError, check_show, load_show
from tools.doctor.checks import CHECKS
from tools.doctor.finding import Case, Finding, Level, fail
from tools.doctor.runner import run_check

LOWEST_PRIORITY = 19


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.doctor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("show", type=Path, nargs="?", metavar="SHOW.toml", help="the show file")
    parser.add_argument("--json", action="store_true", help="the findings as a list")
    parser.add_argument(
        "--beside-show",
        action="store_true",
        help="the show runs, and comes as a line of JSON from standard input: its camera and ports are left",
    )
    options = parser.parse_args(argv)
    if options.beside_show:
        os.nice(LOWEST_PRIORITY)
    found = []
    try:
        for finding in findings(options.show, beside_show=options.beside_show):
            found.append(finding)
            if not options.json:
                print(finding, flush=True)
    except KeyboardInterrupt:
        print("\ndoctor: stopped", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps([asdict(finding) for finding in found]), flush=True)
    return int(any(finding.level is Level.FAIL for finding in found))


def findings(file: Path | None, *, beside_show: bool = False) -> Iterator[Finding]:
    """All that the table of checks finds, one after the other."""
    try:
        case = Case(_show(file, beside_show=beside_show), file, beside_show)
    except ShowError as error:
        yield fail("show", str(error), "correct the show file")
        return
    for name, check in CHECKS.items():
        if check.beside_show or not beside_show:
            yield from run_check(name, check.look, case, check.deadline_s)


def _show(file: Path | None, *, beside_show: bool) -> Show:
    """Raises ShowError."""
    if file is not None:
        return load_show(file)
    if not beside_show:
        return Show()
    try:
        data = json.loads(sys.stdin.readline())
    except ValueError as error:
        raise ShowError(f"standard input is no show: {error}") from error
    return check_show(data, "standard input")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # a check that hangs in a driver is not waited for
