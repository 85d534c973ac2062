"""How each backend compiles a network of the show: the TABLE of builders."""

from __future__ import annotations

import contextlib
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

import numpy as np

from engines.backends import tensorrt, tensorrt_rtx
from engines.backends.choice import compile_module
from engines.backends.load_plans import open_plan, plan_key, this_gpu
from engines.build.networks import Export
from engines.build.verify import Run, compiled
from engines.plans.cache import Facts, Layer, Manifest, PlanCache, PlanError, PlanKey
from engines.plans.machine import gpu, show_threads
from engines.runtime.engine import Engine, EngineError, Tensors


class Built(NamedTuple):
    """plan: None where the backend keeps its own files, or keeps nothing. layers: as parsed, where known."""

    plan: bytes | None
    layers: tuple[Layer, ...] = ()


class Builder(ABC):
    """Compiles networks with one backend. One builder serves one build.

    `index` is the number of one of a network's shapes. Where is_per_shape is False, all shapes are compiled
    together, and `index` is that of the last, which is verified and measured for all.
    """

    backend: str
    is_per_shape: ClassVar[bool] = True

    def __init__(self, target: str | None, cache: PlanCache) -> None:
        """target: a compute capability ("8.9") to compile for instead of this machine."""
        self.target, self.cache = target, cache

    @abstractmethod
    def precision(self, export: Export, asked: str) -> str:
        """The precision that is built for the one `asked`. Raises EngineError where the backend lacks it."""

    @abstractmethod
    def build(self, export: Export, index: int, precision: str) -> Built:
        """Compiles. Raises EngineError."""

    @abstractmethod
    def run(self, export: Export, index: int, precision: str, built: Built) -> Run | None:
        """The last built network as a function; None where it cannot run on this machine."""

    def kept(self, export: Export, index: int, precision: str) -> Manifest | None:
        """The manifest of an existing plan that is verified and right; None where it must be built."""
        return None

    def keep(self, export: Export, index: int, precision: str, built: Built, facts: Facts) -> Manifest | None:
        """Writes the plan and returns its manifest; None for a backend without plans. Raises PlanError."""
        return None

    def onnx_run(self, export: Export) -> Run | None:
        """The graph from which plans are compiled, run on the CPU; None where there is none."""
        return None

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Keeps other builds out of the plans' folder."""
        return contextlib.nullcontext()


class TensorRtBuilder(Builder):
    """TensorRT: compiles on the GPU that the show runs on."""

    backend = "tensorrt"

    def precision(self, export: Export, asked: str) -> str:
        if asked != "fp16":
            raise EngineError(f"--precision {asked}: {self.backend} has fp16; bf16 and int8 are OpenVINO's")
        return asked

    def build(self, export: Export, index: int, precision: str) -> Built:
        if self.target is not None and self.target != this_gpu(self.backend).capability:
            raise EngineError("--target: TensorRT compiles for the GPU that is here; leave it out")
        example = export.examples[index]
        return Built(*tensorrt.compile_tensorrt(export.module, example, export.outputs, self.cache.folder))

    def run(self, export: Export, index: int, precision: str, built: Built) -> Run | None:
        assert built.plan is not None  # noqa: S101  # for the type checker
        found = gpu()
        if found is None or self.target not in (None, found.capability):
            return None
        names = list(export.examples[index])
        return compiled(open_plan(built.plan, names, export.outputs, self.backend, precision))

    def kept(self, export: Export, index: int, precision: str) -> Manifest | None:
        try:
            return self.cache.check(export.label_of(index), self._key(export, index, precision))
        except PlanError:
            return None

    def keep(self, export: Export, index: int, precision: str, built: Built, facts: Facts) -> Manifest | None:
        assert built.plan is not None  # noqa: S101  # for the type checker
        key = self._key(export, index, precision)
        return self.cache.write(export.label_of(index), key, built.plan, facts)

    def lock(self) -> contextlib.AbstractContextManager[None]:
        return self.cache.building()

    def _key(self, export: Export, index: int, precision: str) -> PlanKey:
        return plan_key(self.backend, export.digest, [export.shapes(index)], precision, self.target)


