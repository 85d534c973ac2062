"""From what the net gives to the player's picture, at full resolution, on a CPU.

The net's fields and its own colours are coarse and smooth (`engines.generator`), and the doll is drawn as it
is bent by them, once. What is left is to tint it, to mix it with the net's colours, and to lay it over the
plate: some passes over the window's pixels, by OpenCV. `engines.generator.LiveGenerator` computes the same in
one graph for a GPU.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.generator import ALPHA_SHARPNESS, DOLL_ALPHA, FINE

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
FLOW, TINTS, OUTLINE, CHOICE = slice(0, 2), slice(2, 5), 5, 6
"""Of the fields, see `LiveGenerator`."""


class Compositor:
    """Composites windows of a net whose cells are `cell` pixels, and which says where the player ends within
    `soft` of `FINE` to a cell. For one thread: what it returns, the next call overwrites."""

    def __init__(self, cell: int, soft: int) -> None:
        self._cell = cell
        side = 2 * (soft * cell // FINE) + 1
        self._margin = np.ones((side, side), np.uint8)
        self._kept: dict[str, NDArray[Any]] = {}

    def paint(self, doll: Bytes, own: Floats, fields: Floats) -> tuple[Bytes, Floats]:
        """The player's colours (h, w, 3) BGR, not yet times alpha, and alpha (h, w) 0..1.

        doll: (h, w, 4) premultiplied BGRA, bent. own, fields: see `LiveGenerator`, without the batch.
        """
        height, width = doll.shape[:2]
        fine, size, shape = (own.shape[1], own.shape[0]), (width, height), (height, width, 3)
        cover = cv2.extractChannel(doll, 3, dst=self._buffer("cover", (height, width), np.uint8))
        # own (1 - choice cover) + choice (doll + tint cover) = own + choice doll + choice (tint - own) cover
        choice = cv2.resize(cv2.merge([fields[..., CHOICE]] * 3), fine)
        change = cv2.multiply(cv2.resize(fields[..., TINTS], fine) - own, choice)
        change = cv2.resize(change, size, dst=self._buffer("change", shape, np.float32))
        covers = cv2.cvtColor(cover, cv2.COLOR_GRAY2BGR, dst=self._buffer("covers", shape, np.uint8))
        cv2.multiply(change, covers, dst=change, dtype=cv2.CV_32F)
        mixed = cv2.resize(choice, size, dst=self._buffer("mixed", shape, np.float32))
        colours = cv2.cvtColor(doll, cv2.COLOR_BGRA2BGR, dst=self._buffer("colours", shape, np.uint8))
        cv2.multiply(mixed, colours, dst=mixed, dtype=cv2.CV_32F)
        cv2.add(mixed, change, dst=mixed)
        cv2.scaleAdd(cv2.resize(own, size, dst=change), 255.0, mixed, dst=mixed)
        np.maximum(mixed, 0, out=mixed)
        colours = cv2.convertScaleAbs(mixed, dst=colours)  # rounded, at most 255
        return np.asarray(colours, np.uint8), self._alpha(np.asarray(cover, np.uint8), fields[..., OUTLINE])

    def _alpha(self, cover: Bytes, outline: Floats) -> Floats:
        """(h, w) 0..1, from the doll's, and the outline's logits for each cell."""
        shape, size = cover.shape, cover.shape[::-1]
        # 1 / (1 + exp(-ALPHA_SHARPNESS (outline + DOLL_ALPHA (2 cover - 1))))
        logits = np.clip(ALPHA_SHARPNESS * (DOLL_ALPHA - outline), -60, 60)
        alpha = cv2.resize(logits, size, dst=self._buffer("alpha", shape, np.float32))
        opaque = self._buffer("opaque", shape, np.float32)
        cv2.multiply(cover, -2 * ALPHA_SHARPNESS * DOLL_ALPHA / 255, dst=opaque, dtype=cv2.CV_32F)
        cv2.exp(cv2.add(alpha, opaque, dst=alpha), dst=alpha)
        np.add(alpha, 1, out=alpha)
        np.reciprocal(alpha, out=alpha)
        inside = cv2.erode(
            cover, self._margin, dst=self._buffer("inside", shape, np.uint8),
            borderType=cv2.BORDER_CONSTANT, borderValue=255,
        )  # fmt: skip
        cv2.multiply(inside, 1 / 255, dst=opaque, dtype=cv2.CV_32F)
        return np.maximum(alpha, opaque, out=alpha)

    def over(self, colours: Bytes, alpha: Floats, plate: Bytes) -> Bytes:
        """The colours (h, w, 3) over `plate`, the same."""
        rest = np.subtract(1, alpha, out=self._buffer("rest", alpha.shape, np.float32))
        shown = self._buffer("shown", colours.shape, np.uint8)
        return np.asarray(cv2.blendLinear(colours, plate, alpha, rest, dst=shown), np.uint8)

    def feedback(self, colours: Bytes, alpha: Floats) -> Floats:
        """What the net is shown of this as its previous output, (4, h/cell, w/cell): see
        `Painting.feedback`."""
        height, width = alpha.shape
        fine = (width * FINE // self._cell, height * FINE // self._cell)
        rgb = cv2.resize(colours, fine, interpolation=cv2.INTER_AREA)[..., ::-1]
        thin = cv2.resize(alpha, fine, interpolation=cv2.INTER_AREA)[..., None]
        whole = np.concatenate([rgb * (thin / np.float32(255)), thin], axis=2)
        cells = cv2.resize(whole, (fine[0] // FINE, fine[1] // FINE), interpolation=cv2.INTER_AREA)
        return np.asarray(cells, np.float32).transpose(2, 0, 1)

    def _buffer(self, name: str, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
        """Memory of this shape, kept from call to call."""
        kept = self._kept.get(name)
        if kept is None or kept.shape != shape:
            kept = self._kept[name] = np.empty(shape, kind)
        return kept
