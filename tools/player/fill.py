"""Fills in the body where arms hide it in a bank's frames, from frames that show it. `tools.player.bank`
calls it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.doll.bank import Bank, Frame
from engines.doll.choice import Drawing, choose
from engines.doll.cutting import NOTHING, Bytes, Floats, Labels
from engines.doll.drawing import Doll
from engines.doll.parts import ARMS, CORE, TORSO

OPAQUE = 230
"""The least alpha of a drawn body's pixel that is used."""
AROUND = 5
"""Pixels of labels around the hidden area that are filled in as well."""
SPREADS = (1.5, 3, 6, 12, 24)
"""Where no frame shows anything, the body's colours spread in, with these widths one after the other, pixels
of labels."""


def filled(bank: Bank) -> list[Frame]:
    """The bank's frames with their `body` set."""
    doll = Doll(_without_arms(bank))
    frames, clear = [], np.median(bank.hidden[:, TORSO])
    for number, frame in enumerate(tqdm(bank.frames, unit="frame", desc="bank: filling in")):
        if not frame.labels.hidden.any() or len(bank.frames) == 1:
            frames.append(frame)
            continue
        view = frame.view
        others = np.arange(len(bank.frames)) != number
        clearest = others & (bank.hidden[:, TORSO] <= clear)
        allowed = clearest if clearest.any() else others
        chosen = choose(bank, view.landmarks, allowed=allowed, height=view.height)
        drawn = np.empty((*view.alpha.shape, 4), np.uint8)
        doll.paint(view.landmarks, Drawing.of(chosen), drawn, parts=CORE, height=view.height)
        frames.append(replace(frame, body=_fill(frame, drawn)))
    return frames


def _without_arms(bank: Bank) -> Bank:
    """The same frames; where an arm hides the body, the body is transparent instead of having the arm's
    colours."""
    frames = [
        replace(frame, labels=Labels(frame.labels.owner, np.full_like(frame.labels.under, NOTHING)))
        for frame in bank.frames
    ]
    return Bank(frames, bank.widths, bank.body, skirt=bank.skirt, shown=bank.seen, keep=False)


def _fill(frame: Frame, drawn: Bytes) -> Bytes:
    """The view's picture, with the hidden body taken from `drawn` (h, w, 4), and from the surrounding body
    where that is empty."""
    view, labels = frame.view, frame.labels
    height, width = view.alpha.shape
    small = labels.owner.shape[1::-1]
    shown = (drawn[..., 3] >= OPAQUE)[..., None]
    picture = np.where(shown, drawn[..., :3], view.picture)
    covered = _wider(labels.under != NOTHING)
    known = (np.isin(labels.owner, ARMS) | covered) <= (
        cv2.resize(drawn[..., 3], small, interpolation=cv2.INTER_AREA) >= OPAQUE
    )
    known &= cv2.resize(view.alpha, small, interpolation=cv2.INTER_AREA) > 200
    spread = _spread(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), known)
    spread = cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR)
    hidden = cv2.resize(covered.astype(np.float32), (width, height))[..., None]
    body = np.where(shown, drawn[..., :3].astype(np.float32), spread)
    return np.asarray(view.picture * (1 - hidden) + body * hidden + 0.5, np.uint8)


def _wider(hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`hidden` (h, w), enlarged: an arm is blurred where it moves, and casts a shadow."""
    return cv2.dilate(hidden.astype(np.uint8), np.ones((AROUND, AROUND), np.uint8)) > 0


def _spread(picture: Bytes, known: NDArray[np.bool_]) -> Floats:
    """`picture` (h, w, 3), with its `known` (h, w) colours spread over the rest, 0..255."""
    weight = known.astype(np.float32)
    colours = picture.astype(np.float32) * weight[..., None]
    result, done = colours.copy(), known.copy()
    for sigma in SPREADS:
        near = cv2.GaussianBlur(weight, (0, 0), sigma)
        blurred = cv2.GaussianBlur(colours, (0, 0), sigma)
        now = ~done & (near > 0.03)
        result[now] = blurred[now] / near[now][:, None]
        done |= now
    return np.asarray(result, np.float32)
