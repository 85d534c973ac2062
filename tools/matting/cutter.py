"""Cuts a person out of a frame with the matting network, at the person's own scale."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from engines.backends.choice import compile_module
from engines.runtime.engine import Engine
from tools.matting.net import MattingNet

WEIGHTS = Path(__file__).with_name("matting.safetensors")
SHAPES = ((512, 288), (384, 352), (288, 512))
"""Rows and columns of the pictures for which the network is compiled: standing, about square, lying."""
MARGIN = 0.08
"""The margin around the person's box, as a share of its longer side."""
MAGNIFIED = 1.5
"""A small person is enlarged by at most this factor."""

Box = tuple[float, float, float, float]


class Cutter:
    """Cuts people out. One instance serves one thread. Raises EngineError where the backend is not
    available."""

    def __init__(self, *, backend: str = "auto", threads: int = 1) -> None:
        module = _Whole(load(WEIGHTS))
        examples = [_example(shape) for shape in SHAPES]
        engines = compile_module(
            module, examples, ["alpha"], backend=backend, precision="auto", threads=threads
        )
        self._engines = [_Shaped(engine) for engine in engines]

    def __call__(
        self,
        frame: NDArray[np.uint8],
        mask: NDArray[np.uint8],
        box: Box,
        plate: NDArray[np.uint8] | None = None,
        known: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """(H, W): alpha of the person, 0 outside of `box` and its margin.

        frame (H, W, 3) BGR. mask (H, W): the landmark net's. box: x0, y0, x1, y1 around the person, pixels.
        plate (H, W, 3): the empty scene, and known (H, W): 255 where the plate shows it; None for neither.
        """
        alpha = np.zeros(frame.shape[:2], np.uint8)
        height, width = alpha.shape
        more = MARGIN * max(box[2] - box[0], box[3] - box[1])
        left, top = max(int(box[0] - more), 0), max(int(box[1] - more), 0)
        right, bottom = min(int(box[2] + more) + 1, width), min(int(box[3] + more) + 1, height)
        if left >= right or top >= bottom:
            return alpha
        near = (slice(top, bottom), slice(left, right))
        columns, rows = right - left, bottom - top
        shaped = max(self._engines, key=lambda each: each.scale(columns, rows))
        pieces = {"picture": frame[near], "mask": mask[near]}
        if plate is not None and known is not None:
            pieces |= {"plate": plate[near], "known": known[near]}
        alpha[near] = shaped(pieces, columns, rows)
        return alpha


class _Shaped:
    """The network for one size of picture."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._inputs, self._outputs = engine.buffers()
        self._rows, self._columns = self._inputs["mask"].shape[1:3]

    def scale(self, columns: int, rows: int) -> float:
        """The factor by which a piece of that size is enlarged to fit in."""
        return min(self._columns / columns, self._rows / rows, MAGNIFIED)

    def __call__(self, pieces: dict[str, NDArray[np.uint8]], columns: int, rows: int) -> NDArray[np.uint8]:
        scale = self.scale(columns, rows)
        size = (min(round(columns * scale), self._columns), min(round(rows * scale), self._rows))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        right, below = self._columns - size[0], self._rows - size[1]
        for name, buffer in self._inputs.items():
            if name not in pieces:
                buffer.fill(0)
                continue
            small = cv2.resize(pieces[name], size, interpolation=method)
            border = cv2.BORDER_CONSTANT if name == "known" else cv2.BORDER_REPLICATE
            padded = cv2.copyMakeBorder(small, 0, below, 0, right, border)
            buffer[0] = padded.reshape(buffer.shape[1:])
        self._engine.run(self._inputs, self._outputs)
        alpha = np.ascontiguousarray(self._outputs["alpha"][0, 0, : size[1], : size[0]])
        method = cv2.INTER_CUBIC if scale < 1 else cv2.INTER_AREA
        full = cv2.resize(alpha, (columns, rows), interpolation=method)
        return np.clip(full * 255 + 0.5, 0, 255).astype(np.uint8)


class _Whole(nn.Module):
    """The network with pictures as OpenCV holds them: (1, H, W, C) uint8, BGR."""

    def __init__(self, net: MattingNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor, mask: Tensor, plate: Tensor, known: Tensor) -> Tensor:
        shown = [each.permute(0, 3, 1, 2).float() / 255 for each in (picture, mask, plate, known)]
        picture, mask, plate, known = shown
        return torch.sigmoid(self.net(picture.flip(1), mask, plate.flip(1), known))


def load(path: Path) -> MattingNet:
    """The network with the weights in a file (half precision)."""
    net = MattingNet()
    net.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    return net.eval()


def _example(shape: tuple[int, int]) -> dict[str, Tensor]:
    channels = {"picture": 3, "mask": 1, "plate": 3, "known": 1}
    return {name: torch.zeros(1, *shape, count, dtype=torch.uint8) for name, count in channels.items()}
