"""Compiles ONNX to a TensorRT plan, with either of the two packages that have TensorRT's API.

`tensorrt_rtx` (TensorRT for RTX) and `tensorrt` compile for different GPUs, but are called alike.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from engines.backends.tensorrt_api import Builder, BuilderConfig, Named, Network, TensorRt
from engines.plans.cache import Layer
from engines.runtime.engine import EngineError

log = logging.getLogger(__name__)
Shapes = Mapping[str, tuple[int, ...]]


def compile_onnx(
    trt: TensorRt,
    onnx: bytes,
    shapes: Shapes,
    configure: Callable[[Builder, BuilderConfig], None],
) -> tuple[bytes, tuple[Layer, ...]]:
    """The serialized engine for inputs of `shapes`, and the layers of the parsed network.

    trt: the package. onnx: its types are kept (a strongly typed network). configure: called with the builder
    and its configuration, to set what the package needs. Raises EngineError.
    """
    logger = _Logger(trt)
    builder = trt.Builder(logger.instance)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger.instance)
    if not parser.parse(onnx):
        errors = "; ".join(parser.get_error(index).desc() for index in range(parser.num_errors))
        raise EngineError(f"{trt.__name__} cannot read the network: {_one_line(errors)}")
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        tensor.shape = shapes[tensor.name]
    config = builder.create_builder_config()
    configure(builder, config)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"{trt.__name__} cannot compile the network: {_one_line(logger.last_error)}")
    return bytes(plan), layers_of(network)


def layers_of(network: Network) -> tuple[Layer, ...]:
    """The layers of `network` (INetworkDefinition). A size that only the GPU will know is -1."""
    layers = []
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        output = layer.get_output(0)
        shape = tuple(output.shape)
        if any(not math.isfinite(side) or side < -1 for side in shape):
            shape = ()
        layers.append(Layer(layer.name, layer.type.name, output.dtype.name, shape))
    return tuple(layers)


class _Logger:
    """Keeps the package's last error, and passes its messages on to Python's log."""

    def __init__(self, trt: TensorRt) -> None:
        self.last_error = "it gave no reason"
        levels = {
            trt.ILogger.INTERNAL_ERROR: logging.ERROR,
            trt.ILogger.ERROR: logging.ERROR,
            trt.ILogger.WARNING: logging.INFO,
        }
        keeper = self

        base: Any = trt.ILogger

        class Instance(base):  # type: ignore[misc]  # a class that is known at run time alone
            def __init__(self) -> None:
                super().__init__()

            def log(self, severity: Named, text: str) -> None:
                level = levels.get(severity, logging.DEBUG)
                if level == logging.ERROR:
                    keeper.last_error = text
                log.log(min(level, logging.INFO), "%s", text)

        self.instance = Instance()


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
