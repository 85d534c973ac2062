"""Frames on a device: each frame is uploaded once, and the nets' inputs are cut out of it there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.runtime.engine import EngineError
from engines.runtime.streams import Event, Stream, pinned

LARGEST = (3840, 2160)
"""Width and height for which memory is reserved; a frame may have any shape with as many pixels."""


@dataclass(frozen=True)
class DeviceFrame:
    """The frame that was uploaded last.

    shape: (height, width, 3). pixels: (N, 3) uint8 BGR on the device, row by row, with spare room at the end.
    stream: the stream of the upload and of the nets that read the frame. host: the same frame as it was
    before the upload, (H, W, 3) uint8 BGR; or None.
    """

    shape: tuple[int, int, int]
    pixels: Tensor
    stream: Stream
    host: NDArray[np.uint8] | None = None

    @property
    def size(self) -> int:
        """The number of values, as NumPy counts them."""
        height, width, channels = self.shape
        return height * width * channels


class FrameUpload:
    """Brings frames to a device, one at a time: the next upload replaces the frame before. For one thread."""

    def __init__(self, device: torch.device) -> None:
        self._stream = Stream(device, urgent=True)
        self._host = pinned((LARGEST[0] * LARGEST[1], 3), torch.uint8, device)
        self._pixels = torch.zeros_like(self._host, device=device)
        self._stream.wait_for_default()
        self._uploaded = Event(device)

    def blank(self) -> DeviceFrame:
        """A placeholder frame, for nets to warm up with before the first frame, in any thread. Its content is
        arbitrary."""
        return DeviceFrame((720, 1280, 3), self._pixels, Stream(self._pixels.device))

    def __call__(self, frame: NDArray[np.uint8]) -> DeviceFrame:
        """frame: (H, W, 3) uint8 BGR. Queues the upload and returns. Raises EngineError where it is too
        large."""
        height, width, channels = frame.shape
        count = height * width
        if count > len(self._host):
            raise EngineError(
                f"a frame of {width}x{height} is larger than {LARGEST[0]}x{LARGEST[1]}: set the camera lower"
            )
        self._uploaded.wait()  # the last frame may still be leaving the host's buffer
        self._host[:count].view(height, width, channels).copy_(torch.from_numpy(frame))
        with self._stream.current():
            self._pixels[:count].copy_(self._host[:count], non_blocking=True)
            self._uploaded.set()
        return DeviceFrame((height, width, channels), self._pixels, self._stream, frame)


Frame = NDArray[np.uint8] | DeviceFrame
"""What a net looks at: (H, W, 3) uint8 BGR, on the host or already on its device."""


def on_host(frame: Frame) -> NDArray[np.uint8] | None:
    """The frame's pixels (H, W, 3) where they are on the host; None where they are only on a device."""
    return frame.host if isinstance(frame, DeviceFrame) else frame


def check_frame(frame: Frame) -> None:
    """Raises ValueError unless `frame` is (H, W, 3) uint8."""
    if isinstance(frame, DeviceFrame):
        return
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        kind = f"{frame.dtype}{list(frame.shape)}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise ValueError(f"a frame must be uint8 (height, width, 3) BGR, not {kind}")


PARAMETERS = 8
"""The affine map from the crop to the frame, row by row, then the frame's width and height."""


class DeviceCrop(nn.Module):
    """Cuts a crop out of a frame, bilinear, in plain torch. It differs from cv2.warpAffine by 0.1 of 255 on
    average and 4 at most, because OpenCV rounds coordinates to 1/32 of a pixel.

    The frame's size is an input, so that one captured graph serves cameras of every size.

    size: the crop's side, pixels. replicate: repeat the frame's edge beyond it; otherwise black.
    """

    def __init__(self, size: int, *, replicate: bool) -> None:
        super().__init__()
        self._replicate = replicate
        places = torch.arange(size, dtype=torch.float32)
        y, x = torch.meshgrid(places, places, indexing="ij")
        self.register_buffer("_x", x.contiguous())  # (size, size)
        self.register_buffer("_y", y.contiguous())
        self._x: Tensor
        self._y: Tensor

    def forward(self, frame: Tensor, parameters: Tensor) -> Tensor:
        """frame (N, 3) uint8 BGR, whose first width * height rows are pixels, row by row; parameters
        (PARAMETERS,) float32 → (1, size, size, 3) uint8 RGB."""
        a, b, left, c, d, top, width, height = parameters.unbind()
        u, v = a * self._x + b * self._y + left, c * self._x + d * self._y + top
        column, row = u.floor(), v.floor()
        right, down = (u - column)[..., None], (v - row)[..., None]
        above, below = (
            torch.lerp(
                self._tap(frame, y, column, width, height),
                self._tap(frame, y, column + 1, width, height),
                right,
            )
            for y in (row, row + 1)
        )
        crop = (torch.lerp(above, below, down) + 0.5).to(torch.uint8)
        return crop.flip(-1)[None]

    def _tap(self, frame: Tensor, row: Tensor, column: Tensor, width: Tensor, height: Tensor) -> Tensor:
        """(size, size, 3) float32: the pixels at integer places."""
        y = torch.minimum(row.clamp(min=0), height - 1)
        x = torch.minimum(column.clamp(min=0), width - 1)
        taken = frame[y.long() * width.long() + x.long()].float()
        if self._replicate:
            return taken
        return taken * ((y == row) & (x == column))[..., None]
