"""Measures frames over the link of a show on two machines: how many arrive, how old they are, the cable's
load.

    python -m tools.benchmarking.link --size 1280x720 --rate 1gbit
    python -m tools.benchmarking.link --size 1280x720 --alpha --camera --rate 1gbit

The machines are two network namespaces, joined by a cable of that rate (root is needed). Sockets, keys and
messages are the show's own. --camera sends the camera's picture, of the same size, beside the player's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from realtime.transport.curve_keys import make_keys
from tools.benchmarking.network import NoNetwork, two_machines
from tools.benchmarking.playing import CannotMeasure, percentiles

REPOSITORY = Path(__file__).resolve().parents[2]
SETTLE_S = 2.0


def measure(
    size: tuple[int, int], fps: float, seconds: float, rate: str | None, *, alpha: bool, camera: bool
) -> dict[str, Any]:
    """Figures of the player's frames and of the whole cable. Raises NoNetwork, CannotMeasure."""
    with tempfile.TemporaryDirectory() as folder, two_machines(rate) as network:
        make_keys(Path(folder) / "keys")
        link = {
            "performer": network.performer.address,
            "playout": network.playout.address,
            "port": 5570,
            "keys": f"{folder}/keys",
        }
        channels = 4 if alpha else 3
        streams = {"tickets": [size[1], size[0], channels]}
        if camera:
            streams["camera"] = [size[1], size[0], 3]
        end = [sys.executable, "-m", "tools.benchmarking.link_end"]
        what = [json.dumps(link), json.dumps(streams)]
        sender = network.performer.start([*end, "performer", *what, str(fps)], cwd=REPOSITORY)
        receiver = network.playout.start(
            [*end, "playout", *what, str(SETTLE_S + seconds)], cwd=REPOSITORY, stdout=subprocess.PIPE
        )
        if receiver.stdout is not None:
            receiver.stdout.readline()  # the first frame has arrived
        time.sleep(SETTLE_S)
        sent, start = network.performer.sent_bytes(), time.monotonic()
        time.sleep(seconds / 2)
        mbits = (network.performer.sent_bytes() - sent) * 8e-6 / (time.monotonic() - start)
        found = json.loads(receiver.communicate()[0] or "{}")
        sender.kill()
        sender.wait()
    if not found.get("ages_ms"):
        raise CannotMeasure("no frame arrived")
    return {
        "offered_fps": fps,
        "received_fps": found["fps"],
        "cable_mbits": round(mbits),
        **percentiles(found["ages_ms"]),
        "load_average": round(os.getloadavg()[0], 2),
    }


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures as JSON. Exit status 1 where nothing was measured."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.benchmarking.link",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", default="512x512", metavar="WxH", help="(default: %(default)s)")
    parser.add_argument("--fps", type=float, default=30, help="(default: %(default)s)")
    parser.add_argument("--alpha", action="store_true", help="the player has a background")
    parser.add_argument("--camera", action="store_true", help="the camera's picture goes over too")
    parser.add_argument("--rate", help="of the cable, for example 1gbit (default: as the kernel copies)")
    parser.add_argument("--seconds", type=float, default=20, help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    width, _, height = options.size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        parser.error(f"--size {options.size}: write for example 1280x720")
    if not (options.fps > 0 and options.seconds > 0):
        parser.error("--fps and --seconds: more than 0 is needed")
    try:
        figures = measure(
            (int(width), int(height)), options.fps, options.seconds, options.rate,
            alpha=options.alpha, camera=options.camera,
        )  # fmt: skip
    except (NoNetwork, CannotMeasure) as error:
        print(f"link: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
