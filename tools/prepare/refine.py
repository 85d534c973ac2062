"""The second pass: puts each remaining frame into its place and into the usual light, and cuts the player
out.

`prepare` calls it once the scenes' empty pictures exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tools.alignment.warp import warp, warp_mask
from tools.footage.body_zone import zone
from tools.matting.colours import foreground
from tools.matting.cutter import Box, Cutter
from tools.prepare import rules
from tools.prepare.camera import light
from tools.prepare.files.ahead import in_order
from tools.prepare.files.journal import Journal
from tools.prepare.files.pictures import Pictures
from tools.prepare.scene.placing import Placement
from tools.prepare.scene.scenes import EmptyScene

CHANGED, CHANGED_SHARE = 25, 0.1
"""A person in a box moves if more than this share of the box differs from the plate by more than this, of
255."""
UNCHANGED = 0.004
"""A change of light by a smaller share is left as it is."""
SEEN = 25
"""The player's box holds the pixels where the landmark net's mask exceeds this, of 255."""
BELIEVED = 0.8
"""A hole in the matte is filled where the landmark net is, on average, surer than this that the player is
there."""
SPECK = 0.002
"""A separate piece smaller than this share of the player is not part of the player."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Shots:
    """The remaining frames, one row each. numbers (N,). landmarks (N, 33, 4): in the dataset's picture,
    smoothed. others (N, 4): as in `Scan`, in the frame. placement: where they go."""

    numbers: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    others: NDArray[np.float32]
    standing_px: float
    placement: Placement


@dataclass(frozen=True)
class Refined:
    """One row for each shot. reasons (N,) str, "" where it is usable. gains (N, 3): as in `camera.light`, NaN
    where the scene is unknown."""

    reasons: NDArray[np.str_]
    gains: NDArray[np.float32]


class Refiner:
    """Writes the frames and mattes of all shots. What is already in the journal is not done again."""

    def __init__(
        self,
        pictures: Pictures,
        journal: Journal,
        scenes: Mapping[int, EmptyScene],
        plate: Picture,
        cutters: Sequence[Cutter],
    ) -> None:
        """scenes: by number. plate: what the dataset shows behind the player. cutters: one for each frame
        that is processed at the same time."""
        self._pictures, self._journal = pictures, journal
        self._scenes, self._plate, self._workers = scenes, plate, len(cutters)
        self._cutters: SimpleQueue[Cutter] = SimpleQueue()
        for cutter in cutters:
            self._cutters.put(cutter)

    def __call__(self, shots: Shots, checkpoint: int) -> Refined:
        """checkpoint: frames between two saves. Raises OSError."""
        parts: list[dict[str, NDArray[Any]]] = []
        with (
            tqdm(total=len(shots.numbers), unit="frame", desc="mattes") as bar,
            ThreadPoolExecutor(self._workers) as pool,
        ):
            for start in range(0, len(shots.numbers), checkpoint):
                name = f"refine_{start:08d}"
                rows = range(start, min(start + checkpoint, len(shots.numbers)))
                if name not in self._journal:
                    self._journal.save(name, self._part(shots, rows, pool, bar))
                else:
                    bar.update(len(rows))
                parts.append(self._journal.load(name))
        columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        return Refined(columns["reasons"], columns["gains"])

    def _part(
        self, shots: Shots, rows: range, pool: ThreadPoolExecutor, bar: tqdm[Any]
    ) -> dict[str, NDArray[Any]]:
        reasons, gains = [], []
        done = in_order(pool, partial(self._shot, shots), rows, 2 * self._workers)
        for row, (reason, gain, picture) in zip(rows, done, strict=True):
            reasons.append(reason)
            gains.append(gain)
            if reason:
                self._pictures.write_thumb(reason, int(shots.numbers[row]), picture)
            bar.update()
        return {"reasons": np.array(reasons, np.str_), "gains": np.array(gains, np.float32)}

    def _shot(self, shots: Shots, row: int) -> tuple[str, NDArray[np.float32], Picture]:
        """The fault of a shot, its light, and its picture. Writes picture and matte if there is no fault."""
        landmarks, number = shots.landmarks[row], int(shots.numbers[row])
        height, width = self._plate.shape[:2]
        matrix, box = shots.placement.to_picture(row), (0, 0, width, height)
        moved = not np.array_equal(matrix, np.eye(3))
        frame, soft = self._pictures.scanned(number), self._pictures.soft(number)
        whole = np.full((height, width), 255, np.uint8)
        if moved:
            frame, whole = warp(frame, matrix, box)
            soft = warp_mask(soft, matrix, box)
        scene = self._scenes.get(int(shots.placement.scenes[row]))
        plate = known = None
        gain = np.full(3, np.nan, np.float32)
        if scene is not None:
            plate, known = scene.view(shots.placement.views[row], (width, height))
            known[whole < 255] = 0
            body = zone(landmarks, (width, height), shots.standing_px, widen=1.6)
            gain = light(frame, plate, body | soft | np.bitwise_not(known))
            if np.abs(np.log(gain)).max() > np.log(rules.MOST_GAIN):
                return rules.OTHER_LIGHT, gain, frame
            if np.abs(gain - 1).max() > UNCHANGED:
                frame, moved = _relit(frame, gain), True
            if _moves(frame, plate, shots.others[row], matrix):
                return rules.BYSTANDER, gain, frame
        alpha = self._cut(frame, soft, _box(landmarks, soft), plate, known)
        alpha = solid(np.minimum(alpha, whole), soft)
        if rules.covered(alpha, landmarks, shots.standing_px) < rules.LEAST_COVERED:
            return rules.MISSED, gain, frame
        if not shots.placement.own[row]:
            frame, moved = _over(frame, alpha, self._plate), True
        elif moved and not (whole == 255).all():
            frame = cv2.copyTo(frame, (whole == 255).astype(np.uint8), self._plate.copy())
        self._pictures.write_final(number, frame if moved else None)
        self._pictures.write_mask(number, alpha)
        return "", gain, frame

    def _cut(
        self, frame: Picture, soft: Picture, box: Box, plate: Picture | None, known: Picture | None
    ) -> Picture:
        cutter = self._cutters.get()
        try:
            return cutter(frame, soft, box, plate, known)
        finally:
            self._cutters.put(cutter)


