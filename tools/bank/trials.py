"""Tries a bank on the footage itself: a frame's part from which others are drawn badly is used less.

A view's landmarks may be off, a hand blurred, its matte hold a piece of the scene, an arm be cut out with
some shirt: it shows in what is drawn from it.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.doll.bank import Bank
from engines.doll.choice import Drawing, Frames, choose
from engines.doll.cutting import Reals, label
from engines.doll.drawing import Doll
from engines.doll.parts import COUNT, TABLE, directions, distance
from tools.bank.views import cut_view
from tools.footage import Footage

ROUNDS, FRAMES = 3, 120
"""So often, so many frames are drawn; each round on others, with what the rounds before found."""
APART_S = 2.0
"""A frame is never drawn from frames that were filmed less than this before or after it."""
GAIN = 0.3
"""What it costs, in units of `parts.distance`, that a part is drawn from a frame twice as badly as usual."""
USUAL, MOST = 0.3, 0.4
"""What is worse by less than this share costs nothing: frames differ by chance; and the most that is said of
a part."""
FIRM = 2.0
"""A part that was tried so often is believed half of what was seen."""


class Trial(NamedTuple):
    """Of each part, (P,): the frame that it was drawn from, how much it is turned otherwise there
    (`parts.distance`), and the mean difference to the recording where the part is seen, levels; NaN where it
    is not."""

    frames: Frames
    turned: Reals
    error: Reals


def apart(footage: Footage, seconds: float = APART_S) -> float:
    """The same in frames of the source; less where the footage is short."""
    span = float(footage.indices[-1] - footage.indices[0])
    return min(seconds * footage.fps, 0.1 * span)


def faults(bank: Bank, footage: Footage, positions: NDArray[np.int64]) -> Reals:
    """(F, P): what each part of each frame costs more or less than others, for `Bank.faults`."""
    doll, gap = Doll(bank), apart(footage)
    wrong, tried = np.zeros((2, *bank.faults.shape))
    found = np.zeros_like(bank.faults)
    chosen = positions[np.linspace(0, len(positions) - 1, min(FRAMES * ROUNDS, len(positions))).astype(int)]
    known: list[Trial] = []
    with tqdm(total=len(chosen), unit="frame", desc="bank: trials") as bar:
        for start in range(ROUNDS):
            bank.faults[:] = found
            now = []
            for position in chosen[start::ROUNDS].tolist():
                allowed = np.abs(bank.numbers - footage.indices[position]) > gap
                bar.update()
                if allowed.any():
                    now.append(_try(bank, doll, footage, position, allowed))
            known += now
            if not now:
                break
            expected = _expected(known)
            for trial, usual in zip(now, expected[-len(now) :], strict=True):
                seen = np.flatnonzero(np.isfinite(trial.error))
                ratio = trial.error[seen] / usual[seen]
                np.add.at(wrong, (trial.frames[seen], seen), ratio - 1)
                np.add.at(tried, (trial.frames[seen], seen), 1)
            found = np.clip(GAIN * (wrong / (tried + FIRM) - USUAL), 0, MOST)
    bank.faults[:] = 0
    return found


def _expected(trials: list[Trial]) -> Reals:
    """(T, P): the error to be expected of each part, given how much it was turned otherwise: by least squares
    over all trials, a line that does not fall."""
    turned, error = np.stack([trial.turned for trial in trials]), np.stack([trial.error for trial in trials])
    seen = np.isfinite(error)
    count = np.maximum(seen.sum(axis=0), 1)
    x, y = np.where(seen, turned, 0), np.where(seen, error, 0)
    middle_x, middle_y = x.sum(axis=0) / count, y.sum(axis=0) / count
    x, y = np.where(seen, x - middle_x, 0), np.where(seen, y - middle_y, 0)
    slope = ((x * y).sum(axis=0) / ((x * x).sum(axis=0) + 1e-6)).clip(0)
    return np.maximum(middle_y + slope * (turned - middle_x), 0.3 * middle_y + 1e-6)


def _try(bank: Bank, doll: Doll, footage: Footage, position: int, allowed: NDArray[np.bool_]) -> Trial:
    """Draws a recorded frame."""
    view = cut_view(footage, position)
    frames = choose(bank, view.landmarks, allowed=allowed, height=view.height)
    drawn = np.empty((*view.alpha.shape, 4), np.uint8)
    doll.paint(view.landmarks, Drawing.of(frames), drawn, height=view.height)
    true = cv2.merge([*cv2.split(_premultiplied(view.picture, view.alpha)), view.alpha])
    owner = label(view, bank.widths).owner
    gap = cv2.resize(cv2.absdiff(true, drawn), owner.shape[1::-1], interpolation=cv2.INTER_AREA)
    seen = np.bincount(owner.ravel(), minlength=COUNT)
    error = np.bincount(owner.ravel(), gap.mean(axis=2).ravel(), minlength=COUNT)
    shown = np.bincount(
        owner.ravel(), cv2.resize(view.alpha, owner.shape[1::-1]).ravel() > 127, minlength=COUNT
    )
    own = directions(view.landmarks.astype(float), TABLE)
    turned = distance(bank.directions[frames, np.arange(COUNT)], own)
    return Trial(frames, turned, np.where(shown > 0, error / np.maximum(seen, 1), np.nan))


def _premultiplied(picture: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.multiply(picture, cv2.merge([alpha] * 3), scale=1 / 255), np.uint8)
