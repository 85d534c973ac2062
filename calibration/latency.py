"""Measures how late the board is: from the fan's movement to the player's.

    python -m calibration.latency --token TOKEN                        the camera looks at the board meanwhile
    python -m calibration.latency flash --token TOKEN --times 20       white flashes, for a light meter
    python -m calibration.latency light meter.csv show-20260101-190000.jsonl

The first shows a marker on the programme that counts its ticks. The camera films the board, and the show
reads the marker in its pictures: how long a picture takes over output, board and camera. With the time from
capture to programme, by the stamps of the frames, that is the time from the fan's movement to the board's.

The last one needs a light meter (a photodiode) at the board: a CSV file of two columns, the time in seconds
since 1970 by a clock like the show machine's, and the light in any unit; and the show log, which says when
the flashes were due.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calibration.light import LightError, lags_s, rises_s

PAUSE_S = 1.0
"""Between flashes: more than three a second can harm people."""

FLASH = re.compile(r"flash at (\d+\.\d+) s")


class LatencyError(RuntimeError):
    """It cannot be measured; the text says why, and what to do."""


class Show:
    """A running show's API."""

    def __init__(self, url: str, token: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise LatencyError(f"--url {url}: it begins with http:// or https://")
        self._url, self._token = url.rstrip("/"), token

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """body: of a POST. Raises LatencyError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  # http, see above
            self._url + path, data, {"Authorization": f"Bearer {self._token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5.0) as answer:  # noqa: S310
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            why = "give its token with --token" if error.code == 401 else error.read().decode()[:200]
            raise LatencyError(f"the show at {self._url} refuses: {why}") from error
        except (OSError, ValueError) as error:
            raise LatencyError(f"no show answers at {self._url} ({error}): name it with --url") from error

    def act(self, action: str, **arguments: Any) -> None:
        """With a confirmation. Raises LatencyError."""
        self.ask(f"/api/actions/{action}", {**arguments, "confirm": True})


def measure(show: Show, seconds: float) -> dict[str, Any]:
    """The show's figures after so many seconds of reading the marker. Raises LatencyError."""
    show.act("measure", on=True)
    try:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(1.0, left))
            lag = show.ask("/api/state")["stats"].get("loop_lag")
            seen = f"{lag['readings']} readings" if lag else "the camera has not seen the marker yet"
            print(f"\r{left:3.0f} s  {seen}".ljust(60), end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        stats: dict[str, Any] = show.ask("/api/state")["stats"]
    finally:
        show.act("measure", on=False)
    if not stats.get("loop_lag"):
        raise LatencyError(
            "the camera never saw the marker: let it film the board so that the marker at the bottom left is "
            "at least 40 pixels wide in its picture, sharp and not too bright (boards need short exposures)"
        )
    return stats


def table(stats: dict[str, Any]) -> str:
    """What was measured, for people."""
    lag, latency_ms = stats["loop_lag"], stats.get("latency_ms")
    rows = [
        ("capture to programme", latency_ms, "by the stamps of the frames"),
        (
            "programme to capture",
            lag["median_ms"],
            f"over output, board, camera; {lag['readings']} readings, half within {lag['within_ms']:.0f} ms",
        ),
        ("fan to board", lag["fan_to_board_ms"], "the sum"),
    ]
    return "\n".join(
        f"{what:21} {'-' if ms is None else format(ms, '.0f'):>5} ms   {how}" for what, ms, how in rows
    )


def flash(show: Show, times: int) -> None:
    """Raises LatencyError."""
    for n in range(times):
        show.act("flash")
        print(f"\rflash {n + 1} of {times}", end="", file=sys.stderr, flush=True)
        time.sleep(PAUSE_S)
    print(file=sys.stderr)


def flashes_of(log: Path) -> list[float]:
    """When the flashes of a show log were due, seconds since 1970. Raises LatencyError."""
    try:
        found = [float(match[1]) for match in FLASH.finditer(log.read_text(encoding="utf-8"))]
    except (OSError, UnicodeDecodeError) as error:
        raise LatencyError(f"{log}: it cannot be read ({error})") from error
    if not found:
        raise LatencyError(f"{log}: no flash is in it: python -m calibration.latency flash makes some")
    return sorted(set(found))


def light_of(path: Path) -> tuple[list[float], list[float]]:
    """Times (s) and levels of a light meter's CSV; a line of headings may be there. Raises LatencyError."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LatencyError(f"{path}: it cannot be read ({error})") from error
    numbers: list[tuple[float, float]] = []
    for n, row in enumerate(rows):
        try:
            numbers.append((float(row[0]), float(row[1])))
        except (ValueError, IndexError):
            if n:
                raise LatencyError(f"{path}: line {n + 1} is not a time and a level") from None
    return [at_s for at_s, _ in numbers], [level for _, level in numbers]


def by_light(meter: Path, log: Path) -> str:
    """What the light meter says, for people. Raises LatencyError."""
    flashes = flashes_of(log)
    try:
        lags_ms = 1000 * np.array(lags_s(flashes, rises_s(*light_of(meter))))
    except LightError as error:
        raise LatencyError(f"{meter}: {error}") from error
    if not len(lags_ms):
        raise LatencyError(
            f"{meter}: the light rose after none of the {len(flashes)} flashes: are its times of 1970?"
        )
    return (
        f"programme to light  {np.median(lags_ms):5.0f} ms   {len(lags_ms)} of {len(flashes)} flashes, from "
        f"{lags_ms.min():.0f} to {lags_ms.max():.0f} ms"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m calibration.latency",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    of_show = argparse.ArgumentParser(add_help=False)
    of_show.add_argument("--url", default="http://127.0.0.1:8080", help="of the show (default: %(default)s)")
    of_show.add_argument(
        "--token",
        default=os.environ.get("DANCECAM_TOKEN", ""),
        help="of the console (default: what DANCECAM_TOKEN says)",
    )
    commands = parser.add_subparsers(dest="command", metavar="loop|flash|light")
    loop = commands.add_parser("loop", parents=[of_show], help="the marker and the camera (the default)")
    loop.add_argument("--seconds", type=float, default=20.0, metavar="N", help="(default: %(default)g)")
    loop.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    flashes = commands.add_parser("flash", parents=[of_show], help="white flashes, one a second")
    flashes.add_argument("--times", type=int, default=20, metavar="N", help="(default: %(default)d)")
    light = commands.add_parser("light", help="a light meter's log against the show log")
    light.add_argument("meter", type=Path, help="a CSV file: seconds since 1970, light")
    light.add_argument("log", type=Path, help="the show log, show-*.jsonl")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help")):
        given.insert(0, "loop")
    options = _parser().parse_args(given)
    try:
        if options.command == "light":
            print(by_light(options.meter, options.log))
        elif options.command == "flash":
            if options.times < 1:
                raise LatencyError("--times: at least 1 is needed")
            flash(Show(options.url, options.token), options.times)
        else:
            if not options.seconds >= 1:
                raise LatencyError("--seconds: at least 1 is needed")
            stats = measure(Show(options.url, options.token), options.seconds)
            print(table(stats))
            if options.json is not None:
                options.json.write_text(json.dumps(stats, indent=1) + "\n", encoding="utf-8")
    except (LatencyError, OSError) as error:
        print(f"latency: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
