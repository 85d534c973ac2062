"""Exports a torch module to ONNX in mixed precision, for the compilers that read it.

The module is traced in float32 and the graph is converted afterwards: tracing a half-precision module on a
CPU takes minutes. Convolutions and the operations between them become half precision. Everything else stays
float32: limb maps and the doll's flow are coordinates, which half precision would move by pixels.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import nn

from engines.runtime.engine import EngineError

OPSET = 18
LOWERED = frozenset({"Conv", "ConvTranspose", "Gemm"})
"""Always converted to half precision: here is the arithmetic."""
PASSING = frozenset({
    "Add", "AveragePool", "Clip", "Concat", "DepthToSpace", "GlobalAveragePool", "HardSwish", "LeakyRelu",
    "MaxPool", "Mul", "PRelu", "Pad", "ReduceMean", "Relu", "Reshape", "Resize", "Squeeze", "Transpose",
})  # fmt: skip
"""Converted to half precision where all their inputs, or all readers of their outputs, have it."""
STAYS_FLOAT = {"Resize": (1, 2)}
"""Inputs that ONNX requires in float32 whatever the data's type: roi and scales."""


class _Types(NamedTuple):
    """Which tensors are float32 as exported, which of those are constants, and which become half
    precision."""

    floats: frozenset[str]
    constants: Mapping[str, TensorProto]
    lowered: frozenset[str]


def export_onnx(
    module: nn.Module,
    examples: Sequence[Mapping[str, torch.Tensor]],
    outputs: Sequence[str],
    precision: str = "fp16",
) -> ModelProto:
    """The module as ONNX, with named inputs and outputs. Sides in which the `examples` differ are free, the
    others are fixed.

    precision: "f32" or "fp16", for the convolutions; inputs and outputs keep the module's types. Raises
    EngineError where the module uses an operation that ONNX lacks.
    """
    names = list(examples[0])
    free = {
        name: {
            axis: f"{name}_{axis}"
            for axis in range(examples[0][name].dim())
            if _differs(examples, name, axis)
        }
        for name in names
    }
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(), warnings.catch_warnings():
        path = Path(folder) / "module.onnx"
        warnings.simplefilter("ignore")  # about tracing with constant sizes, which are intended
        try:
            torch.onnx.export(
                module.eval(),
                tuple(examples[0].values()),
                path,
                input_names=names,
                output_names=list(outputs),
                opset_version=OPSET,
                dynamic_axes={name: axes for name, axes in free.items() if axes} or None,
                dynamo=False,  # the newer exporter needs onnxscript, and is slower
            )
        except torch.onnx.errors.OnnxExporterError as error:
            raise EngineError(f"{type(module).__name__} cannot be written as ONNX: {error}") from error
        model = _with_casts_outermost(onnx.load(path))
    return model if precision == "f32" else lower(model)


def _differs(examples: Sequence[Mapping[str, torch.Tensor]], name: str, axis: int) -> bool:
    return len({example[name].shape[axis] for example in examples}) > 1


