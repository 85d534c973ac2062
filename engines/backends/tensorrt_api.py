"""The part of TensorRT's Python API that is used here, as protocols for the type checker. It fits both
packages.

Neither package has types. The signatures are from the package tensorrt-stubs (10.8 to 10.13), which no
checker can read, since its file is not valid Python. The tests compare the names with `tensorrt_rtx`, which
has the same API and can be installed without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, SupportsInt

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Named(Protocol):
    """A value of one of the package's enumerations."""

    @property
    def name(self) -> str: ...


class Tensor(Protocol):
    """ITensor. shape: -1 for an unknown side."""

    name: str
    shape: Sequence[int]

    @property
    def dtype(self) -> Named: ...


class NetworkLayer(Protocol):
    """ILayer."""

    name: str

    @property
    def type(self) -> Named: ...
    def get_output(self, index: int, /) -> Tensor: ...


class Network(Protocol):
    """INetworkDefinition."""

    @property
    def num_inputs(self) -> int: ...
    @property
    def num_layers(self) -> int: ...
    def get_input(self, index: int, /) -> Tensor: ...
    def get_layer(self, index: int, /) -> NetworkLayer: ...


class TimingCache(Protocol):
    """ITimingCache."""

    def serialize(self) -> Buffer: ...


class BuilderConfig(Protocol):
    """IBuilderConfig; only TensorRT for RTX has the last two members."""

    def set_flag(self, flag: Any, /) -> None: ...
    def create_timing_cache(self, serialized_timing_cache: Buffer, /) -> TimingCache: ...
    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool: ...

    num_compute_capabilities: int

    def set_compute_capability(self, capability: Named, index: int, /) -> bool: ...


class Builder(Protocol):
    """Builder. The plan is None where it could not be built."""

    def create_network(self, flags: int = 0, /) -> Network: ...
    def create_builder_config(self) -> BuilderConfig: ...
    def build_serialized_network(self, network: Network, config: BuilderConfig, /) -> Buffer | None: ...


class ParserError(Protocol):
    """ParserError."""

    def desc(self) -> str: ...


class OnnxParser(Protocol):
    """OnnxParser."""

    @property
    def num_errors(self) -> int: ...
    def parse(self, model: Buffer, /) -> bool: ...
    def get_error(self, index: int, /) -> ParserError: ...


class ExecutionContext(Protocol):
    """IExecutionContext. memory: an address on the device."""

    def set_device_memory(self, memory: int, size: int, /) -> None: ...
    def set_tensor_address(self, name: str, memory: int, /) -> bool: ...
    def execute_async_v3(self, stream_handle: int, /) -> bool: ...


class CudaEngine(Protocol):
    """ICudaEngine."""

    @property
    def num_io_tensors(self) -> int: ...
    @property
    def device_memory_size_v2(self) -> int: ...
    def get_tensor_name(self, index: int, /) -> str: ...
    def get_tensor_mode(self, name: str, /) -> Named: ...
    def get_tensor_dtype(self, name: str, /) -> Named: ...
    def get_tensor_shape(self, name: str, /) -> Sequence[int]: ...
    def create_execution_context(self, strategy: Named, /) -> ExecutionContext: ...


class Runtime(Protocol):
    """Runtime. The engine is None where the plan cannot be loaded."""

    def deserialize_cuda_engine(self, serialized_engine: Buffer, /) -> CudaEngine | None: ...


class CreationFlags(Protocol):
    """NetworkDefinitionCreationFlag."""

    @property
    def STRONGLY_TYPED(self) -> SupportsInt: ...


class Strategies(Protocol):
    """ExecutionContextAllocationStrategy."""

    @property
    def USER_MANAGED(self) -> Named: ...


class Modes(Protocol):
    """TensorIOMode."""

    @property
    def INPUT(self) -> Named: ...
    @property
    def OUTPUT(self) -> Named: ...


class TensorRt(Protocol):
    """One of the two packages."""

    __name__: str

    @property
    def Builder(self) -> Callable[[Any], Builder]: ...
    @property
    def OnnxParser(self) -> Callable[[Network, Any], OnnxParser]: ...
    @property
    def Runtime(self) -> Callable[[Any], Runtime]: ...
    @property
    def ILogger(self) -> Any: ...
    @property
    def Logger(self) -> Any: ...
    @property
    def NetworkDefinitionCreationFlag(self) -> CreationFlags: ...
    @property
    def ExecutionContextAllocationStrategy(self) -> Strategies: ...
    @property
    def TensorIOMode(self) -> Modes: ...


class TensorRtRtx(TensorRt, Protocol):
    """`tensorrt_rtx`, with what only that package has."""

    @property
    def BuilderFlag(self) -> Any: ...
    @property
    def ComputeCapability(self) -> Any: ...
