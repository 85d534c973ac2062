"""Measures NDI over the loopback, from the programme's tick to a receiver in another process.

    python -m tools.benchmarking.ndi
    python -m tools.benchmarking.ndi --size 1920x1080 --opaque

The time is drawn into every picture when it is handed to the output, and read by the receiver as soon as it
has the picture. No discovery service is needed. Needs cyndilib (the extra `ndi`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from realtime.config.outputs import Ndi, WebRtc
from realtime.config.show import Show
from realtime.outputs.sink import Format
from tools.benchmarking.hosting import hosted
from tools.benchmarking.playing import (
    CannotMeasure,
    add_programme_flags,
    percentiles,
    playing,
    programme_of,
    wait_running,
)

SOURCE = "Dancecam benchmark"
LOOPBACK = {"ndi": {"networks": {"ips": "127.0.0.1,"}}}
"""NDI's configuration (ndi-config.v1.json) for finding sources on this machine."""


def measure(programme: Format, *, alpha: bool, seconds: float) -> dict[str, Any]:
    """Format, pictures a second, percentiles of their age in ms. Raises CannotMeasure."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "ndi-config.v1.json").write_text(json.dumps(LOOPBACK), encoding="utf-8")
        os.environ["NDI_CONFIG_DIR"] = folder
        show = Show(webrtc=WebRtc(port=0), outputs=(Ndi(kind="ndi", source=SOURCE, alpha=alpha),))
        with hosted(show, programme) as output:
            wait_running(output)
            with playing(output.send, programme, layered=alpha):
                receiver = subprocess.run(
                    [sys.executable, "-m", "tools.benchmarking.ndi_receiver", SOURCE, str(seconds)],
                    capture_output=True,
                    encoding="utf-8",
                    check=False,
                )
    if receiver.returncode:
        raise CannotMeasure(f"the receiver failed: {receiver.stderr.strip().splitlines()[-1]}")
    found = json.loads(receiver.stdout)
    if not found["ages_ms"]:
        raise CannotMeasure("the receiver saw no picture whose time could be read")
    return {
        "format": found["format"],
        "received_fps": round(len(found["ages_ms"]) / seconds, 2),
        **percentiles(found["ages_ms"]),
    }


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures as JSON. Exit status 1 where nothing was measured."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.benchmarking.ndi",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_programme_flags(parser)
    parser.add_argument("--opaque", action="store_true", help="without alpha")
    parser.add_argument("--seconds", type=float, default=10, help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    programme = programme_of(parser, options)
    try:
        print(json.dumps(measure(programme, alpha=not options.opaque, seconds=options.seconds), indent=1))
    except CannotMeasure as error:
        print(f"ndi: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
