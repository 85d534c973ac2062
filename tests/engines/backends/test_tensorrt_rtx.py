"""Compiles every network of a show for NVIDIA's workstation cards, for real and without one."""

from __future__ import annotations

from collections import Counter
from importlib import metadata
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engines.backends import tensorrt_api, tensorrt_rtx
from engines.backends.tensorrt_build import compile_onnx
from engines.build.networks import POSE_NETS, Export, untrained_export
from engines.painting.generator import VARIANTS, LiveGenerator
from engines.runtime.engine import EngineError
from tests.drawn import standing, untrained_generator

onnx = pytest.importorskip("onnx", reason="onnx compiles nothing alone, but without it nothing is compiled")
pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed")
from engines.backends.onnx_export import export_onnx  # noqa: E402  # needs onnx

TARGET = "8.9"


class Small(nn.Module):
    """A convolution between sums that stay in float32, a byte picture in and one out."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Conv2d(4, 3, 1)

    def forward(self, picture: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        x = picture.permute(0, 3, 1, 2).float() / 255 + offset[:, :, None, None] / 1000
        y = torch.relu(self.last(torch.relu(self.conv(x))))
        return (y * 100 + 0.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1), offset * 2 + 1


def small_inputs(rows: int = 8, columns: int = 12) -> dict[str, Tensor]:
    picture = torch.arange(rows * columns * 3, dtype=torch.uint8).reshape(1, rows, columns, 3)
    return {"picture": picture, "offset": torch.tensor([[1919.3, -7.1, 1079.9]])}


def convolutions(module: nn.Module) -> int:
    return sum(isinstance(part, nn.Conv2d) for part in module.modules())


def compile_fp16(export: Export) -> Counter[tuple[str, str]]:
    """Layers of the network as it was parsed, by type and precision, after it was compiled."""
    model = export_onnx(export.module, export.examples, export.outputs)
    plan, layers = tensorrt_rtx.compile_rtx(model.SerializeToString(), export.shapes(0), TARGET)
    assert len(plan) > 100_000
    assert all(layer.name and layer.type for layer in layers)
    return Counter((layer.type, layer.precision) for layer in layers)


@pytest.mark.parametrize("name", POSE_NETS)
def test_every_pose_net_compiles_with_no_convolution_left_in_float32(name: str) -> None:
    net = POSE_NETS[name]
    layers = compile_fp16(Export(name, net.module(), (net.example(),), net.outputs, "", pose=net))
    assert layers["CONVOLUTION", "HALF"] > 25
    assert not layers["CONVOLUTION", "FLOAT"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_of_the_generator_compiles_with_its_coordinates_in_float32(variant: str) -> None:
    export = untrained_export(variant, (64, 96))
    layers = compile_fp16(export)
    assert layers["CONVOLUTION", "HALF"] == convolutions(export.module)
    assert not layers["CONVOLUTION", "FLOAT"]
    assert layers["MATRIX_MULTIPLY", "FLOAT"] >= 3
    assert not layers["MATRIX_MULTIPLY", "HALF"]


@pytest.mark.parametrize("precision", ["f32", "fp16"])
def test_the_lowered_graph_computes_what_the_module_does(precision: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    net, inputs = Small(), small_inputs()
    model = export_onnx(net, [inputs], ["picture_out", "moved"], precision)
    kinds = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4}
    assert kinds == {onnx.TensorProto.FLOAT if precision == "f32" else onnx.TensorProto.FLOAT16}
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    picture, moved = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    with torch.inference_mode():
        true_picture, true_moved = net(*inputs.values())
    assert np.abs(picture.astype(int) - true_picture.numpy()).max() <= 1
    np.testing.assert_array_equal(moved, true_moved.numpy())  # a coordinate, which half would round


def test_shapes_that_differ_are_free_and_each_is_compiled_of_one_graph() -> None:
    examples = [small_inputs(8, 12), small_inputs(16, 8)]
    model = export_onnx(Small(), examples, ["picture_out", "moved"]).SerializeToString()
    for example in examples:
        shapes = {name: tuple(tensor.shape) for name, tensor in example.items()}
        _, layers = tensorrt_rtx.compile_rtx(model, shapes, TARGET)
        convolved = [layer.shape for layer in layers if layer.type == "CONVOLUTION"]
        assert convolved == [(1, 4, *shapes["picture"][1:3]), (1, 3, *shapes["picture"][1:3])]


def test_the_live_generator_keeps_landmarks_exact_in_half_precision() -> None:
    runtime = pytest.importorskip("onnxruntime")
    net = LiveGenerator(untrained_generator(60).fold()).eval()
    inputs = {name: tensor.numpy() for name, tensor in net.example((64, 64)).items()}
    inputs["landmarks"] = standing(32, 60, 50)[None]
    inputs["doll"][0, 16:48, 16:48] = (40, 90, 200, 255)
    model = export_onnx(net, [net.example((64, 64))], net.OUTPUTS)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    own, fields = session.run(list(net.OUTPUTS), inputs)
    with torch.inference_mode():
        true, true_fields = net(*(torch.from_numpy(inputs[name]) for name in net.INPUTS))
    assert np.ptp(own) > 0.1
    np.testing.assert_allclose(own, true.numpy(), atol=0.01)
    np.testing.assert_allclose(fields, true_fields.numpy(), atol=0.02)


@pytest.mark.parametrize("capability", ["9.0", "8.7", "any"])
def test_a_compute_capability_that_it_lacks_is_named(capability: str) -> None:
    with pytest.raises(EngineError, match=rf"no compute capability {capability}; it has 7\.5, .*8\.9"):
        tensorrt_rtx.compile_rtx(b"", {}, capability)


def test_what_is_no_network_is_refused_in_one_line() -> None:
    with pytest.raises(EngineError, match=r"tensorrt_rtx cannot read the network: .+") as caught:
        tensorrt_rtx.compile_rtx(b"nonsense", {}, TARGET)
    assert "\n" not in str(caught.value)


def test_what_it_cannot_compile_is_refused_in_one_line() -> None:
    model = export_onnx(Small(), [small_inputs()], ["picture_out", "moved"], "f32")
    with pytest.raises(EngineError, match=r"tensorrt_rtx cannot compile the network: .+") as caught:
        tensorrt_rtx.compile_rtx(
            model.SerializeToString(), {"picture": (1, 8, 12, 5), "offset": (1, 3)}, TARGET
        )
    assert "\n" not in str(caught.value)


def test_a_missing_package_is_named_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(EngineError, match=r"tensorrt-rtx is missing: pip install '\.\[tensorrt-rtx\]'"):
        tensorrt_rtx.package()


TYPES = {
    "Tensor": "ITensor", "NetworkLayer": "ILayer", "Network": "INetworkDefinition",
    "TimingCache": "ITimingCache",
    "BuilderConfig": "IBuilderConfig", "Builder": "Builder", "ParserError": "ParserError",
    "OnnxParser": "OnnxParser", "ExecutionContext": "IExecutionContext", "CudaEngine": "ICudaEngine",
    "Runtime": "Runtime", "CreationFlags": "NetworkDefinitionCreationFlag",
    "Strategies": "ExecutionContextAllocationStrategy", "Modes": "TensorIOMode",
}  # fmt: skip


def members(protocol: type) -> set[str]:
    return {name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")}


def test_the_package_has_all_that_the_type_checker_is_told_of() -> None:
    package = tensorrt_rtx.package()
    protocols = {
        name: each for name, each in vars(tensorrt_api).items()
        if getattr(each, "__module__", "") == tensorrt_api.__name__
    }  # fmt: skip
    assert set(protocols) == {*TYPES, "Named", "TensorRt", "TensorRtRtx"}
    for name, real in TYPES.items():
        assert members(protocols[name])
        for member in members(protocols[name]):
            assert hasattr(getattr(package, real), member), f"{real}.{member}"
    for member in members(protocols["TensorRt"]) | members(protocols["TensorRtRtx"]):
        assert hasattr(package, member), member


def test_the_network_is_strongly_typed_and_no_flag_lowers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT 11 has no other networks, and their types are those of the ONNX graph."""
    package = tensorrt_rtx.package()
    networks: list[int] = []

    class Builder(package.Builder):  # type: ignore[misc, name-defined]  # known at run time alone
        def create_network(self, flags: int = 0) -> object:
            networks.append(flags)
            return super().create_network(flags)

    flags: list[object] = []

    def configure(_: object, config: Any) -> None:
        config.num_compute_capabilities = 1
        config.set_compute_capability(package.ComputeCapability.SM89, 0)
        flags.extend(flag for flag in package.BuilderFlag.__members__.values() if config.get_flag(flag))

    monkeypatch.setattr(package, "Builder", Builder)
    model = export_onnx(Small(), [small_inputs()], ["out", "moved"])
    shapes = {name: tuple(tensor.shape) for name, tensor in small_inputs().items()}
    _, layers = compile_onnx(package, model.SerializeToString(), shapes, configure)
    assert networks == [1 << int(package.NetworkDefinitionCreationFlag.STRONGLY_TYPED)]
    assert flags == [package.BuilderFlag.TF32], "the default alone"
    kinds = {layer.precision for layer in layers if layer.type == "CONVOLUTION"}
    assert kinds == {"HALF"}