def lower(model: ModelProto) -> ModelProto:
    """Converts convolutions, and what lies between them, to half precision, with casts at the borders."""
    model = onnx.shape_inference.infer_shapes(_with_initializers(model))
    types = _types(model)
    casts: dict[tuple[str, int], str] = {}
    nodes: list[NodeProto] = []
    halves: dict[str, TensorProto] = {}

    def cast(name: str, to: int) -> str:
        if (name, to) not in casts:
            casts[name, to] = f"{name}_as_{TensorProto.DataType.Name(to).lower()}"
            nodes.append(helper.make_node("Cast", [name], [casts[name, to]], f"cast {len(casts)}", to=to))
        return casts[name, to]

    for node in model.graph.node:
        is_lowered = node.output[0] in types.lowered
        for place, name in enumerate(node.input):
            if name not in types.floats or place in STAYS_FLOAT.get(node.op_type, ()):
                continue
            if not is_lowered:
                node.input[place] = cast(name, TensorProto.FLOAT) if name in types.lowered else name
            elif name in types.constants:
                halves[name] = types.constants[name]
                node.input[place] = f"{name}_half"
            elif name not in types.lowered:
                node.input[place] = cast(name, TensorProto.FLOAT16)
        nodes.append(node)
    for output in model.graph.output:  # of the module's own type and name
        if output.name in types.lowered:
            inner = f"{output.name}_half"
            for node in nodes:
                _rename(node.input, output.name, inner)
                _rename(node.output, output.name, inner)
            nodes.append(helper.make_node("Cast", [inner], [output.name], output.name, to=TensorProto.FLOAT))
    used = {name for node in nodes for name in node.input}
    kept = [each for name, each in types.constants.items() if name in used]
    graph = helper.make_graph(
        nodes,
        model.graph.name,
        model.graph.input,
        model.graph.output,
        [*kept, *(_half(tensor) for tensor in halves.values())],
    )
    result = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    onnx.checker.check_model(result, full_check=True)
    return result


def _with_casts_outermost(model: ModelProto) -> ModelProto:
    """Moves casts so that pictures are transposed as floats: TensorRT can only cast bytes."""
    makers = {output: node for node in model.graph.node for output in node.output}
    bytes_in = {
        each.name for each in model.graph.input if each.type.tensor_type.elem_type == TensorProto.UINT8
    }
    for last in model.graph.node:
        first = makers.get(last.input[0]) if last.input else None
        if first is None:
            continue
        arrives = (first.op_type, last.op_type) == ("Transpose", "Cast") and first.input[0] in bytes_in
        leaves = (first.op_type, last.op_type) == ("Cast", "Transpose") and first.attribute[
            0
        ].i == TensorProto.UINT8
        if arrives or leaves:
            first.op_type, last.op_type = last.op_type, first.op_type
            before, after = list(first.attribute), list(last.attribute)
            del first.attribute[:], last.attribute[:]
            first.attribute.extend(after)
            last.attribute.extend(before)
    del model.graph.value_info[:]
    return model


def _with_initializers(model: ModelProto) -> ModelProto:
    """Converts constant nodes to initializers, so that there is one kind of constant."""
    others = []
    for node in model.graph.node:
        if node.op_type == "Constant":
            tensor = TensorProto()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
            model.graph.initializer.append(tensor)
        else:
            others.append(node)
    del model.graph.node[:]
    model.graph.node.extend(others)
    return model


def _types(model: ModelProto) -> _Types:
    graph = model.graph
    values = (*graph.value_info, *graph.input, *graph.output)
    floats = {each.name for each in values if each.type.tensor_type.elem_type == TensorProto.FLOAT}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    floats |= {name for name, tensor in constants.items() if tensor.data_type == TensorProto.FLOAT}
    lowered: set[str] = set()
    for node in graph.node:
        taken = [name for name in _data(node, floats) if name not in constants]
        passes = node.op_type in PASSING and taken and lowered.issuperset(taken)
        if node.op_type in LOWERED or passes:
            lowered.update(node.output)
    takers: dict[str, list[NodeProto]] = {}
    for node in reversed(graph.node):
        by = [taker for output in node.output for taker in takers.get(output, ())]
        if node.op_type in PASSING and by and all(taker.output[0] in lowered for taker in by):
            lowered.update(node.output)
        for name in node.input:
            takers.setdefault(name, []).append(node)
    return _Types(frozenset(floats), constants, frozenset(lowered & floats))


def _data(node: NodeProto, floats: set[str]) -> list[str]:
    fixed = STAYS_FLOAT.get(node.op_type, ())
    return [name for place, name in enumerate(node.input) if name in floats and place not in fixed]


def _half(tensor: TensorProto) -> TensorProto:
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{tensor.name}_half")


def _rename(names: list[str], old: str, new: str) -> None:
    for place, name in enumerate(names):
        if name == old:
            names[place] = new
