"""Makes a dataset from videos of the player: landmarks, person mattes, the empty plate, and what was dropped.

    python -m tools.prepare assets/player_train.mp4 datasets/demo
    python -m tools.prepare takes/ encore.mov datasets/jones --height 720
    python -m tools.prepare grandmother.mov datasets/grandmother --empty room.jpg
    python -m tools.prepare assets/fan_dance.mp4 datasets/fan --size 512x512

The videos show one person, whole in the picture. Five seconds make a preview, two minutes a player for a
show. A camera on a tripod gives the cleanest edges; footage of a moving one is stabilized. An interrupted run
continues with the same command; Ctrl-C loses seconds.
"""

from __future__ import annotations

import argparse
import errno
import shlex
import sys
from pathlib import Path

from engines.pose.tflite_graph import GraphError
from engines.runtime.engine import EngineError
from tools.footage.landmark_net import LandmarkNetError, add_option
from tools.footage.video import VideoError
from tools.prepare.files import PrepareError
from tools.prepare.files.pictures import SIDE_MULTIPLE
from tools.prepare.files.sources import Options
from tools.prepare.pipeline import prepare

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("video", type=Path, nargs="+", help="video, or a folder of videos, taken by name")
    parser.add_argument("dataset", type=Path, help="folder to write; replaced only once the new one is whole")
    default = Options()
    parser.add_argument(
        "--height", type=int, default=default.height, help="scale taller pictures down to this (default 720)"
    )
    parser.add_argument(
        "--size",
        type=_size,
        metavar="WxH",
        help=f"cut and scale to this instead, multiples of {SIDE_MULTIPLE}: players of one show share a size",
    )
    parser.add_argument("--backend", default=default.backend, help="for the networks (default auto)")
    add_option(parser)
    parser.add_argument(
        "--empty",
        type=Path,
        metavar="FILE",
        help="picture or video of the same scene without the player: what is behind the player comes from it",
    )
    parser.add_argument(
        "--checkpoint",
        type=int,
        default=default.checkpoint,
        metavar="FRAMES",
        help="save after so many frames (default 120)",
    )
    options = parser.parse_args(argv)
    if options.height < 32 or options.checkpoint < 1:
        parser.error("--height must be 32 or more, --checkpoint 1 or more")
    chosen = Options(
        options.height,
        options.backend,
        options.landmarks,
        options.checkpoint,
        options.size,
        options.empty,
    )
    try:
        summary = prepare(options.video, options.dataset, chosen)
    except (VideoError, PrepareError, LandmarkNetError, EngineError, GraphError) as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        cause = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        goes_on = "; free some space: the same command goes on" if error.errno in FULL else ""
        print(f"prepare: {cause}{goes_on}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("prepare: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    dropped = ", ".join(f"{number} {reason}" for reason, number in summary["dropped"].items()) or "none"
    print(f"{options.dataset}: {summary['kept']} frames kept; dropped: {dropped}")
    for warning in summary["warnings"]:
        print(f"note: {warning}")
    print(f"look at {options.dataset / 'report.html'}")
    print(f"next: python -m tools.train {shlex.quote(str(options.dataset))} players/NAME --minutes 60")
    return 0


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 512x512")
    size = int(width), int(height)
    if min(size) < SIDE_MULTIPLE or any(side % SIDE_MULTIPLE for side in size):
        raise argparse.ArgumentTypeError(f"{text}: both sides must be multiples of {SIDE_MULTIPLE}")
    return size


if __name__ == "__main__":
    sys.exit(main())
