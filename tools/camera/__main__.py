"""Cameras and the venue: measured once in a hall, kept in venues/NAME.toml, used by show files by name.

floor: the stage floor and its mark. check: is the picture good? lens: the lens's distortion. colour: the
board's colours. docs/venue.md says how each is done. No show may be running on the camera.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

import cv2

from calibration import board_colour
from calibration.board_colour import ColourError, read
from calibration.lens import LensError, measure
from engines.runtime.engine import EngineError
from realtime.cameras.camera_name import CaptureError
from realtime.cameras.video_source import VideoSource
from realtime.config.show import Capture, ShowError, check_show
from realtime.config.venue import Board, VenueError, check_name
from tools.camera.check import check
from tools.camera.colour import WELL, told, views, write_chart
from tools.camera.floor import FloorError, clicked, drawn, in_order, pixels_per_metre, place_of
from tools.camera.frames import frames, still
from tools.camera.lens import collect, write_board
from tools.camera.venue_file import remember, remember_board
from tools.record.surfaces import has_display

EXAMPLES = """\
examples:
  python -m tools.camera floor --camera 0 --venue arena                 click in a window
  python -m tools.camera floor --camera 0 --picture grid.png            without a screen: first look ...
  python -m tools.camera floor --camera 0 --venue arena --size-m 6x4 \\
      --corners .2,.55 .8,.55 1,1 0,1 --mark .5,.8                      ... then say where
  python -m tools.camera check --camera 0 --seconds 10
  python -m tools.camera check --camera "ndi://STUDIO (Cam 1)" --grey .5,.6
  python -m tools.camera lens --board board.pdf                         print it
  python -m tools.camera lens --camera 0 --venue arena --seconds 60     then move it before the camera
  python -m tools.camera colour --camera 0 --venue arena                the board, while it shows the chart
  python -m tools.camera colour --still photo.jpg --check
