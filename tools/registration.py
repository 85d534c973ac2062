"""Registers reference views: moves each view's landmarks to where what is drawn from it says they are.

A view's landmarks are those that a pose net found in one frame, each some pixels off, and the parts drawn
from it are off by as much in every frame. Over many frames that shows: optical flow from the recording to the
doll tells how far each end of a part lies from its place, and the median of it is the view's own error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.body_parts import NAMES, PARTS
from engines.reference import Floats, References, View, part_distances, standing_px
from engines.skeleton import Landmark
from tools.footage import Footage
from tools.views import piece

FRAMES = 192
"""The views are compared with so many frames."""
PASSES = 2
"""So often, the second time from where the first one left them."""
FIRM = 3
"""A landmark seen so often goes half the way."""
LEAST_SHARE = 5e-4
"""An end of a part counts where so much of it is seen, in squared standing heights."""
GREY = 128
"""Stands for the scene in both pictures."""
ENDS: list[list[tuple[Landmark, ...]]] = [
    [(each,) for each in part.points]
    if name == "torso"
    else [part.points] if name == "head" else [part.start, part.end]
    for name, part in PARTS.items()
]  # fmt: skip
"""Of each part the landmarks that move together: a limb's two ends, the torso's corners, a head as one."""

Seen = tuple[int, Landmark, NDArray[np.float64]]
"""A view, a landmark, and (2,) how far it should lie from where it is, pixels of the view."""


def register(views: Sequence[View], footage: Footage, positions: NDArray[np.int64]) -> list[View]:
    """The views with their landmarks moved. positions: the frames of `footage` to learn from."""
    chosen = positions[np.linspace(0, len(positions) - 1, min(FRAMES, len(positions))).astype(int)]
    registered = list(views)
    with tqdm(total=PASSES * len(chosen), unit="frame", desc="registration") as bar:
        for _ in range(PASSES):
            doll = References(registered, footage.body)
            shifts: dict[tuple[int, Landmark], list[NDArray[np.float64]]] = defaultdict(list)
            for position in chosen.tolist():
                for view, landmark, shift in _observe(footage, position, doll):
                    shifts[view, landmark].append(shift)
                bar.update()
            registered = [replace(view, landmarks=view.landmarks.copy()) for view in registered]
            for (number, landmark), seen in shifts.items():
                share = len(seen) / (len(seen) + FIRM)
                registered[number].landmarks[landmark, :2] += np.median(seen, axis=0) * share
    return registered


def _observe(footage: Footage, position: int, doll: References) -> Iterator[Seen]:
    """What one frame says of the views that its doll is drawn from."""
    (rows, columns), landmarks = piece(footage, position)
    truth, mask = footage.frame(position)[rows, columns], footage.mask(position)[rows, columns]
    chosen, bgra = doll.choose(landmarks), np.empty((*mask.shape, 4), np.uint8)
    doll.paint(landmarks, chosen, bgra, (columns.start, rows.start))
    alpha = bgra[..., 3]
    gaps = _flow(_alone(truth, mask), _alone(bgra[..., :3], alpha))  # (h, w, 2)
    height = standing_px(landmarks, footage.body)
    to_view = doll.maps(landmarks, height, chosen)[..., :2]  # (P, 2, 2)
    inside = landmarks - np.array([columns.start, rows.start, 0, 0], np.float32)
    owner = part_distances(inside, float(height), mask.shape).argmin(axis=0)
    owner[(mask <= 127) | (alpha <= 127)] = len(NAMES)
    for part, ends in enumerate(ENDS):
        y, x = np.nonzero(owner == part)
        middles = np.stack([inside[list(end), :2].mean(axis=0) for end in ends])  # (E, 2)
        nearest = np.square(np.stack([x, y], axis=1)[:, None] - middles).sum(axis=2).argmin(axis=1)
        for number, end in enumerate(ends):
            here = nearest == number
            if here.sum() >= LEAST_SHARE * height**2:
                shift = to_view[part] @ np.median(gaps[y[here], x[here]], axis=0)
                yield from ((int(chosen[part]), landmark, shift) for landmark in end)


def _alone(picture: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The player (h, w, 3) before grey, as brightness (h, w)."""
    shown = np.where(alpha[..., None] > 127, picture, np.uint8(GREY))
    return np.asarray(cv2.cvtColor(shown, cv2.COLOR_BGR2GRAY), np.uint8)


def _flow(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> Floats:
    """(h, w, 2): what is at a pixel of `one` is so much further right and down in `other`, pixels (Kroeger et
    al., "Fast Optical Flow using Dense Inverse Search", 2016)."""
    dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(dense.calc(one, other, None), np.float32)
