"""Runs a TensorRT plan between tensors on the GPU; `Graphs` capture it like any other engine there."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engines.backends.tensorrt_api import CudaEngine, TensorRt
from engines.runtime.device_engine import DeviceEngine
from engines.runtime.engine import EngineError


class TensorRtEngine(DeviceEngine):
    """A serialized engine of `tensorrt` or `tensorrt_rtx`, on this machine's GPU.

    All its memory, also the plan's workspace, belongs to torch and is allocated once, so that it can be
    captured.
    """

    def __init__(
        self,
        trt: TensorRt,
        plan: bytes,
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        backend: str,
        precision: str,
    ) -> None:
        """trt: the package. inputs, outputs: our names, in the order of the module's arguments and results.

        Raises EngineError where the plan cannot be loaded.
        """
        self.backend, self.precision = backend, precision
        self._runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise EngineError(
                f"{backend} cannot load a plan on {torch.cuda.get_device_name()}: build it anew"
            )
        self._engine = engine
        bound = _bound(trt, engine, inputs, outputs)
        tensors = {ours: _tensor(engine, theirs) for ours, theirs in bound.items()}
        super().__init__({name: tensors[name] for name in inputs}, {name: tensors[name] for name in outputs})
        strategy = trt.ExecutionContextAllocationStrategy.USER_MANAGED
        self._context = engine.create_execution_context(strategy)
        size = engine.device_memory_size_v2
        self._workspace = torch.empty(max(size, 1), dtype=torch.uint8, device="cuda")
        self._context.set_device_memory(self._workspace.data_ptr(), size)
        for ours, theirs in bound.items():
            self._context.set_tensor_address(theirs, tensors[ours].data_ptr())

    def enqueue(self) -> None:
        if not self._context.execute_async_v3(torch.cuda.current_stream().cuda_stream):
            raise EngineError(f"{self.backend} failed to run a plan")


def _bound(
    trt: TensorRt, engine: CudaEngine, inputs: Sequence[str], outputs: Sequence[str]
) -> dict[str, str]:
    """Our names → the engine's: the same names if it came through ONNX, else matched by order."""
    result: dict[str, str] = {}
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    for ours, mode in ((inputs, trt.TensorIOMode.INPUT), (outputs, trt.TensorIOMode.OUTPUT)):
        theirs = [name for name in names if engine.get_tensor_mode(name) == mode]
        if len(theirs) != len(ours):
            raise EngineError(
                f"a plan has {len(theirs)} tensors of {mode.name}, not {len(ours)}: build it anew"
            )
        same = set(ours) == set(theirs)
        result |= {name: name if same else theirs[place] for place, name in enumerate(ours)}
    return result


def _tensor(engine: CudaEngine, name: str) -> torch.Tensor:
    kind = engine.get_tensor_dtype(name).name
    types = {"FLOAT": torch.float32, "HALF": torch.float16, "UINT8": torch.uint8, "INT32": torch.int32}
    if kind not in types:
        raise EngineError(f"a plan's tensor {name} is of type {kind}, which no network here has")
    return torch.empty(tuple(engine.get_tensor_shape(name)), dtype=types[kind], device="cuda")
