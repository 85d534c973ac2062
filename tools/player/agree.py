"""Corrects the labels of a bank's frames by comparing frames with each other. `tools.player.bank` calls it.

Landmarks of a single frame cannot tell whether there is a skirt behind a hand beside the hip, or whether hair
beside an arm belongs to it. Frames in which the same part is turned alike, and clear of other parts, can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.doll.bank import Bank, Frame
from engines.doll.cutting import BODY_REACH, NOTHING, Bytes, Floats, Labels, Reals, part_distances, reduced
from engines.doll.parts import ARMS, CORE, COUNT, HEAD, PARENTS, TABLE, TORSO, WIDTHS, Points, distance, fit

ASKED = 9
"""Frames that are asked about each part of a frame."""
UNCLEAR = 2.0
"""The weight of `Bank.leaving` beside `distance` when these frames are picked."""
FEWEST = 2.5
"""With fewer frames than this that can tell, nothing is changed."""
BODY = 0.5
"""The body continues behind an arm where this share of the frames show it."""
ARM = 0.12
"""A pixel is not the arm's where a smaller share of the frames show the arm: about one of nine."""
INNER, OWN = 0.9, 1.15
"""Within INNER of its own half widths, a leg always continues behind an arm, whatever the frames show; within
OWN, where no frame can tell."""


class _Asked(NamedTuple):
    """A frame at the size of its labels: the owner of each pixel (h, w), NOTHING outside of the player; the
    parts' points; and the standing height, pixels."""

    whose: Bytes
    points: Points[NDArray[Any]]
    height: float


def agreed(bank: Bank) -> list[Frame]:
    """The bank's frames, with labels that the majority of similar frames confirm."""
    asked = [_asked(bank, row) for row in range(len(bank.frames))]
    return [_agreed(bank, row, asked) for row in range(len(bank.frames))]


def _asked(bank: Bank, row: int) -> _Asked:
    frame = bank.frames[row]
    alpha, _, height = reduced(frame.view)
    points = Points(*(each[row] * (height / frame.view.height) for each in bank.points))
    return _Asked(np.where(alpha > 127, frame.labels.owner, np.uint8(NOTHING)), points, height)


def _agreed(bank: Bank, row: int, asked: Sequence[_Asked]) -> Frame:
    frame = bank.frames[row]
    owner, under = frame.labels.owner.copy(), frame.labels.under.copy()
    cost = distance(bank.directions, bank.directions[row]) + UNCLEAR * bank.leaving  # (F, P)
    cost[row] = np.inf
    nearest = np.argsort(cost, axis=0)[: min(ASKED, len(asked) - 1)]  # (K, P)
    inner, own = (_within(frame, share * bank.widths) for share in (INNER, OWN))
    for part in range(COUNT):
        mine = (owner if part in ARMS else under) == part
        if not mine.any():
            continue
        shown, known = _answers(part, asked[row], [asked[other] for other in nearest[:, part].tolist()])
        share = shown / np.maximum(known, 1e-3)
        if part in ARMS:
            owner[_opened(mine & (known >= FEWEST) & (share < ARM))] = NOTHING
        else:
            under[mine & ~inner & np.where(known >= FEWEST, share < BODY, ~own)] = NOTHING
    return replace(frame, labels=Labels(owner, under))


def _within(frame: Frame, widths: Reals) -> NDArray[np.bool_]:
    """(h, w): where the body is, by its half widths (P,), standing heights; for torso and head by the
    table's."""
    alpha, landmarks, height = reduced(frame.view)
    relative = part_distances(landmarks, height, alpha.shape)
    reach = np.where(np.isin(np.arange(COUNT), (TORSO, HEAD)), BODY_REACH, widths / WIDTHS)
    core = list(CORE)
    return np.asarray((relative[core] / reach[core, None, None]).min(axis=0) < 1)


def _answers(part: int, one: _Asked, others: Sequence[_Asked]) -> tuple[Floats, Floats]:
    """(h, w) each: how many of `others` show at each pixel of `one` the group of the part (its arm, or the
    body), and how many can tell. A pixel of an arm does not tell whether the body is behind it; a pixel of
    the body does not tell where an arm ends."""
    height, width = one.whose.shape
    shown, known = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    neighbours = [each for each in ARMS if part in (each, PARENTS[each]) or PARENTS[part] == each]
    same, opposite = (neighbours, CORE) if part in ARMS else (CORE, ARMS)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for other in others:
        rows = fit(one.points, other.points, np.array([one.height]), np.array([other.height]), TABLE)
        to_other = np.array([float(each[part]) for each in rows]).reshape(2, 3)
        shows, tells = np.isin(other.whose, list(same)), ~np.isin(other.whose, list(opposite))
        shown += cv2.warpAffine(shows.astype(np.float32), to_other, (width, height), flags=flags)
        known += cv2.warpAffine(
            tells.astype(np.float32), to_other, (width, height), flags=flags, borderValue=1
        )
    return shown, known


def _opened(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`pixels` (h, w) without strips thinner than three pixels: landmarks are not more exact than that."""
    return cv2.morphologyEx(pixels.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
