"""Frames of a duet from a video, without a show: the real networks, and every frame is used.

python -m tests.realtime.duet_sheet VIDEO [--player FOLDER] [--second FOLDER] [--apart 0.3] [--out duet.png]
    [--frames 0:240] [--pick X Y] [--pick-2 X Y] [--background]

The sheet has some of the frames, each beside the camera's picture with the two fans.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.config.backgrounds import Colour
from realtime.config.duet import Duet
from realtime.config.show import BUNDLED_OTHERS, BUNDLED_PLAYER, Show
from realtime.performer.capture_thread import Captured
from realtime.performer.fan import Fan
from realtime.performer.networks import Nets, Person, load_nets
from realtime.pictures.alpha import over
from realtime.pictures.picture import place
from realtime.pictures.reader import VideoReader
from realtime.programme.camera_preview import draw_people
from realtime.transport.orders import Orders
from realtime.transport.people import People

TILE = (480, 270)
ROWS = 6
SHEET_COLUMNS = 2
"""Of pairs: the camera's picture, and the players'."""

Picture = NDArray[np.uint8]


class Step(NamedTuple):
    """A frame: the camera's picture, whom the trackers follow in it, and the players' picture."""

    number: int
    camera: Picture
    people: People
    found: tuple[Person | None, ...]
    picture: Picture


def dance(
    nets: Nets, show: Show, video: Path, first: int, last: int, orders: Orders | None = None
) -> Iterator[Step]:
    """The frames first..last of a video. orders: with picks, which are given in the second frame. A show with
    backgrounds is painted on green."""
    assert nets.second is not None and show.duet is not None
    reader = VideoReader(video)
    size = cv2.imread(str(show.player / "plate.png")).shape[1::-1]
    fans = [Fan(shift, show.hold_ms * 1_000_000) for shift in show.duet.shifts(size[0])]
    painted = np.zeros((size[1], size[0], 4 if show.layered else 3), np.uint8)
    asked = Orders() if orders is None else orders
    try:
        for number, t_ns, camera in reader.read(first):
            if number > last:
                break
            now = asked if number > first else replace(asked, pick=(), picks=0, pick_2=(), picks_2=0)
            within = (camera.shape[1], camera.shape[0])
            picks = ((now.pick, now.picks), (now.pick_2, now.picks_2))
            for fan, tracker, (where, count) in zip(fans, nets.trackers, picks, strict=True):
                tracker.choose(now.dancer_rule, (0.5, 0.5), None)
                fan.picker.step(where, count, tracker, within, t_ns)
            found = nets.find(camera, t_ns)
            captured = Captured(number, camera, t_ns)
            dancers = [
                fan.step(person, retarget, captured, now, lambda landmarks: landmarks)
                for fan, person, retarget in zip(fans, found, nets.retargets, strict=True)
            ]
            nets.second.paint([None if each is None else each.landmarks for each in dancers], painted)
            picture = painted[..., :3].copy()
            if show.layered:
                over(painted, np.full_like(picture, (64, 176, 0)), picture)
            yield Step(number, camera, _people(nets, found, within), found, picture)
    finally:
        reader.close()


def _people(nets: Nets, found: tuple[Person | None, ...], size: tuple[int, int]) -> People:
    one, other = (
        People.seen(nets.tracker.people, None, None, size)
        if person is None
        else People.seen(nets.tracker.people, person.person_id, person.landmarks, size)
        for person in found
    )
    return replace(one, second=other.followed, second_landmarks=other.landmarks)


def tile(step: Step) -> Picture:
    """The camera's picture with the fans, beside the players."""
    left, right = (np.zeros((TILE[1], TILE[0], 3), np.uint8) for _ in range(2))
    place(step.camera, left)
    draw_people(step.people, left)
    place(step.picture, right)
    cv2.putText(left, str(step.number), (6, TILE[1] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    return np.hstack([left, right])


def sheet(tiles: list[Picture]) -> Picture:
    """Some of the tiles, evenly, as one picture."""
    most = ROWS * SHEET_COLUMNS
    chosen = tiles[:: max(1, math.ceil(len(tiles) / most))][:most]
    blank = np.zeros_like(chosen[0])
    chosen += [blank] * (-len(chosen) % SHEET_COLUMNS)
    rows = [np.hstack(chosen[n : n + SHEET_COLUMNS]) for n in range(0, len(chosen), SHEET_COLUMNS)]
    return np.vstack(rows)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("--player", type=Path, default=BUNDLED_PLAYER)
    parser.add_argument("--second", type=Path, default=BUNDLED_OTHERS[0])
    parser.add_argument("--apart", type=float, default=0.3)
    parser.add_argument("--out", type=Path, default=Path("duet.png"))
    parser.add_argument("--frames", default="0:240")
    parser.add_argument("--pick", type=float, nargs=2, default=())
    parser.add_argument("--pick-2", type=float, nargs=2, default=())
    parser.add_argument("--background", action="store_true", help="as layers, on green")
    options = parser.parse_args(arguments)
    green = Colour(kind="colour", name="green", colour="#00b140")
    show = Show(
        player=options.player,
        duet=Duet(player=options.second, apart=options.apart),
        backgrounds=(green,) if options.background else (),
    )
    orders = Orders(
        pick=tuple(options.pick), picks=bool(options.pick),
        pick_2=tuple(options.pick_2), picks_2=bool(options.pick_2),
    )  # fmt: skip
    nets = load_nets(show)
    first, last = (int(each) for each in options.frames.split(":"))
    begun, tiles = time.monotonic(), []
    both = same = 0
    for step in dance(nets, show, options.video, first, last, orders):
        tiles.append(tile(step))
        one, other = step.found
        both += one is not None and other is not None
        same += one is not None and other is not None and one.person_id == other.person_id
    cv2.imwrite(str(options.out), sheet(tiles))
    spent = time.monotonic() - begun
    print(
        f"{options.out}: of {len(tiles)} frames {both} have both fans, {same} of them the same one twice; "
        f"{1000 * spent / max(len(tiles), 1):.0f} ms a frame, one after the other"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
