"""A plain torch module that computes a graph that was read from a .tflite file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.pose.tflite_graph import Graph, GraphError, Op
from engines.runtime.mixed_precision import HalfWeights


class TfliteNet(HalfWeights):
    """(B, C, H, W) float32 → one tensor for each chosen output.

    Pictures come out as (B, C, H, W), vectors as (B, N), boxes as (B, N, values). Differentiable and
    exportable; the weights are frozen buffers, float32 until `half` is called.
    """

    def __init__(self, graph: Graph, outputs: Sequence[str] | None = None) -> None:
        """outputs: the names wanted, by default all; operations that lead to none of them are left out."""
        super().__init__()
        wanted = tuple(graph.outputs) if outputs is None else tuple(outputs)
        unknown = [name for name in wanted if name not in graph.outputs]
        if unknown:
            raise GraphError(f"{graph.name} has no output {unknown[0]!r}; it has {sorted(graph.outputs)}")
        self.input_shape = graph.input_shape
        self.output_names = wanted
        self._input_id = graph.input_id
        self._output_ids = [graph.outputs[name] for name in wanted]
        self._ops = _needed(graph.ops, self._output_ids)
        for op in self._ops:
            for name in op["weights"]:
                self.register_buffer(_buffer(name), torch.from_numpy(graph.weights[name].astype("float32")))

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        values = {self._input_id: picture.to(next(self.buffers()).dtype)}
        for op in self._ops:
            weights = [self.get_buffer(_buffer(name)) for name in op["weights"]]
            result = OPS[op["op"]](op, [values[index] for index in op["in"]], weights)
            values[op["out"]] = ACTIVATE[op["act"]](result)
        return tuple(values[index].float() for index in self._output_ids)


class ImageNet(nn.Module):
    """A net that takes pictures as OpenCV holds them: (B, H, W, 3) uint8, but RGB.

    low, high: the values that 0 and 255 become, as the net was trained.
    """

    def __init__(self, net: TfliteNet, low: float, high: float) -> None:
        super().__init__()
        self.net = net
        self._scale = (high - low) / 255.0
        self._low = low

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        result: tuple[Tensor, ...] = self.net(picture.permute(0, 3, 1, 2).float() * self._scale + self._low)
        return result


def _buffer(name: str) -> str:
    return "w" + name.replace(".", "_")


def _needed(ops: Sequence[Op], outputs: Sequence[int]) -> list[Op]:
    wanted = set(outputs)
    kept: list[Op] = []
    for op in reversed(ops):
        if op["out"] in wanted:
            wanted.update(op["in"])
            kept.append(op)
    return kept[::-1]


def _conv(op: Op, inputs: list[Tensor], weights: list[Tensor]) -> Tensor:
    (x,) = inputs
    left, right, top, bottom = op["pad"]
    padding = (top, left)
    if (left, top) != (right, bottom):
        x = F.pad(x, (left, right, top, bottom))
        padding = (0, 0)
    return F.conv2d(x, weights[0], weights[1], op["stride"], padding, op["dilation"], op["groups"])


def _resize(op: Op, inputs: list[Tensor], weights: list[Tensor]) -> Tensor:
    return F.interpolate(inputs[0], size=op["size"], mode="bilinear", align_corners=False)


def _depth_to_space(op: Op, inputs: list[Tensor], weights: list[Tensor]) -> Tensor:
    (x,) = inputs
    block = op["block"]
    _, channels, height, width = x.shape
    depth = channels // (block * block)
    x = x.reshape(-1, block, block, depth, height, width)  # TFLite's channel order is (by, bx, c)
    x = x.permute(0, 3, 1, 2, 4, 5).reshape(-1, channels, height, width)  # pixel_shuffle's is (c, by, bx)
    return F.pixel_shuffle(x, block)


def _reshape(op: Op, inputs: list[Tensor], weights: list[Tensor]) -> Tensor:
    (x,) = inputs
    if x.dim() == 4:
        x = x.permute(0, 2, 3, 1)  # flattened in TFLite's order
    first, *rest = op["shape"]
    return x.reshape(x.shape[0], first, *rest)


OPS: dict[str, Callable[[Op, list[Tensor], list[Tensor]], Tensor]] = {
    "conv": _conv,
    "resize": _resize,
    "depth_to_space": _depth_to_space,
    "reshape": _reshape,
    "add": lambda op, inputs, weights: inputs[0] + inputs[1],
    "pad": lambda op, inputs, weights: F.pad(inputs[0], op["pad"]),
    "concat": lambda op, inputs, weights: torch.cat(inputs, op["axis"]),
    "maxpool": lambda op, inputs, weights: F.max_pool2d(inputs[0], op["kernel"], op["stride"]),
    "sigmoid": lambda op, inputs, weights: torch.sigmoid(inputs[0]),
}
"""TABLE of operations: the graph's name → the torch function."""

ACTIVATE: dict[Any, Callable[[Tensor], Tensor]] = {None: lambda x: x, "relu6": F.relu6}
