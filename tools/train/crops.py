"""Batches of crops around the person from a prepared dataset, each determined by its step number alone.

A batch depends only on (seed, step), so training resumes exactly where it stopped.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.doll.bank import Bank
from engines.doll.choice import Drawing, Frames, choose
from engines.doll.drawing import Doll
from engines.doll.parts import COUNT
from engines.painting.generator import cell_px
from engines.rendering.windows import GRID
from engines.skeleton import LANDMARKS
from tools.footage.dataset import Footage

HOST_LANDMARKS = "landmarks on the host"
"""Key in a batch on a device: the landmarks on the host, for decisions made there."""
Made = TypeVar("Made", covariant=True)
APART_S = 2.0
"""A doll is never drawn from frames filmed within this time before or after; within less in short footage."""
FARTHER, LEFT = 0.3, (0.02, 0.1, 0.4)
"""In the share FARTHER of the items, the doll is drawn from a few frames only, so that they fit its pose less
well, as with a stranger's dance. One of the shares LEFT of the frames is kept."""
TOGETHER = 2.5
"""In half of the items, landmarks that belong together get a common error, with this times `noise_px`. Two
landmark nets differ in this way: on the demo clip by 1.6 pixels (standard deviation; correlation of wrist and
index .94, of elbow and wrist .39)."""
GROUPS = np.array([*[0] * 11, 11, 12, 13, 14, *[15, 16] * 4, 23, 24, 25, 26, *[27, 28] * 3])
"""(33,): for each landmark, the one whose error it shares: all of the face, of a hand, of a foot."""


class Draw(NamedTuple):
    """What one item of a batch is made from.

    position, earlier, before: the frame, and the frames one and two before it, None where there is none.
    corner: where (x, y) in the frame the crop begins. landmarks, earlier_landmarks: the poses (33, 4), pixels
    of the frame, with added errors; without an earlier frame, the earlier pose is that of `position`.
    """

    position: int
    earlier: int | None
    before: int | None
    corner: tuple[int, int]
    landmarks: NDArray[np.float32]
    earlier_landmarks: NDArray[np.float32]
    frames: Frames

    @property
    def shift(self) -> NDArray[np.float32]:
        """What to subtract from a landmark (4,) to get the crop's pixels."""
        return np.array([*self.corner, 0, 0], np.float32)