"""


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("camera: given up: nothing was written", file=sys.stderr)
        return 130
    except (
        CaptureError, ColourError, EngineError, FloorError, LensError, OSError, ShowError, VenueError
    ) as error:  # fmt: skip
        print(f"camera: {error}", file=sys.stderr)
        return 1


def _floor(options: argparse.Namespace) -> int:
    if options.venue is not None:
        check_name(options.venue)
    picture = still(options.still or options.camera)
    if options.corners is None and options.picture is None and not has_display():
        raise FloorError(
            "no window can be opened: --picture FILE.png writes what the camera sees, with a grid; then give "
            "--corners x,y x,y x,y x,y and --mark x,y"
        )
    size = (picture.shape[1], picture.shape[0])
    mark = None if options.mark is None else place_of(options.mark, size)
    if options.corners is not None:
        corners = in_order([place_of(word, size) for word in options.corners])
    elif options.picture is None:
        clicks = clicked(picture)
        corners, mark = in_order(clicks.corners), clicks.mark
    else:
        corners = ()
    if options.venue is not None and corners:
        path = remember(
            options.folder, options.venue, options.camera, floor=corners, floor_size_m=options.size_m,
            mark=mark, measured=date.today(),
        )  # fmt: skip
        print(f"{path}: the floor of camera {options.camera}{' and its mark' * (mark is not None)}")
    elif corners:
        print(f"corners {corners}, mark {mark}; --venue NAME keeps them")
    if corners and options.size_m is not None:
        at = mark or (sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4)
        print(f"a metre is {pixels_per_metre(corners, options.size_m, at, size):.0f} pixels wide at the mark")
    if options.picture is not None:
        if not cv2.imwrite(str(options.picture), drawn(picture, corners, mark, grid=True)):
            raise FloorError(f"{options.picture}: it cannot be written")
        print(f"{options.picture}: what the camera sees, {size[0]}x{size[1]}")
    return 0


def _check(options: argparse.Namespace) -> int:
    ask = check_show(
        {"capture": {"size": list(options.size), "fps": options.fps, "format": options.format}}, "camera"
    ).capture
    card = None if options.grey is None else place_of(options.grey, options.size)
    gives, verdicts = check(options.camera, options.seconds, ask, card, people=not options.no_people)
    print(f"camera {options.camera} gives {gives}")
    for verdict in verdicts:
        advice = "" if verdict.is_well else f" -> {verdict.do}"
        print(f"{'OK' if verdict.is_well else 'WARN':<5} {verdict.name:<14} {verdict.found}{advice}")
    return int(not all(verdict.is_well for verdict in verdicts))


def _lens(options: argparse.Namespace) -> int:
    if options.board is not None:
        print(write_board(options.board))
        return 0
    if options.venue is None:
        raise LensError("name the venue whose file keeps it: --venue NAME (or --board FILE.pdf, to print)")
    check_name(options.venue)
    source = VideoSource(options.camera, Capture(size=options.size))
    try:
        collected = collect(frames(source, options.seconds))
    finally:
        source.close()
    print(collected.map)
    found = measure(collected.views, collected.size)
    table = asdict(found.lens) | {"error_px": round(found.error_px, 3), "measured": date.today()}
    path = remember(options.folder, options.venue, options.camera, lens=table)
    print(
        f"{path}: the lens of camera {options.camera}, {found.views} views, "
        f"{collected.cells.mean():.0%} of the picture; the corners are {found.error_px:.2f} pixels off (RMS)"
    )
    return 0


def _colour(options: argparse.Namespace) -> int:
    if options.chart is not None:
        print(write_chart(options.chart, options.programme))
        return 0
    if options.venue is None and not options.check:
        raise ColourError("name the venue whose file keeps it: --venue NAME (or --check, to look only)")
    if options.venue is not None:
        check_name(options.venue)
    seen = read(views(options.still or options.camera, options.seconds, options.size), options.programme)
    found = board_colour.measure(seen, contrast=options.contrast)
    print(told(found))
    if options.check:
        well = found.cast <= WELL
        print("OK" if well else f"not well: more than {WELL:.0%}; measure it without board_colour")
        return int(not well)
    board = Board(gain=found.correction.gain, gamma=found.correction.gamma, measured=date.today())
    path = remember_board(options.folder, options.venue, board)
    print(f"{path}: the board's colours; board_colour = true in [[outputs]] makes an output use them")
    return 0


def _size(word: str) -> tuple[int, int]:
    width, _, height = word.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) > 0 and int(height) > 0):
        raise argparse.ArgumentTypeError(f"{word!r} is no size: write it as 1280x720")
    return int(width), int(height)


def _metres(word: str) -> tuple[float, float]:
    try:
        width, depth = (float(part) for part in word.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is no size: write width and depth as 6x4.5") from None
    return width, depth


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 600:
        raise argparse.ArgumentTypeError(f"{word!r}: from 1 to 600 seconds")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.camera",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    camera = argparse.ArgumentParser(add_help=False)
    camera.add_argument("--camera", default="0", metavar="C", help="as show files name it (default: 0)")
    venue = argparse.ArgumentParser(add_help=False)
    venue.add_argument("--venue", metavar="NAME", help="keep it in venues/NAME.toml")
    venue.add_argument(
        "--folder", type=Path, default=Path(), metavar="F", help="of the show file (default: this one)"
    )
    device = argparse.ArgumentParser(add_help=False)
    device.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="asked of a device")

    commands = parser.add_subparsers(dest="command", metavar="floor|check|lens|colour", required=True)
    floor = commands.add_parser("floor", parents=[camera, venue], help="the stage floor and its mark")
    floor.add_argument("--still", metavar="FILE", help="a picture or video of the camera, instead of it")
    floor.add_argument("--corners", nargs=4, metavar="x,y", help="the floor's corners: shares, or pixels")
    floor.add_argument("--mark", metavar="x,y", help="the stage mark")
    floor.add_argument("--size-m", type=_metres, metavar="WxD", help="the floor's width and depth, metres")
    floor.add_argument("--picture", type=Path, metavar="FILE", help="write what the camera sees, with a grid")
    floor.set_defaults(run=_floor)

    look = commands.add_parser("check", parents=[camera, device], help="is the picture good?")
    look.add_argument("--seconds", type=_seconds, default=10.0, metavar="S", help="(default: 10)")
    look.add_argument("--fps", default="30", metavar="R", help="asked of a device (default: 30)")
    look.add_argument(
        "--format", default="auto", metavar="F", help="asked of a device: auto, mjpg, yuyv, nv12"
    )
    look.add_argument("--grey", metavar="x,y", help="where a grey card is held")
    look.add_argument("--no-people", action="store_true", help="do not look for people: quicker")
    look.set_defaults(run=_check)

    lens = commands.add_parser("lens", parents=[camera, venue, device], help="the lens's distortion")
    lens.add_argument("--board", type=Path, metavar="FILE", help="write the board to print: .pdf or .png")
    lens.add_argument("--seconds", type=_seconds, default=60.0, metavar="S", help="(default: 60)")
    lens.set_defaults(run=_lens)

    colour = commands.add_parser("colour", parents=[camera, venue, device], help="the board's colours")
    colour.add_argument("--still", metavar="FILE", help="a photograph or video of the board, instead")
    colour.add_argument("--seconds", type=_seconds, default=3.0, metavar="S", help="(default: 3)")
    colour.add_argument(
        "--programme", type=_size, default=(1280, 720), metavar="WxH", help="its size (default: 1280x720)"
    )
    colour.add_argument("--contrast", action="store_true", help="correct the contrast too, by this camera")
    colour.add_argument("--check", action="store_true", help="only say how it looks now; write nothing")
    colour.add_argument("--chart", type=Path, metavar="FILE", help="write the chart as a picture: .png")
    colour.set_defaults(run=_colour)
    return parser


if __name__ == "__main__":
    sys.exit(main())
