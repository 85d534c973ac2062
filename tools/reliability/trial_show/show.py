"""A headless show with a camera and networks in which faults can be put: what `tools.soak` runs.

    python -m tools.reliability.trial_show.show FOLDER

It is `run_live.py --headless` with the show file of the folder, and the stand-in of `nets.py` before the
networks. `begin` writes that folder and starts the show and its camera.
"""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from realtime.config.show import Show
from realtime.control.flags import parse
from realtime.performer.networks import Nets, load_nets
from tools.reliability.trial_show.nets import nets_with_faults

ROOT = Path(__file__).resolve().parents[3]
SHOW_FILE, SAID = "show.toml", "said.txt"
CAMERA = "tools.reliability.trial_show.camera"
MODULE = "tools.reliability.trial_show.show"
TOKEN = "a-token-for-the-soak"  # noqa: S105  # the show is on 127.0.0.1 and ours
RECORDER_BITRATE = 2_000_000
END_S, CAMERA_S = 20.0, 120.0
OWN_PORTS = (20_000, 32_000)
"""The ports of the show and its camera are among these."""


def show_file(camera_port: int, page_port: int, osc_port: int) -> str:
    return f"""\
camera = "http://127.0.0.1:{camera_port}/"
start = "live"
player = "{ROOT}/players/demo"
players = ["{ROOT}/players/fan"]

[webrtc]
port = {page_port}

[control]
token = "{TOKEN}"
log = "log"
osc_port = {osc_port}

[[outputs]]
kind = "recorder"
folder = "recordings"
bitrate = {RECORDER_BITRATE}
"""


def free_port() -> int:
    """Below the ports that Linux gives to others by itself: it is still free when it is used."""
    while True:
        port = random.SystemRandom().randrange(*OWN_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _wait_for(port: int, camera: subprocess.Popen[bytes]) -> None:
    """Until the camera's stand-in has its pictures."""
    deadline = time.monotonic() + CAMERA_S
    while camera.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


@contextmanager
def begin(folder: Path, video: Path, module: str = MODULE) -> Iterator[subprocess.Popen[bytes]]:
    """The show's process, which has begun to start; all ends with the block. module: instead of this one.
    What the show says is in the folder's `said.txt`."""
    camera_port, page_port, osc_port = free_port(), free_port(), free_port()
    (folder / SHOW_FILE).write_text(show_file(camera_port, page_port, osc_port), encoding="utf-8")
    camera = subprocess.Popen(
        [sys.executable, "-m", "tools.reliability.trial_show.camera", video, str(camera_port), folder],
        cwd=ROOT,
    )
    _wait_for(camera_port, camera)
    with (folder / SAID).open("wb") as said:
        show = subprocess.Popen(
            [sys.executable, "-m", module, folder], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT
        )
    try:
        yield show
    finally:
        if show.poll() is None:
            show.send_signal(signal.SIGTERM)
        try:
            show.wait(END_S)
        except subprocess.TimeoutExpired:
            show.kill()
        camera.kill()
        camera.wait()


def main(arguments: list[str], load: Callable[[Show], Nets] = load_nets) -> int:
    """load: the networks before which the stand-in is put."""
    import run_live

    folder = Path(arguments[0])
    flags = ["--show", str(folder / SHOW_FILE), "--headless", "--report", str(folder / "report.json")]
    options = parse(flags)
    show = run_live.show_of(options)
    run_live.run(
        show,
        run_live.check(show, options.report),
        options,
        partial(nets_with_faults, folder=folder, load=load),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