class Crops:
    """crops[step] is one batch: a dict of tensors, RGB 0..1.

    landmarks (B, 33, 4), pixels of the crop; earlier (B, 33, 4), those one frame before. doll and
    earlier_doll (B, 4, h, w): the paper dolls of both, premultiplied RGBA. previous and before_previous (B,
    4, h/cell, w/cell): as `Painting.feedback` makes them from the true frames one and two before (zeros where
    there is none). target (B, 3, h, w), and earlier_target, the frame before it. mask (B, 1, h, w). plate (B,
    3, h, w).
    """

    def __init__(
        self,
        footage: Footage,
        positions: NDArray[np.int64],
        bank: Bank | None,
        *,
        batch: int,
        crop: int,
        seed: int,
        noise_px: float = 0.0,
        share: tuple[int, int] = (0, 1),
        step: int = 1,
        cell: int = 0,
    ) -> None:
        """bank: None for empty dolls. crop: pixels; its sides are cut to multiples of `step`. cell: of the
        net's grid, pixels; by default the one for the player's height. noise_px: standard deviation of the
        error added to each landmark, in pixels of a picture 512 high: the net must cope with a pose net's
        errors, and with bodies slightly unlike the player's. share: (rank, world): only every world-th item
        of each batch is made, from rank on."""
        self.footage, self.positions = footage, positions
        self.bank, self._doll = bank, None if bank is None else Doll(bank)
        span = float(footage.indices[-1] - footage.indices[0])
        self._gap = min(APART_S * footage.fps, 0.1 * span)
        self._batch = batch
        width, height = footage.size
        self.size = (min(crop, width) // step * step, min(crop, height) // step * step)
        self.cell = cell or cell_px(footage.body.near.height)
        self._seed = seed
        self._noise_px = noise_px * height / 512
        self._share = share

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        items = [self._item(draw) for draw in self.draws(step)]
        return {name: torch.from_numpy(np.stack([item[name] for item in items])) for name in items[0]}

    def draws(self, step: int) -> list[Draw]:
        """The items of a step's batch, for this process's share."""
        rank, world = self._share
        draws = []
        for row in range(rank, self._batch, world):
            random = np.random.default_rng([self._seed, step, row])
            draws.append(self._draw(int(random.choice(self.positions)), random))
        return draws

    def _draw(self, position: int, random: np.random.Generator) -> Draw:
        corner = self._place(self.footage.landmarks[position], random)
        wrong = self._noise_px * random.normal(0, 1, (LANDMARKS, 4)).astype(np.float32)
        if random.random() < 0.5:
            wrong += (
                self._noise_px * TOGETHER * random.normal(0, 1, (LANDMARKS, 4)).astype(np.float32)[GROUPS]
            )
        wrong[:, 3] = 0
        earlier, before = self._before(position, 1), self._before(position, 2)
        first = position if earlier is None else earlier
        now, then = self.footage.landmarks[position] + wrong, self.footage.landmarks[first] + wrong
        return Draw(position, earlier, before, corner, now, then, self._frames(position, now, random))

    def _frames(self, position: int, landmarks: NDArray[np.float32], random: np.random.Generator) -> Frames:
        """The frames for a doll: never the frame itself or one soon before or after it, and sometimes none
        that fits well. Otherwise the net would learn to copy."""
        if self.bank is None:
            return np.zeros(COUNT, np.int64)
        away = np.abs(self.bank.numbers - self.footage.indices[position])
        allowed = away > self._gap
        if random.random() < FARTHER:
            allowed &= random.random(len(away)) < random.choice(LEFT)
        if not allowed.any():
            allowed[away.argmax()] = True
        return choose(self.bank, landmarks, allowed=allowed)

    def _item(self, draw: Draw) -> dict[str, NDArray[np.float32]]:
        x0, y0 = draw.corner
        width, height = self.size
        window = (slice(y0, y0 + height), slice(x0, x0 + width))
        earlier, before = draw.earlier, draw.before
        target, mask = self._true(draw.position, window)
        earlier_target, earlier_mask = (target, mask) if earlier is None else self._true(earlier, window)
        now, then, shift = draw.landmarks, draw.earlier_landmarks, draw.shift
        empty = np.zeros((4, height // self.cell, width // self.cell), np.float32)
        return {
            "landmarks": now - shift,
            "earlier": then - shift,
            **self._dolls({"doll": now, "earlier_doll": then}, draw.frames, (x0, y0)),
            "previous": empty if earlier is None else _feedback(earlier_target, earlier_mask, self.cell),
            "before_previous": empty if before is None else _feedback(*self._true(before, window), self.cell),
            "target": target,
            "earlier_target": earlier_target,
            "mask": mask,
            "plate": _planes(self.footage.plate[window]),
        }

    def _dolls(
        self, poses: dict[str, NDArray[np.float32]], frames: Frames, corner: tuple[int, int]
    ) -> dict[str, NDArray[np.float32]]:
        """The doll of each pose, all drawn from `frames`."""
        dolls, drawing = {}, Drawing.of(frames)
        for name, landmarks in poses.items():
            doll = np.zeros((self.size[1], self.size[0], 4), np.uint8)
            if self._doll is not None:
                self._doll.paint(landmarks, drawing, doll, corner)
            dolls[name] = np.concatenate([_planes(doll[..., :3]), _mask(doll[..., 3])])
        return dolls

    def _place(self, landmarks: NDArray[np.float32], random: np.random.Generator) -> tuple[int, int]:
        """The corner of a crop somewhere on the person, on the grid of the live windows, inside the
        picture."""
        grid = GRID * self.cell
        low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
        corner = []
        for axis in range(2):
            side, whole = self.size[axis], self.footage.size[axis]
            margin = 0.25 * side
            first, last = low[axis] - margin, high[axis] + margin - side
            start = random.uniform(min(first, last), max(first, last))
            corner.append(int(np.clip(round(start / grid) * grid, 0, (whole - side) // 4 * 4)))
        return corner[0], corner[1]

    def _before(self, position: int, frames: int) -> int | None:
        earlier = position - frames
        if earlier < self.positions[0]:
            return None
        return earlier if self.footage.indices[position] - self.footage.indices[earlier] == frames else None

    def _true(
        self, position: int, window: tuple[slice, slice]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A window of one frame and of its mask: (3, h, w) and (1, h, w)."""
        frame, mask = self.footage.frame(position), self.footage.mask(position)
        return _planes(frame[window]), _mask(mask[window])


class Steps(Protocol[Made]):
    """Makes something for each step of training, in any thread."""

    def __getitem__(self, step: int) -> Made: ...


def ahead(crops: Steps[Made], step: int, workers: int = 2) -> Generator[Made, None, None]:
    """The results for each step from `step` on, without end, a few made in advance by threads. (Decoding
    releases Python's lock, and a process that runs networks cannot safely be forked.)"""
    with ThreadPoolExecutor(workers) as pool:
        waiting = deque(pool.submit(crops.__getitem__, each) for each in range(step, step + 2 * workers))
        try:
            for following in itertools.count(step + 2 * workers):
                batch = waiting.popleft().result()
                waiting.append(pool.submit(crops.__getitem__, following))
                yield batch
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _feedback(picture: NDArray[np.float32], alpha: NDArray[np.float32], cell: int) -> NDArray[np.float32]:
    """`Painting.feedback` of a recorded picture (3, h, w) and its mask (1, h, w)."""
    whole = np.concatenate([picture * alpha, alpha])
    channels, height, width = whole.shape
    return whole.reshape(channels, height // cell, cell, width // cell, cell).mean(axis=(2, 4))


def _planes(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w, 3) BGR uint8 → (3, h, w) RGB 0..1."""
    return np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1)).astype(np.float32) / 255


def _mask(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w) uint8 → (1, h, w) 0..1."""
    return np.ascontiguousarray(mask)[None].astype(np.float32) / 255
