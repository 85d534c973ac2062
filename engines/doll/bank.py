"""The bank: the pictures from which a player's paper doll is drawn, cut into parts.

A net trained on landmarks averages away what landmarks cannot tell: a shirt's number, a face, a skirt's
folds. A picture keeps them. So a player pack holds some hundred frames of the player's footage. For each
pose, every part of the doll is taken from the frame that shows it turned most alike (`engines.doll.choice`),
and is bent onto the pose (`engines.doll.drawing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.body import Body, height_at
from engines.doll.atlas import Atlas
from engines.doll.cutting import Bytes, Floats, Labels, Reals, Seen, View, seen
from engines.doll.parts import ARMS, COUNT, HEAD, TABLE, Points, directions, points_of
from engines.doll.sprites import Sprite, cut_up
from engines.skeleton import Landmark as L

LEAST_SEEN = 0.55
"""A frame that shows less of a part than this share of what most frames show is taken to hide the rest of
it."""
CUTTERS = 2
"""Threads that cut a bank into parts."""


@dataclass(frozen=True)
class Frame:
    """A frame of the bank. body: `view.picture` with the places hidden by the arms filled in; None where the
    arms hide nothing."""

    view: View
    labels: Labels
    body: Bytes | None = None


def standing_px(landmarks: Floats, body: Body) -> NDArray[np.float64]:
    """(..., 33, 4) → (...): how tall the player is when standing at this place, pixels."""
    ankles = landmarks[..., [L.LEFT_ANKLE, L.RIGHT_ANKLE], 1].max(axis=-1)
    return height_at(body.near, body.far, ankles)


def _cut_up(frame: Frame, widths: Reals, skirt: Reals) -> list[Sprite]:
    return cut_up(frame.view, frame.labels, widths, skirt, frame.body)


class Bank:
    """Frames of a player, cut into parts. The player pack loads it before a show; training makes it.

    atlas: the sprites of all frames. The arrays are by frame (F) and part (P): points, see `Points`;
    directions (F, P, 2, 3); lack (F, P), how much less of the part the frame shows than most frames do, 0..1;
    leaving (F, P), how unclean the part looks when it is drawn without its neighbour (an arm in front of the
    body, a body behind an arm), 0..1; covers (F, P), see `Seen`; at_camera (F, P), how much a limb is
    foreshortened, 0..1; heights and numbers (F,).

    widths: see `limb_widths`. skirt: see `skirt_of`; by default no skirt. shown, atlas: what the frames show
    and their sprites, where both are known from an earlier cutting. keep: keep the frames themselves, for
    `bank_store.write_bank`.

    Raises ValueError where there is no frame, or where a frame's landmarks or height are not finite.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        widths: Reals,
        body: Body,
        *,
        skirt: Reals | None = None,
        shown: Seen | None = None,
        atlas: Atlas | None = None,
        keep: bool = True,
    ) -> None:
        if not frames:
            raise ValueError("a player's bank needs one frame at least")
        views = [frame.view for frame in frames]
        self.frames, self.widths, self.body = tuple(frames) if keep else (), widths, body
        self.landmarks = np.stack([view.landmarks for view in views]).astype(float)  # (F, 33, 4)
        self.heights = np.array([view.height for view in views], float)
        if not (
            np.isfinite(self.landmarks).all() and np.isfinite(self.heights).all() and (self.heights > 0).all()
        ):
            raise ValueError("a frame's landmarks or height in a player's bank are no numbers")
        self.numbers = np.array([view.number for view in views])
        self.points: Points[NDArray[Any]] = points_of(self.landmarks, TABLE)
        self.directions = directions(self.landmarks, TABLE)
        self.at_camera = 1 - np.linalg.norm(self.directions[:, :, 0, :2], axis=-1)
        self.at_camera[:, HEAD] = 0  # its first direction is the nose's
        self.skirt = np.zeros(2) if skirt is None else skirt
        with ThreadPoolExecutor(CUTTERS) as pool:
            if shown is None:
                every = pool.map(lambda frame: seen(frame.view, frame.labels), frames)
                shown = Seen(*(np.stack(each) for each in zip(*every, strict=True)))
            if atlas is None:
                cut = partial(_cut_up, widths=widths, skirt=self.skirt)
                atlas = Atlas.of(list(pool.map(cut, frames)))
        self.atlas = atlas
        self.seen = shown
        area, hidden, astray, self.covers = shown
        most = np.quantile(area, 0.8, axis=0)
        self.lack = np.clip(1 - area / np.maximum(most, 1e-9) / LEAST_SEEN, 0, 1)
        self.leaving = np.where(np.isin(np.arange(COUNT), ARMS), astray, hidden)
        self.hidden = hidden
