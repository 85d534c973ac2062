"""Tries a bank on the footage itself: a frame's part from which others are drawn badly is used less.

A view's landmarks may be off, a hand blurred, its matte hold a piece of the scene, an arm be cut out with
some shirt: it shows in what is drawn from it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.doll.bank import Bank
from engines.doll.choice import Drawing, choose
from engines.doll.cutting import Reals, label
from engines.doll.drawing import Doll
from engines.doll.parts import COUNT
from tools.bank.views import cut_view
from tools.footage import Footage

ROUNDS, FRAMES = 3, 120
"""So often, so many frames are drawn; each round on others, with what the rounds before found."""
APART_S = 2.0
"""A frame is never drawn from frames that were filmed less than this before or after it."""
GAIN = 0.3
"""What it costs, in units of `parts.distance`, that a part is drawn from a frame twice as badly as usual."""
LEAST, MOST = -0.1, 1.0
FIRM = 2.0
"""A part that was tried so often is believed half of what was seen."""


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
    usual: list[Reals] = []
    with tqdm(total=len(chosen), unit="frame", desc="bank: trials") as bar:
        for start in range(ROUNDS):
            bank.faults[:] = found
            seen: list[tuple[NDArray[np.int64], Reals]] = []
            for position in chosen[start::ROUNDS].tolist():
                allowed = np.abs(bank.numbers - footage.indices[position]) > gap
                bar.update()
                if allowed.any():
                    seen.append(_try(bank, doll, footage, position, allowed))
            usual.extend(error for _, error in seen)
            if not usual:
                break
            middle = np.nanmedian(np.stack(usual), axis=0).clip(1e-6)
            for frames, error in seen:
                ratio = error / middle
                known = np.isfinite(ratio)
                np.add.at(wrong, (frames[known], np.flatnonzero(known)), ratio[known] - 1)
                np.add.at(tried, (frames[known], np.flatnonzero(known)), 1)
            found = np.clip(GAIN * wrong / (tried + FIRM), LEAST, MOST)
    bank.faults[:] = 0
    return found


def _try(
    bank: Bank, doll: Doll, footage: Footage, position: int, allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Reals]:
    """The frames that a recorded frame is drawn from, and (P,) the mean difference to it where each part is
    seen, levels; NaN where a part is not seen."""
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
    return frames, np.where(shown > 0, error / np.maximum(seen, 1), np.nan)


def _premultiplied(picture: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.multiply(picture, cv2.merge([alpha] * 3), scale=1 / 255), np.uint8)
