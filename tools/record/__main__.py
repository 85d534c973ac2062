"""Films a player: prompts say what to do, a meter shows what the footage covers, checks watch the picture.

The takes go to FOLDER/take-001.mkv, take-002.mkv ...; another run continues where the last one stopped. A
separate thread encodes every frame of the camera; the pose net looks only at the newest.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from engines.backends.choice import BACKENDS
from engines.runtime.engine import EngineError
from realtime.cameras.camera_name import CaptureError
from tools.coverage.report import text
from tools.record.session import Session
from tools.record.state import Recording, RecordingError
from tools.record.surfaces import Terminal, Window, has_display
from tools.record.takes import TakeError

EXAMPLES = """\
examples:
  python -m tools.record recordings/jones
  python -m tools.record recordings/jones --camera rtsp://10.0.0.7/stream
  python -m tools.record recordings/try --camera assets/player_train.mp4 --seconds 30

keys: space pause, n next prompt, q finish
"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.record",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="of this player's takes, such as recordings/jones")
    parser.add_argument("--camera", default="0", help="index, device, address, or a file (default 0)")
    parser.add_argument(
        "--size",
        type=_size,
        default=(1920, 1080),
        metavar="WxH",
        help="to ask a camera for (default 1920x1080)",
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="finish by itself after this time")
    parser.add_argument(
        "--headless", action="store_true", help="no window: prompts and meter in the terminal"
    )
    parser.add_argument("--backend", choices=("auto", *BACKENDS), default="auto", help="(default auto)")
    options = parser.parse_args(argv)
    headless = options.headless or not has_display()
    if headless and not options.headless:
        print(
            "record: no window can be opened: the prompts come here (--headless)",
            file=sys.stderr,
        )
    try:
        recording = Recording.open(options.folder)
        with _stop_on_signals() as stop:
            session = Session(recording, options.camera, options.size)
            surface = Terminal() if headless else Window()
            session.run(surface, stop, seconds=options.seconds, backend=options.backend)
    except (CaptureError, RecordingError, TakeError, EngineError, OSError) as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    print(text(recording.coverage))
    dataset = Path("datasets") / options.folder.name
    print(f"next: python -m tools.prepare {shlex.quote(str(options.folder))} {shlex.quote(str(dataset))}")
    return 0


def _size(word: str) -> tuple[int, int]:
    width, _, height = word.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) > 0 and int(height) > 0):
        raise argparse.ArgumentTypeError(f"{word!r} is no size: write it as 1920x1080")
    return int(width), int(height)


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and a gentle kill set; the take is then closed, and the meter saved."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
