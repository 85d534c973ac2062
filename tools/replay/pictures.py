"""The same moments of two programmes, side by side: how different they are, and a sheet to look at."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from engines.time_units import NS_PER_S
from realtime.pictures.picture import INK, Picture, backdrop
from tools.replay.timeline import Tick, Timeline

BLUR = 4.0
"""Standard deviation, pixels of the small pictures: an outline that is off by a pixel is no difference."""

ROWS, COLUMNS = 6, 10
"""Blocks of a picture: what changes one place alone is not averaged away, but a hand's width is."""

HISTORY = 5
"""So many pictures of the camera, the one that is compared among them, both must have painted alike."""

MOST_ON_SHEET = 8
LABEL = 22


class Pair(NamedTuple):
    """A moment at which both programmes showed the same picture of the camera. at_ns: when that was
    captured. difference: see `difference`."""

    at_ns: int
    rehearsal: Picture
    replay: Picture
    difference: float


def difference(one: Picture, other: Picture) -> float:
    """How different two pictures (H, W, 3) of one size are, in levels 0 to 255: the mean absolute difference,
    in the channel and the block in which they differ most, after a blur."""
    blurred = [cv2.GaussianBlur(each, (0, 0), BLUR).astype(np.float32) for each in (one, other)]
    apart = np.abs(blurred[0] - blurred[1]).max(axis=2)
    return float(cv2.resize(apart, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA).max())


def pairs(rehearsal: Timeline, replay: Timeline, start_ns: int, end_ns: int) -> Iterator[Pair]:
    """In order of time: one for each picture of the camera of which both have a sample, of one player, and
    before which both have painted the same ones. For the movement is smoothed, and the doll fades: what a
    picture looks like depends on those before it."""
    ours, theirs = (each.samples_of(start_ns, end_ns) for each in (rehearsal, replay))
    recorded = set(rehearsal.camera)
    before = [at_ns for at_ns in rehearsal.painted if at_ns in recorded], replay.painted
    matched: dict[int, tuple[int, int]] = {}
    for at_ns in sorted(ours.keys() & theirs.keys()):
        one_history, other_history = (_history(painted, at_ns) for painted in before)
        if one_history != other_history:
            continue
        one, other = _alike(ours[at_ns], theirs[at_ns])
        if one is not None and other is not None:
            matched[one.number] = (other.number, at_ns)
    wanted = {number for number, _ in matched.values()}
    others = replay.samples.pictures(wanted=lambda line: line.get("tick") in wanted)
    for _, line, picture in rehearsal.samples.pictures(wanted=lambda line: line.get("tick") in matched):
        number, at_ns = matched[line["tick"]]
        found = next((each for _, theirs_line, each in others if theirs_line["tick"] == number), None)
        if found is None:  # it was cut off here
            return
        yield Pair(at_ns, picture, found, difference(picture, found))


def _history(painted: Sequence[int], at_ns: int) -> Sequence[int]:
    """The last ones up to this one. painted: ascending."""
    end = bisect_right(painted, at_ns)
    return painted[max(0, end - HISTORY) : end]


def _alike(ours: Sequence[Tick], theirs: Sequence[Tick]) -> tuple[Tick | None, Tick | None]:
    for one in ours:
        for other in theirs:
            if one.player == other.player:
                return one, other
    return None, None


def chosen(found: Sequence[Pair]) -> list[Pair]:
    """Moments for the sheet: spread over the show, and the one that differs most."""
    if not found:
        return []
    places = np.linspace(0, len(found) - 1, min(MOST_ON_SHEET, len(found))).round().astype(int)
    worst = max(range(len(found)), key=lambda n: found[n].difference)
    return [found[n] for n in sorted({*places.tolist(), worst})]


def write_sheet(found: Sequence[Pair], start_ns: int, path: Path) -> None:
    """A row for each moment: the rehearsal's picture, the replay's. found: at least one. Raises OSError."""
    rows = []
    for pair in found:
        height, width = pair.rehearsal.shape[:2]
        row = backdrop(2 * width, height + LABEL)
        row[LABEL:, :width], row[LABEL:, width:] = pair.rehearsal, pair.replay
        at_s = (pair.at_ns - start_ns) / NS_PER_S
        for x, text in ((6, f"rehearsal {at_s:.2f} s"), (width + 6, f"replay: {pair.difference:.1f} levels")):
            cv2.putText(row, text, (x, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
        rows.append(row)
    done, png = cv2.imencode(".png", np.vstack(rows))
    if not done:
        raise OSError(f"{path} cannot be written as PNG")
    path.write_bytes(png.tobytes())
