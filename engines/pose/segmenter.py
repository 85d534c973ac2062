"""A mask of the person in a frame, from the selfie segmentation net."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.backends.choice import compile_module
from engines.pose.convert import load_net
from engines.pose.tflite_net import ImageNet

SIZE = 256


class PersonSegmenter:
    """How much each pixel of a frame belongs to a person. One instance serves one thread."""

    def __init__(self, *, backend: str = "auto", threads: int = 1) -> None:
        module = ImageNet(load_net("selfie_segmentation"), 0.0, 1.0)
        example = {"picture": torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8)}
        self._engine = compile_module(
            module, example, ["mask"], backend=backend, precision="f32", threads=threads
        )
        self.backend = self._engine.backend
        self._inputs, self._outputs = self._engine.buffers()

    def __call__(
        self, frame: NDArray[np.uint8], box: tuple[float, float, float, float] | None = None
    ) -> NDArray[np.float32]:
        """(H, W) float32, 0 (background) to 1 (person).

        frame: (H, W, 3) uint8 BGR. box: x0, y0, x1, y1 in pixels: look only there, with more pixels for a
        small person; outside of it the mask is 0. Raises ValueError where the box misses the frame.
        """
        height, width = frame.shape[:2]
        x0, y0, x1, y1 = (0, 0, width, height) if box is None else _clip(box, width, height)
        crop = cv2.resize(frame[y0:y1, x0:x1], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        cv2.cvtColor(crop, cv2.COLOR_BGR2RGB, dst=self._inputs["picture"][0])
        self._engine.run(self._inputs, self._outputs)
        found = cv2.resize(self._outputs["mask"][0, 0], (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
        if box is None:
            result: NDArray[np.float32] = found
            return result
        mask = np.zeros((height, width), np.float32)
        mask[y0:y1, x0:x1] = found
        return mask


def _clip(box: tuple[float, float, float, float], width: int, height: int) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (round(value) for value in box)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"box {box} lies outside of the {width}x{height} frame")
    return x0, y0, x1, y1
