"""The runner of TensorRT's plans: on a GPU for real, elsewhere what can be told without one."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engines.backends import tensorrt, tensorrt_rtx
from engines.backends.load_plans import open_plan
from engines.backends.tensorrt_engine import TensorRtEngine, _bound
from engines.plans.machine import gpu
from engines.runtime.engine import EngineError

MODES = SimpleNamespace(INPUT=SimpleNamespace(name="INPUT"), OUTPUT=SimpleNamespace(name="OUTPUT"))
TRT = SimpleNamespace(TensorIOMode=MODES)


class Small(nn.Module):
    """A byte picture and an offset in, a byte picture and the offset out."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, picture: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.sigmoid(self.conv(picture.permute(0, 3, 1, 2).float() / 255 + offset[:, :, None, None]))
        return (x * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1), offset * 2 + 1


class FakePlan:
    """The names of a plan's tensors, as the package gives them."""

    def __init__(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self._modes = {**dict.fromkeys(inputs, MODES.INPUT), **dict.fromkeys(outputs, MODES.OUTPUT)}
        self.num_io_tensors = len(self._modes)

    def get_tensor_name(self, index: int) -> str:
        return list(self._modes)[index]

    def get_tensor_mode(self, name: str) -> object:
        return self._modes[name]


def test_tensors_that_kept_their_names_are_bound_by_name() -> None:
    plan = FakePlan(["doll", "landmarks"], ["next_previous", "picture"])
    bound = _bound(TRT, plan, ["landmarks", "doll"], ["picture", "next_previous"])
    assert bound == {name: name for name in ("landmarks", "doll", "picture", "next_previous")}


def test_tensors_of_other_names_are_bound_in_their_order() -> None:
    plan = FakePlan(["arg0", "arg1"], ["output0", "output1"])
    bound = _bound(TRT, plan, ["landmarks", "doll"], ["picture", "next_previous"])
    assert bound == {"landmarks": "arg0", "doll": "arg1", "picture": "output0", "next_previous": "output1"}


def test_a_plan_of_another_network_is_refused() -> None:
    with pytest.raises(EngineError, match="a plan has 1 tensors of OUTPUT, not 2"):
        _bound(TRT, FakePlan(["landmarks"], ["picture"]), ["landmarks"], ["picture", "next_previous"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_nothing_of_tensorrt_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt.metadata, "version", lambda _: "10.14")
    with pytest.raises(EngineError, match="TensorRT compiles on the GPU that it compiles for"):
        tensorrt.package()
    if gpu() is None:
        with pytest.raises(EngineError, match="needs an NVIDIA GPU with its driver"):
            open_plan(b"", ["picture"], ["picture_out"], "tensorrt-rtx", "fp16")


@pytest.fixture(scope="module")
def engine() -> TensorRtEngine:
    pytest.importorskip("onnx")
    pytest.importorskip("tensorrt_rtx")
    from engines.backends.onnx_export import export_onnx

    found = gpu()
    if found is None or found.capability not in tensorrt_rtx.CAPABILITIES:
        pytest.skip("no GPU here that TensorRT for RTX compiles for")
    inputs = {"picture": torch.zeros(1, 16, 24, 3, dtype=torch.uint8), "offset": torch.zeros(1, 3)}
    outputs = ["picture_out", "moved"]
    model = export_onnx(Small(), [inputs], outputs).SerializeToString()
    shapes = {name: tuple(tensor.shape) for name, tensor in inputs.items()}
    plan, _ = tensorrt_rtx.compile_rtx(model, shapes, found.capability)
    opened = open_plan(plan, list(inputs), outputs, "tensorrt-rtx", "fp16")
    assert isinstance(opened, TensorRtEngine)
    return opened


@pytest.mark.gpu
def test_a_plan_computes_what_eager_torch_does_in_every_run(engine: TensorRtEngine) -> None:
    random = np.random.default_rng(0)
    net = Small().eval()
    sets = [engine.buffers(), engine.buffers()]
    for which in (0, 1, 0, 0, 1):
        inputs, outputs = sets[which]
        inputs["picture"][:] = random.integers(0, 256, inputs["picture"].shape)
        inputs["offset"][:] = random.normal(size=(1, 3))
        engine.run(inputs, outputs)
        with torch.inference_mode():
            picture, moved = net(*(torch.from_numpy(inputs[name]) for name in ("picture", "offset")))
        assert np.abs(outputs["picture_out"].astype(int) - picture.numpy()).max() <= 1
        np.testing.assert_allclose(outputs["moved"], moved.numpy(), rtol=1e-6)


@pytest.mark.gpu
def test_a_plan_allocates_nothing_from_run_to_run(engine: TensorRtEngine) -> None:
    inputs, outputs = engine.buffers()
    for array in inputs.values():
        array.fill(0)
    engine.run(inputs, outputs)
    before = torch.cuda.memory_stats()["allocation.all.allocated"]
    for _ in range(5):
        engine.run(inputs, outputs)
    assert torch.cuda.memory_stats()["allocation.all.allocated"] == before
