"""The flags of run_live.py, and its help."""

from __future__ import annotations

import argparse
from pathlib import Path

from realtime.control.keys import Keymap

EXAMPLES = """\
examples:
  python run_live.py                                     the bundled clip drives the demo player; in the
                                                         console another can take over
  python run_live.py --camera 0                          the first webcam
  python run_live.py --camera rtsp://10.0.0.7/stream     a network camera
  python run_live.py --camera "ndi://STUDIO (Cam 1)"     an NDI source; --list-cameras lists them
  python run_live.py --camera test://                    without a camera: a fan with the time in the picture
  python run_live.py --show show.toml                    a show file; it starts on the standby loop
  python run_live.py --headless --seconds 20 --report r.json
  python run_live.py --show show.toml --record-inputs rehearsals/monday     keeps a rehearsal, with the
                                                         camera's pictures, for tools.replay
  python run_live.py --show show.toml --role playout     one of two machines ([link] in the show file)

keys, in a terminal:
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """The flags. arguments: without the command's name. Ends the process where they are wrong, as argparse
    does."""
    parser = argparse.ArgumentParser(
        description="A fan before the camera; the player dances the same moves, live, in a web page.",
        epilog=EXAMPLES + Keymap().help_text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--camera", metavar="C", help="index, device, video file (it loops), URL, ndi://NAME or test://"
    )
    parser.add_argument(
        "--list-cameras", action="store_true", help="list capture devices and NDI sources, and end"
    )
    parser.add_argument(
        "--player", type=Path, metavar="FOLDER", help="the player pack (default: players/demo)"
    )
    parser.add_argument("--show", type=Path, metavar="FILE", help="a show file (TOML); flags go before it")
    parser.add_argument(
        "--headless", action="store_true", help="no keys and no status line; the page is served as ever"
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="end after so long on air")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the show's numbers here (JSON)")
    parser.add_argument("--log", type=Path, metavar="FOLDER", help="keep a log of actions and states here")
    parser.add_argument("--port", type=int, metavar="P", help="the page's port (default: 8080; 0: no page)")
    parser.add_argument(
        "--role",
        choices=("all", "performer", "playout"),
        default="all",
        help="all: everything on this machine, whatever [link] says; else this machine's part of it",
    )
    parser.add_argument(
        "--backend",
        metavar="B",
        help="what runs the nets: auto, cuda, openvino, torch; with plans tensorrt, tensorrt-rtx",
    )
    parser.add_argument(
        "--allow-expired",
        action="store_true",
        help="show players whose agreement on the likeness has ended, too",
    )
    parser.add_argument(
        "--record-inputs",
        type=Path,
        metavar="FOLDER",
        help="keep the camera's pictures and all actions in a new folder, to run the show again from them "
        "(python -m tools.replay FOLDER)",
    )
    parser.add_argument(
        "--record-inputs-fps", metavar="F", help="keep at most so many of the camera's pictures a second"
    )
    parser.add_argument(
        "--record-inputs-size", metavar="WxH", help="keep them no larger than this (default: 1280x720)"
    )
    return parser.parse_args(arguments)