def solid(alpha: Picture, soft: Picture) -> Picture:
    """The matte (H, W) without specks beside the player, and without holes where the landmark net's mask (H,
    W) shows the player."""
    alpha = alpha.copy()
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 25).astype(np.uint8))
    if count > 1:
        areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
        areas[0] = np.inf
        small = areas < SPECK * areas[1:].max()
        alpha[small[labels]] = 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha < 230).astype(np.uint8), connectivity=4)
    sure = np.bincount(labels.ravel(), weights=soft.ravel().astype(np.float64), minlength=count)
    filled = sure > 255 * BELIEVED * stats[:, cv2.CC_STAT_AREA]
    filled[0] = False  # the player
    alpha[filled[labels]] = 255
    return alpha


def _relit(frame: Picture, gain: NDArray[np.float32]) -> Picture:
    """The frame in the usual light; gain (3,) as in `camera.light`."""
    table = np.clip(np.arange(256)[:, None] / gain + 0.5, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(frame, table[None]), np.uint8)


def _over(frame: Picture, alpha: Picture, plate: Picture) -> Picture:
    """The player in front of another scene."""
    result = plate.copy()
    x, y, width, height = cv2.boundingRect(alpha)
    if width and height:
        near = (slice(y, y + height), slice(x, x + width))
        person = foreground(frame, alpha)[near].astype(np.float32)
        share = cv2.cvtColor(alpha[near].astype(np.float32) / 255, cv2.COLOR_GRAY2BGR)
        behind = plate[near].astype(np.float32)
        result[near] = cv2.convertScaleAbs(behind + share * (person - behind))
    return result


def _box(landmarks: NDArray[np.float32], soft: Picture) -> tuple[float, float, float, float]:
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    x, y, width, height = cv2.boundingRect((soft > SEEN).astype(np.uint8))
    if width and height:
        low, high = np.minimum(low, (x, y)), np.maximum(high, (x + width, y + height))
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _moves(frame: Picture, plate: Picture, box: NDArray[np.float32], matrix: NDArray[np.float64]) -> bool:
    """Whether the box, in pixels before `matrix`, holds something that the plate does not. A poster of a
    person is part of the plate."""
    if np.isnan(box).any():
        return False
    corners = np.array([(box[0], box[1], 1), (box[2], box[1], 1), (box[0], box[3], 1), (box[2], box[3], 1)])
    there = corners @ matrix.T
    flat = np.clip(there[:, :2] / there[:, 2:], 0, (frame.shape[1], frame.shape[0]))
    (x0, y0), (x1, y1) = flat.min(axis=0).astype(int), flat.max(axis=0).astype(int)
    inside = (slice(y0, y1), slice(x0, x1))
    difference = cv2.absdiff(frame[inside], plate[inside])
    return bool(difference.size) and float((difference.max(axis=2) > CHANGED).mean()) > CHANGED_SHARE
