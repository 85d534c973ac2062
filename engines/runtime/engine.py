"""The one interface that every backend implements, so that the show need not know which one runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[np.generic]]


def _largest(inputs: Mapping[str, Any]) -> str:
    """The shape of the largest of some arrays or tensors, "1x16x24x3"."""
    shapes = [tuple(each.shape) for each in inputs.values()]
    return "x".join(map(str, max(shapes, key=prod)))


class Calibration(NamedTuple):
    """What INT8 quantization needs to know about a network.

    samples: inputs as the network gets them on air. key: names them (a digest). keep_float: patterns of the
    names of operations that stay in f32 (module path, a slash, operation), because they compute coordinates
    or colours rather than features. picture: the size of one set of inputs, for people.
    """

    key: str
    samples: Callable[[], Iterable[Tensors]]
    keep_float: tuple[str, ...] = ()
    picture: Callable[[Mapping[str, Any]], str] = _largest


class EngineError(RuntimeError):
    """An engine that cannot be built or run; the text names the engine and the next step."""


@dataclass(frozen=True)
class TensorSpec:
    """Shape and numpy dtype name of one named tensor."""

    shape: tuple[int, ...]
    dtype: str = "float32"

    def empty(self) -> NDArray[np.generic]:
        return np.empty(self.shape, self.dtype)


class Engine(ABC):
    """A compiled network with named inputs and outputs of fixed shapes.

    One engine serves one thread: `run` may reuse buffers of its own between calls.
    """

    backend: str
    precision: str

    def __init__(self, inputs: Mapping[str, TensorSpec], outputs: Mapping[str, TensorSpec]) -> None:
        self.inputs = dict(inputs)
        self.outputs = dict(outputs)

    @abstractmethod
    def run(self, inputs: Tensors, outputs: Tensors) -> None:
        """Reads `inputs` and overwrites `outputs`, both preallocated C-contiguous arrays.

        Raises EngineError where a name is missing or a shape or dtype differs from the specs.
        """

    def buffers(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, NDArray[np.generic]]]:
        """Fresh input and output arrays that fit `run`."""
        return (
            {name: spec.empty() for name, spec in self.inputs.items()},
            {name: spec.empty() for name, spec in self.outputs.items()},
        )

    def check(self, inputs: Tensors, outputs: Tensors) -> None:
        for kind, given, specs in (("input", inputs, self.inputs), ("output", outputs, self.outputs)):
            for name, spec in specs.items():
                if name not in given:
                    raise EngineError(f"{kind} {name!r} is missing; this engine needs {sorted(specs)}")
                array = given[name]
                if array.shape != spec.shape or array.dtype != np.dtype(spec.dtype):
                    raise EngineError(
                        f"{kind} {name!r} is {array.dtype}{list(array.shape)}, "
                        f"not {spec.dtype}{list(spec.shape)} as compiled"
                    )
                if not array.flags.c_contiguous:
                    raise EngineError(f"{kind} {name!r} is not C-contiguous")
