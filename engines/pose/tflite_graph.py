"""Reads a .tflite file into a plain graph: a list of operations that fits into JSON, and named weights.

TensorFlow is not needed: the mediapipe wheel has a reader for the flatbuffers format.
`engines.pose.tflite_net` makes a torch module from the graph.

Layouts: TFLite is channels-last, the graph is channels-first. Tensors of rank 4 are (B, C, H, W), and weights
are already laid out for torch; other ranks are left alone. The batch size, 1 in the file, is free.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

FORMAT = 1
MOST_BYTES = 64 * 1024 * 1024
"""Of a network file, and of the values of one tensor that a sparse one is filled up to."""
ACTIVATIONS = {0: None, 3: "relu6"}
"""schema.fbs, enum ActivationFunctionType."""
SAME = 0
"""schema.fbs, enum Padding."""

Op = dict[str, Any]
Array = NDArray[Any]


class GraphError(RuntimeError):
    """A network file that cannot be used; the text names the file and the next step."""


@dataclass(frozen=True)
class Graph:
    """A network as data.

    ops: in the order of execution; each has "op", "in" (tensor ids), "out" (tensor id), "weights" (names)
    and the attributes of its kind.
    input_shape: (C, H, W). outputs: name → tensor id. source_sha256: of the .tflite file.
    """

    name: str
    source_sha256: str
    input_id: int
    input_shape: tuple[int, int, int]
    outputs: dict[str, int]
    ops: list[Op]
    weights: dict[str, Array]

    def structure(self) -> str:
        """Everything but the weights, as JSON with sorted keys."""
        return json.dumps(
            {
                "format": FORMAT,
                "name": self.name,
                "source_sha256": self.source_sha256,
                "input_id": self.input_id,
                "input_shape": self.input_shape,
                "outputs": list(self.outputs.items()),
                "ops": self.ops,
            },
            sort_keys=True,
        )

    def sha256(self) -> str:
        """Digest of the structure and of every weight, whatever file they came from."""
        digest = hashlib.sha256(self.structure().encode())
        for name in sorted(self.weights):
            array = self.weights[name]
            digest.update(f"{name} {array.dtype.name} {list(array.shape)}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def read_tflite(path: Path, schema_path: Path, name: str, outputs: Sequence[str]) -> Graph:
    """The graph of the .tflite file at `path`.

    schema_path: flatbuffers' generated reader (mediapipe/tasks/metadata/schema_py_generated.py).
    outputs: names for the file's outputs, in its order. Raises GraphError where it is damaged, or where an
    operation is unknown.
    """
    schema = _load_schema(schema_path)
    if path.stat().st_size > MOST_BYTES:
        raise GraphError(f"{path} is no network of this project: it is larger than {MOST_BYTES} bytes")
    try:
        return _Reader(path, schema).graph(name, outputs)
    except (GraphError, OSError):
        raise
    except Exception as error:  # flatbuffers' reader raises anything
        raise GraphError(f"{path} cannot be read: it is damaged ({type(error).__name__})") from error


def save_graph(graph: Graph, path: Path) -> None:
    """Writes one .safetensors: the weights, and the structure in the metadata. Atomic."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = save(
        {name: np.ascontiguousarray(array) for name, array in graph.weights.items()},
        metadata={"graph": graph.structure()},
    )
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)


