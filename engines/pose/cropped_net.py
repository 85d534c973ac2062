"""A pose net together with the cropping of its input: on the host with OpenCV, or on the net's device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.backends.choice import compile_module
from engines.pose.device_frame import PARAMETERS, DeviceCrop, DeviceFrame, Frame, FrameUpload
from engines.pose.tflite_net import ImageNet
from engines.runtime.device_engine import DeviceEngine
from engines.runtime.engine import Engine, Tensors
from engines.runtime.streams import Event, Graphs, Stream, pinned

Condense = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
"""Reduces a net's outputs on the device before they come back: large ones need not."""


class CroppedNet(ABC):
    """Runs a net on a part of a frame. One instance serves one thread."""

    backend: str

    @abstractmethod
    def __call__(self, frame: Frame, to_frame: NDArray[np.float64]) -> Tensors:
        """The net's outputs, which the next call overwrites.

        to_frame: (2, 3), the affine map from pixels of the crop to those of the frame.
        """


def open_cropped_net(
    net: ImageNet,
    size: int,
    outputs: Sequence[str],
    *,
    replicate: bool,
    backend: str,
    threads: int,
    condense: Condense | None = None,
) -> CroppedNet:
    """Compiles a net that takes one picture of `size` x `size`. It runs in f32: lower precision moves
    landmarks.

    replicate: repeat the frame's edge beyond it; otherwise black. condense: used only on a device. Raises
    EngineError.
    """
    example = {"picture": torch.zeros(1, size, size, 3, dtype=torch.uint8)}
    engine = compile_module(net, example, outputs, backend=backend, precision="f32", threads=threads)
    if isinstance(engine, DeviceEngine):
        return DeviceCroppedNet(engine, size, replicate=replicate, condense=condense)
    return HostCroppedNet(engine, size, replicate=replicate)


class HostCroppedNet(CroppedNet):
    """Crops with OpenCV into the engine's own input."""

    def __init__(self, engine: Engine, size: int, *, replicate: bool) -> None:
        self.backend = engine.backend
        self._engine = engine
        self._inputs, self._outputs = engine.buffers()
        self._crop = np.empty((size, size, 3), np.uint8)
        self._border = cv2.BORDER_REPLICATE if replicate else cv2.BORDER_CONSTANT

    def __call__(self, frame: Frame, to_frame: NDArray[np.float64]) -> Tensors:
        size = self._crop.shape[:2]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(frame, to_frame, size, dst=self._crop, flags=flags, borderMode=self._border)
        cv2.cvtColor(self._crop, cv2.COLOR_BGR2RGB, dst=self._inputs["picture"][0])
        self._engine.run(self._inputs, self._outputs)
        return self._outputs


class DeviceCroppedNet(CroppedNet):
    """Crops, runs the net and condenses its outputs as one captured graph; only small arrays come back.

    A frame on the host is uploaded first.
    """

    def __init__(
        self, engine: DeviceEngine, size: int, *, replicate: bool, condense: Condense | None = None
    ) -> None:
        self.backend = engine.backend
        device = engine.device
        self._engine = engine
        self._crop = DeviceCrop(size, replicate=replicate).to(device)
        self._condense = condense if condense is not None else dict
        self._graphs = Graphs(Stream(device))
        self._place = pinned((PARAMETERS,), torch.float32, device)
        self._place_there = torch.ones_like(self._place, device=device)
        shapes = self._condense(engine.output_tensors)
        self._results = {name: torch.zeros_like(tensor) for name, tensor in shapes.items()}
        self._back = {n: pinned(tuple(t.shape), t.dtype, device) for n, t in self._results.items()}
        self._outputs = {name: tensor.numpy() for name, tensor in self._back.items()}
        self._done = Event(device)
        self._upload: FrameUpload | None = None
        self._seen: Tensor | None = None
        self._look: Callable[[], None] = self._work

    def __call__(self, frame: Frame, to_frame: NDArray[np.float64]) -> Tensors:
        if not isinstance(frame, DeviceFrame):
            if self._upload is None:
                self._upload = FrameUpload(self._engine.device)
            frame = self._upload(frame)
        if frame.pixels is not self._seen:
            self._seen = frame.pixels
            self._look = self._graphs.capture(self._work)
        place = self._place.numpy()
        place[:6], place[6:] = to_frame.reshape(6), (frame.shape[1], frame.shape[0])
        with frame.stream.current():
            self._place_there.copy_(self._place, non_blocking=True)
            self._look()
            for name, tensor in self._results.items():
                self._back[name].copy_(tensor, non_blocking=True)
            self._done.set()
        self._done.wait()
        return self._outputs

    def _work(self) -> None:
        assert self._seen is not None  # noqa: S101  # for the type checker
        self._engine.input_tensors["picture"].copy_(self._crop(self._seen, self._place_there))
        self._engine.enqueue()
        for name, tensor in self._condense(self._engine.output_tensors).items():
            self._results[name].copy_(tensor)