class RtxBuilder(TensorRtBuilder):
    """TensorRT for RTX: compiles through ONNX, on any machine, for any GPU that it supports."""

    backend = "tensorrt-rtx"

    def __init__(self, target: str | None, cache: PlanCache) -> None:
        super().__init__(target, cache)
        self._capability = target if target is not None else this_gpu(self.backend).capability
        tensorrt_rtx.check_capability(self._capability)
        self._label, self._onnx = "", b""

    def build(self, export: Export, index: int, precision: str) -> Built:
        onnx = self._exported(export)
        return Built(*tensorrt_rtx.compile_rtx(onnx, export.shapes(index), self._capability))

    def onnx_run(self, export: Export) -> Run | None:
        try:
            import onnxruntime
        except ImportError:
            return None
        session = onnxruntime.InferenceSession(self._exported(export), providers=["CPUExecutionProvider"])

        def run(inputs: Tensors) -> Tensors:
            given = {name: np.asarray(inputs[name]) for name in export.examples[0]}
            return dict(zip(export.outputs, session.run(list(export.outputs), given), strict=True))

        return run

    def _exported(self, export: Export) -> bytes:
        """The network as ONNX, traced once for all its shapes."""
        if export.label != self._label:
            try:
                from engines.backends.onnx_export import export_onnx
            except ImportError as error:
                raise EngineError(f"{error}: pip install '.[tensorrt-rtx]'") from error
            model = export_onnx(export.module, export.examples, export.outputs)
            self._label, self._onnx = export.label, model.SerializeToString()
        return self._onnx


class StartingBuilder(Builder):
    """A backend with which a show can start without plans; all shapes of a network are compiled together."""

    is_per_shape = False
    PRECISIONS: ClassVar[Mapping[str, tuple[str, ...]]]
    """The precisions for the pose nets, and for a generator."""
    _engine: Engine | None = None

    def __init__(self, target: str | None, cache: PlanCache) -> None:
        super().__init__(target, cache)
        self.threads = show_threads()

    def precision(self, export: Export, asked: str) -> str:
        if self.target is not None:
            raise EngineError(
                f"--target: {self.backend} compiles for the machine that it runs on; leave it out"
            )
        pose, generator = self.PRECISIONS["pose"], self.PRECISIONS["generator"]
        if asked not in generator:
            raise EngineError(f"--precision {asked}: {self.backend} has {', '.join(generator)}")
        return asked if export.pose is None else pose[0]

    def build(self, export: Export, index: int, precision: str) -> Built:
        engines = compile_module(
            export.module,
            list(export.examples),
            export.outputs,
            backend=self.backend,
            precision=precision,
            threads=self.threads,
            calibration=export.calibration,
        )
        self._engine = engines[index]
        return Built(None)

    def run(self, export: Export, index: int, precision: str, built: Built) -> Run | None:
        assert self._engine is not None  # noqa: S101  # `build` made it
        return compiled(self._engine)


class CudaBuilder(StartingBuilder):
    """torch on the GPU with CUDA graphs; nothing is kept."""

    backend = "cuda"
    PRECISIONS: ClassVar = {"pose": ("f32",), "generator": ("fp16",)}


class OpenVinoBuilder(StartingBuilder):
    """OpenVINO on the CPU. It writes its plans itself, also when a show starts; the build adds what it
    measured.

    The pose stays in f32: lower precision moves landmarks by pixels.
    """

    backend = "openvino"
    PRECISIONS: ClassVar = {"pose": ("f32",), "generator": ("auto", "f32", "bf16", "int8")}

    def precision(self, export: Export, asked: str) -> str:
        """With "auto", what a show would choose here, with its threads."""
        precision = super().precision(export, asked)
        if precision != "auto":
            return precision
        if export.calibration is None:  # untrained: nothing to judge it by
            return "f32"
        from engines.backends.openvino import choose

        most = show_threads()
        best = choose(export.module, export.examples, export.outputs, most, export.calibration).best
        self.threads = best.threads
        return best.precision

    def kept(self, export: Export, index: int, precision: str) -> Manifest | None:
        try:
            _, manifest = self.cache.load(self._key(export, precision))
        except PlanError:
            return None
        return manifest if manifest.facts.parity.value is not None else None

    def keep(self, export: Export, index: int, precision: str, built: Built, facts: Facts) -> Manifest | None:
        path, manifest = self.cache.find(self._key(export, precision))
        measured = dataclasses.replace(manifest, label=export.label, facts=facts)
        self.cache.annotate(path, measured)
        return measured

    def _key(self, export: Export, precision: str) -> PlanKey:
        from engines.backends.openvino_models import plan_key as openvino_key

        return openvino_key(export.module, export.examples, export.outputs, precision, export.calibration)


BUILDERS: dict[str, Callable[[str | None, PlanCache], Builder]] = {
    builder.backend: builder for builder in (TensorRtBuilder, RtxBuilder, CudaBuilder, OpenVinoBuilder)
}
"""TABLE of the backends for which networks can be built."""
