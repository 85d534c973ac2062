"""Engines on a device, with the CPU for one: what is the same there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from engines.backends.choice import compile_module
from engines.painting.generator import LiveGenerator
from engines.pose.convert import load_net
from engines.pose.tflite_graph import GraphError
from engines.pose.tflite_net import ImageNet
from engines.runtime.device_engine import DeviceEngine
from engines.runtime.engine import EngineError
from engines.runtime.streams import Event, Graphs, Stream, pinned
from tests.drawn import standing, untrained_generator
from tests.engines.capturable import Capturable, count_captures
from tests.engines.cuda_on_cpu import run_cuda_on_cpu
from tests.engines.small_net import OUTPUTS, Small, example, expected, fill

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cuda_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    run_cuda_on_cpu(monkeypatch)


def compiled(net: nn.Module, precision: str = "f32") -> DeviceEngine:
    engine = compile_module(net, example(), OUTPUTS, backend="cuda", precision=precision)
    assert isinstance(engine, DeviceEngine)
    return engine


def test_tensors_go_in_and_come_out_where_they_are() -> None:
    engine, net = compiled(Small()), Small()
    inputs, _ = engine.buffers()
    addresses = [
        tensor.data_ptr() for tensor in (*engine.input_tensors.values(), *engine.output_tensors.values())
    ]
    for seed in range(3):
        fill(inputs, seed)
        for name, tensor in engine.input_tensors.items():
            tensor.copy_(torch.from_numpy(inputs[name]))
        engine.enqueue()
        for name, truth in zip(OUTPUTS, expected(net, inputs), strict=True):
            np.testing.assert_allclose(engine.output_tensors[name].numpy(), truth, atol=1e-4)
    assert addresses == [
        tensor.data_ptr() for tensor in (*engine.input_tensors.values(), *engine.output_tensors.values())
    ]


def test_in_half_precision_outputs_stay_float_and_near() -> None:
    net = Small()
    engine = compiled(net, "fp16")
    assert engine.precision == "fp16" and compiled(net, "auto").precision == "fp16"
    inputs, outputs = engine.buffers()
    fill(inputs, 4)
    engine.run(inputs, outputs)
    for name, truth in zip(OUTPUTS, expected(net, inputs), strict=True):
        assert outputs[name].dtype == np.float32
        off = np.abs(outputs[name] - truth).max()
        assert 0 < off < 0.01 * np.ptp(truth) + 1e-3


def test_the_module_is_left_as_it_was() -> None:
    net = Small()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    compiled(net, "fp16")
    assert all(tensor.equal(before[name]) for name, tensor in net.state_dict().items())
    assert not net.first._forward_pre_hooks


@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_a_precision_that_it_has_not_is_refused(precision: str) -> None:
    with pytest.raises(EngineError, match=f"cuda runs in f32 or fp16, not in {precision}"):
        compiled(Small(), precision)


def test_in_half_precision_the_generator_gives_the_same() -> None:
    net = LiveGenerator(untrained_generator(90).fold()).eval()
    net_inputs = net.example((128, 128))
    net_inputs["landmarks"][0] = torch.from_numpy(standing(64, 116, 90))
    net_inputs["doll"][0, 32:96, 40:88] = torch.tensor([40, 90, 200, 255], dtype=torch.uint8)
    engine = compile_module(net, net_inputs, net.OUTPUTS, backend="cuda", precision="fp16")
    inputs, outputs = engine.buffers()
    for name, tensor in net_inputs.items():
        inputs[name][:] = tensor.numpy()
    engine.run(inputs, outputs)
    with torch.inference_mode():
        own, fields = net(*net_inputs.values())
    assert own.std() > 0.05 and np.abs(outputs["own"] - own.numpy()).max() < 0.02
    assert np.abs(outputs["fields"] - fields.numpy()).max() < 0.05


def test_what_cannot_be_captured_is_noticed() -> None:
    x = torch.zeros(1, 3, 4)
    with pytest.raises(AssertionError, match="makes a tensor from Python's data"), Capturable():
        x[:, [2, 1, 0]]
    with pytest.raises(AssertionError, match="reads a value on the host"), Capturable():
        float(x.sum())


def test_the_generator_can_be_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    captured = count_captures(monkeypatch)
    net = LiveGenerator(untrained_generator(60).fold()).eval()
    engine = compile_module(net, net.example((64, 64)), net.OUTPUTS, backend="cuda", precision="fp16")
    engine.run(*engine.buffers())
    engine.run(*engine.buffers())
    assert len(captured) == 1, "it is captured once"


@pytest.mark.parametrize("name", ["pose_detection", "pose_landmark_full"])
def test_a_pose_net_can_be_captured_and_be_halved(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    count_captures(monkeypatch)
    try:
        net = ImageNet(load_net(name), 0.0, 1.0)
    except GraphError as error:
        pytest.skip(str(error))
    _, height, width = net.net.input_shape
    picture = {"picture": torch.zeros(1, height, width, 3, dtype=torch.uint8)}
    names = net.net.output_names
    engine = compile_module(net, picture, names, backend="cuda", precision="fp16")
    engine.run(*engine.buffers())
    assert {spec.dtype for spec in engine.outputs.values()} == {"float32"}


def test_on_the_cpu_all_is_done_at_once() -> None:
    stream, event = Stream(CPU, urgent=True), Event(CPU)
    done: list[int] = []
    launch = Graphs(stream).capture(lambda: done.append(1))
    with stream.current():
        assert torch.is_inference_mode_enabled()
        launch()
        event.set()
    event.wait()
    stream.synchronize()
    assert done == [1] and pinned((2, 3), torch.uint8, CPU).shape == (2, 3)