def load_graph(path: Path) -> Graph:
    """The graph that `save_graph` wrote. Raises GraphError where the file is something else."""
    try:
        with safe_open(path, "numpy") as file:
            structure = json.loads((file.metadata() or {})["graph"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
        version = structure.pop("format")
        structure["input_shape"] = tuple(structure["input_shape"])
        structure["outputs"] = dict(structure["outputs"])
        graph = Graph(**structure, weights=weights)
    except (SafetensorError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise GraphError(f"{path} is not a network of this project: {why}") from error
    if version != FORMAT:
        raise GraphError(f"{path} was written by another version; run: python -m engines.pose.convert")
    return graph


def _load_schema(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("tflite_schema", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise GraphError(f"{path} is missing; install the mediapipe that requirements.txt names")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Reader:
    """Reads one file. Constants are resolved at once, so DEQUANTIZE and DENSIFY leave no operations."""

    def __init__(self, path: Path, schema: ModuleType) -> None:
        data = path.read_bytes()
        self.path = path
        self.source_sha256 = hashlib.sha256(data).hexdigest()
        self.model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        self.schema = schema
        self.kinds = _names(schema.BuiltinOperator)
        self.types = {
            schema.TensorType.FLOAT32: np.float32,
            schema.TensorType.FLOAT16: np.float16,
            schema.TensorType.INT32: np.int32,
        }
        self.subgraph = self.model.subgraphs[0]
        self.constants: dict[int, Array] = {}
        self.weights: dict[str, Array] = {}
        for index, tensor in enumerate(self.subgraph.tensors):
            content = self.model.buffers[tensor.buffer].data
            if content is not None and len(content):
                self.constants[index] = self._constant(tensor, np.asarray(content, np.uint8))

    def graph(self, name: str, outputs: Sequence[str]) -> Graph:
        ops = [op for node in self.subgraph.operators if (op := self._op(node)) is not None]
        (input_id,) = (int(index) for index in self.subgraph.inputs)
        _, height, width, channels = self._shape(input_id)
        return Graph(
            name=name,
            source_sha256=self.source_sha256,
            input_id=input_id,
            input_shape=(channels, height, width),
            outputs={
                output: int(index) for output, index in zip(outputs, self.subgraph.outputs, strict=True)
            },
            ops=ops,
            weights=self.weights,
        )

    def _shape(self, index: int) -> tuple[int, ...]:
        return tuple(int(size) for size in self.subgraph.tensors[index].shape)

    def _constant(self, tensor: Any, content: Array) -> Array:
        try:
            values: Array = content.view(self.types[tensor.type])
        except KeyError:
            raise GraphError(f"{self.path}: tensor type {tensor.type} is unknown") from None
        shape = tuple(int(size) for size in tensor.shape)
        return values.reshape(shape) if tensor.sparsity is None else self._dense(tensor, values, shape)

    def _dense(self, tensor: Any, values: Array, shape: tuple[int, ...]) -> Array:
        """A sparse tensor made dense. All its dimensions are dense but the last, which is CSR."""
        sparsity = tensor.sparsity
        *prefix, last = sparsity.dimMetadata
        csr = self.schema.DimensionType.SPARSE_CSR
        if (
            list(sparsity.traversalOrder) != list(range(len(shape)))
            or (sparsity.blockMap is not None and len(sparsity.blockMap))
            or any(dimension.format == csr for dimension in prefix)
            or last.format != csr
        ):
            raise GraphError(f"{self.path}: the sparse layout of {tensor.name!r} is unknown")
        segments = np.asarray(last.arraySegments.values)
        columns = np.asarray(last.arrayIndices.values)
        if (len(segments) - 1) * shape[-1] * values.itemsize > MOST_BYTES:
            raise GraphError(f"{self.path}: {tensor.name!a} is too large")
        rows = np.repeat(np.arange(len(segments) - 1), np.diff(segments))
        dense = np.zeros((len(segments) - 1, shape[-1]), values.dtype)
        dense[rows, columns] = values
        return dense.reshape(shape)

    def _op(self, node: Any) -> Op | None:
        """One operation of the file; None for one that only rewrites a constant."""
        code = self.model.operatorCodes[node.opcodeIndex]
        kind = self.kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if kind == "CUSTOM":
            kind = code.customCode.decode()
        inputs = [int(index) for index in node.inputs]
        output = int(node.outputs[0])
        if kind in ("DEQUANTIZE", "DENSIFY"):
            self.constants[output] = self.constants[inputs[0]]
            return None
        method = getattr(self, f"_read_{kind.lower()}", None)
        if method is None:
            raise GraphError(f"{self.path}: operation {kind} is unknown")
        op: Op = {"in": [index for index in inputs if index not in self.constants], "out": output}
        op.setdefault("weights", [])
        op.update(method(node, inputs, output))
        activation = getattr(node.builtinOptions, "fusedActivationFunction", 0)
        if activation not in ACTIVATIONS:
            raise GraphError(f"{self.path}: activation {activation} of {kind} is unknown")
        op["act"] = ACTIVATIONS[activation]
        return op

    def _keep(self, output: int, *arrays: Array) -> list[str]:
        names = [f"{output}.{index}" for index in range(len(arrays))]
        self.weights.update(zip(names, (np.ascontiguousarray(array) for array in arrays), strict=True))
        return names

    def _padding(self, options: Any, kernel: Sequence[int], source: int, output: int) -> list[int]:
        """(left, right, top, bottom) for TFLite's SAME padding: an odd pixel goes to the right and the
        bottom."""
        if options.padding != SAME:
            return [0, 0, 0, 0]
        sides: list[int] = []
        for axis, size, stride, dilation in (
            (2, kernel[1], options.strideW, getattr(options, "dilationWFactor", 1)),
            (1, kernel[0], options.strideH, getattr(options, "dilationHFactor", 1)),
        ):
            reach = (self._shape(output)[axis] - 1) * stride + (size - 1) * dilation + 1
            total = max(reach - self._shape(source)[axis], 0)
            sides += [total // 2, total - total // 2]
        return sides

    def _read_conv_2d(self, node: Any, inputs: list[int], output: int) -> Op:
        options = node.builtinOptions
        weight = self.constants[inputs[1]].transpose(0, 3, 1, 2)  # (O, H, W, I) → (O, I, H, W)
        return {
            "op": "conv",
            "stride": [options.strideH, options.strideW],
            "dilation": [options.dilationHFactor, options.dilationWFactor],
            "pad": self._padding(options, weight.shape[2:], inputs[0], output),
            "groups": 1,
            "weights": self._keep(output, weight, self.constants[inputs[2]]),
        }

    def _read_depthwise_conv_2d(self, node: Any, inputs: list[int], output: int) -> Op:
        weight = self.constants[inputs[1]]  # (1, H, W, channels x multiplier)
        options = node.builtinOptions
        return {
            "op": "conv",
            "stride": [options.strideH, options.strideW],
            "dilation": [options.dilationHFactor, options.dilationWFactor],
            "pad": self._padding(options, weight.shape[1:3], inputs[0], output),
            "groups": self._shape(inputs[0])[3],
            "weights": self._keep(output, weight.transpose(3, 0, 1, 2), self.constants[inputs[2]]),
        }

    def _read_add(self, node: Any, inputs: list[int], output: int) -> Op:
        if any(index in self.constants for index in inputs):
            raise GraphError(f"{self.path}: arithmetic with a constant is unknown")
        return {"op": "add"}

    def _read_max_pool_2d(self, node: Any, inputs: list[int], output: int) -> Op:
        options = node.builtinOptions
        kernel = [options.filterHeight, options.filterWidth]
        if any(self._padding(options, kernel, inputs[0], output)):
            raise GraphError(f"{self.path}: a padded pooling is unknown")
        return {"op": "maxpool", "kernel": kernel, "stride": [options.strideH, options.strideW]}

    def _read_pad(self, node: Any, inputs: list[int], output: int) -> Op:
        batch, height, width, channel = self.constants[inputs[1]].reshape(-1, 2).tolist()
        if any(batch):
            raise GraphError(f"{self.path}: a padded batch is unknown")
        return {"op": "pad", "pad": [*width, *height, *channel]}

    def _read_resize_bilinear(self, node: Any, inputs: list[int], output: int) -> Op:
        if node.builtinOptions.alignCorners or not node.builtinOptions.halfPixelCenters:
            raise GraphError(f"{self.path}: only half-pixel centres are known to RESIZE_BILINEAR")
        return {"op": "resize", "size": list(self._shape(output)[1:3])}

    def _read_depth_to_space(self, node: Any, inputs: list[int], output: int) -> Op:
        return {"op": "depth_to_space", "block": node.builtinOptions.blockSize}

    def _read_reshape(self, node: Any, inputs: list[int], output: int) -> Op:
        source, target = self._shape(inputs[0]), self._shape(output)
        if source[0] != 1 or target[0] != 1 or math.prod(source) != math.prod(target) or len(target) > 3:
            raise GraphError(f"{self.path}: reshape {source} → {target} is unknown")
        return {"op": "reshape", "shape": list(target[1:])}

    def _read_concatenation(self, node: Any, inputs: list[int], output: int) -> Op:
        rank = len(self._shape(output))
        axis = node.builtinOptions.axis % rank
        return {"op": "concat", "axis": (0, 2, 3, 1)[axis] if rank == 4 else axis}

    def _read_logistic(self, node: Any, inputs: list[int], output: int) -> Op:
        return {"op": "sigmoid"}


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}
