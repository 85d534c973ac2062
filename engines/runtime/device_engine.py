"""Engines with inputs and outputs on a device: on a GPU, a frame's way consists of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.runtime.engine import Engine, Tensors, TensorSpec
from engines.runtime.streams import Event, Graphs, Stream, pinned


class DeviceEngine(Engine):
    """A network between tensors that stay on a device.

    Fill `input_tensors`, call `enqueue` on a stream of your own, alone or within work that `Graphs` captures,
    and read `output_tensors`. `run` does the same for arrays on the host, as every engine does.
    """

    def __init__(self, input_tensors: Mapping[str, Tensor], output_tensors: Mapping[str, Tensor]) -> None:
        """input_tensors, output_tensors: by name, contiguous, all on one device."""
        self.input_tensors, self.output_tensors = dict(input_tensors), dict(output_tensors)
        self.device = next(iter(self.input_tensors.values())).device
        self._launch: Callable[[], None] | None = None
        super().__init__(
            {name: _spec(tensor) for name, tensor in input_tensors.items()},
            {name: _spec(tensor) for name, tensor in output_tensors.items()},
        )

    @abstractmethod
    def enqueue(self) -> None:
        """Queues the network on the current stream. It can be captured in a graph."""

    def run(self, inputs: Tensors, outputs: Tensors) -> None:
        self.check(inputs, outputs)
        if self._launch is None:
            self._stream, self._done = Stream(self.device), Event(self.device)
            self._launch = Graphs(self._stream).capture(self.enqueue)
        with self._stream.current():
            for name, tensor in self.input_tensors.items():
                tensor.copy_(torch.from_numpy(inputs[name]), non_blocking=True)
            self._launch()
            for name, tensor in self.output_tensors.items():
                torch.from_numpy(outputs[name]).copy_(tensor, non_blocking=True)
            self._done.set()
        self._done.wait()

    def buffers(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, NDArray[np.generic]]]:
        """Fresh arrays in page-locked memory, which the device copies to and from by itself."""
        inputs, outputs = (
            {name: pinned(tuple(t.shape), t.dtype, self.device).numpy() for name, t in tensors.items()}
            for tensors in (self.input_tensors, self.output_tensors)
        )
        return inputs, outputs


def _spec(tensor: Tensor) -> TensorSpec:
    return TensorSpec(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
