"""The contract that each backend fills, and OpenVINO's cache and quantization."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.generator import LiveGenerator
from engines.runtime import BACKENDS, Calibration, Engine, EngineError, choose_backend, compile_module
from engines.runtime import openvino as runtime
from tests.packs import standing, untrained_generator

OUTPUTS = ("picture", "mean")


class Small(nn.Module):
    """Two inputs, one of them uint8, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv2d(4, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, previous: Tensor, plate: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat([previous, plate.to(previous.dtype).permute(0, 3, 1, 2) / 255], dim=1)
        x = self.second(F.relu(self.first(x)))
        return x, x.mean(dim=(2, 3))


def example(rows: int = 16, columns: int = 24) -> dict[str, Tensor]:
    return {
        "previous": torch.zeros(1, 1, rows, columns),
        "plate": torch.zeros(1, rows, columns, 3, dtype=torch.uint8),
    }


def fill(inputs: dict[str, NDArray[np.generic]], seed: int) -> None:
    random = np.random.default_rng(seed)
    inputs["previous"][:] = random.normal(size=inputs["previous"].shape)
    inputs["plate"][:] = random.integers(0, 256, inputs["plate"].shape)


def expected(net: nn.Module, inputs: dict[str, NDArray[np.generic]]) -> list[NDArray[np.float32]]:
    with torch.inference_mode():
        return [out.numpy() for out in net(*(torch.from_numpy(array) for array in inputs.values()))]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "dancecam"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return {name: compile_module(Small(), example(), OUTPUTS, backend=name) for name in BACKENDS}


@pytest.fixture(params=BACKENDS)
def engine(request: pytest.FixtureRequest, compiled: dict[str, Engine]) -> Engine:
    return compiled[request.param]


def test_the_specs_are_those_of_the_example(engine: Engine) -> None:
    inputs, outputs = engine.buffers()
    assert [(name, array.shape, array.dtype.name) for name, array in inputs.items()] == [
        ("previous", (1, 1, 16, 24), "float32"),
        ("plate", (1, 16, 24, 3), "uint8"),
    ]
    assert [(name, array.shape, array.dtype.name) for name, array in outputs.items()] == [
        ("picture", (1, 3, 16, 24), "float32"),
        ("mean", (1, 3), "float32"),
    ]
    assert engine.backend in BACKENDS and engine.precision == "f32"


def test_the_output_is_that_of_eager_torch(engine: Engine) -> None:
    inputs, outputs = engine.buffers()
    fill(inputs, 0)
    engine.run(inputs, outputs)
    for name, truth in zip(OUTPUTS, expected(Small(), inputs), strict=True):
        np.testing.assert_allclose(outputs[name], truth, atol=1e-3)


def test_each_run_reads_and_writes_the_arrays_it_is_given(engine: Engine) -> None:
    sets = [engine.buffers(), engine.buffers()]
    for seed, which in enumerate((0, 0, 1, 0, 1, 1)):
        inputs, outputs = sets[which]
        before = {name: array.copy() for name, array in sets[1 - which][1].items()}
        fill(inputs, seed)
        engine.run(inputs, outputs)
        np.testing.assert_allclose(outputs["picture"], expected(Small(), inputs)[0], atol=1e-3)
        for name, array in sets[1 - which][1].items():
            np.testing.assert_array_equal(array, before[name])  # the caller's other set is left alone


def test_arrays_may_be_mixed_and_extra_names_given(engine: Engine) -> None:
    (inputs, _), (_, outputs) = engine.buffers(), engine.buffers()
    fill(inputs, 3)
    engine.run({**inputs, "unused": np.zeros(1)}, {**outputs, "unused": np.zeros(1)})
    np.testing.assert_allclose(outputs["mean"], expected(Small(), inputs)[1], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("previous", np.zeros((1, 1, 16, 23), np.float32), r"'previous' is float32\[1, 1, 16, 23\]"),
        ("previous", np.zeros((1, 1, 16, 24), np.float64), r"'previous' is float64"),
        ("plate", np.zeros((1, 16, 24, 3), np.float32), r"'plate' is float32.* not uint8"),
        ("plate", np.zeros((1, 16, 3, 24), np.uint8).transpose(0, 1, 3, 2), r"'plate' is not C-contiguous"),
        ("plate", None, r"'plate' is missing"),
        ("picture", np.zeros((1, 3, 16, 25), np.float32), r"'picture' is float32\[1, 3, 16, 25\]"),
        ("picture", np.zeros((1, 3, 16, 48), np.float32)[..., ::2], r"'picture' is not C-contiguous"),
        ("mean", None, r"'mean' is missing"),
    ],
)
def test_a_wrong_array_is_named(
    engine: Engine, name: str, wrong: NDArray[np.generic] | None, said: str
) -> None:
    inputs, outputs = engine.buffers()
    side = inputs if name in inputs else outputs
    if wrong is None:
        del side[name]
    else:
        side[name] = wrong
    with pytest.raises(EngineError, match=said):
        engine.run(inputs, outputs)


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(EngineError, match=r"'abacus'.*auto.*openvino.*torch"):
        compile_module(Small(), example(), OUTPUTS, backend="abacus")
    assert choose_backend("auto") in BACKENDS


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_list_of_shapes_gives_an_engine_for_each(backend: str) -> None:
    examples = [example(16, 24), example(32, 16)]
    engines = compile_module(Small(), examples, OUTPUTS, backend=backend)
    assert len(engines) == 2
    for seed, (each, one) in enumerate(zip(examples, engines, strict=True)):
        inputs, outputs = one.buffers()
        assert {name: array.shape for name, array in inputs.items()} == {n: t.shape for n, t in each.items()}
        fill(inputs, seed)
        one.run(inputs, outputs)
        np.testing.assert_allclose(outputs["picture"], expected(Small(), inputs)[0], atol=1e-3)


def test_int8_without_samples_is_refused() -> None:
    with pytest.raises(EngineError, match="INT8 needs inputs"):
        compile_module(Small(), example(), OUTPUTS, backend="openvino", precision="int8")


def test_int8_stays_near_the_truth_and_is_quantized_once() -> None:
    pytest.importorskip("nncf")
    calls = []

    def samples() -> Iterator[dict[str, NDArray[np.generic]]]:
        calls.append(1)
        for seed in range(4):
            inputs = {name: tensor.numpy().copy() for name, tensor in example().items()}
            fill(inputs, seed)
            yield inputs

    for _ in range(2):
        engine = compile_module(
            Small(), example(), OUTPUTS, backend="openvino", precision="int8",
            calibration=Calibration("drawn", samples),
        )  # fmt: skip
        inputs, outputs = engine.buffers()
        fill(inputs, 9)
        engine.run(inputs, outputs)
        truth = expected(Small(), inputs)[0]
        error = float(((outputs["picture"] - truth) ** 2).mean())
        assert error > 0, "nothing was quantized"
        assert 10 * math.log10(float(np.ptp(truth)) ** 2 / error) > 30
        assert engine.precision == "int8"
    assert len(calls) == 1


def test_a_network_is_converted_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    convert = runtime.convert
    monkeypatch.setattr(runtime, "convert", lambda *a, **k: calls.append(1) or convert(*a, **k))
    net = Small()
    for count in (1, 1):
        compile_module(net, example(), OUTPUTS, backend="openvino")
        assert len(calls) == count
        assert len(list(cache.glob("network-*/model.xml"))) == 1
    compile_module(net, example(32, 16), OUTPUTS, backend="openvino")
    assert len(calls) == 2
    with torch.no_grad():
        net.first.weight[0, 0, 0, 0] += 1
    compile_module(net, example(), OUTPUTS, backend="openvino")
    assert len(calls) == 3
    assert not list(cache.glob(".network-*")), "unfinished work is left in the cache"


def test_a_corrupt_cache_is_named(cache: Path) -> None:
    compile_module(Small(), example(), OUTPUTS, backend="openvino")
    (path,) = cache.glob("network-*/model.xml")
    path.write_text(path.read_text()[:200])
    with pytest.raises(EngineError, match=f"{path.parent.name}.* delete it"):
        compile_module(Small(), example(), OUTPUTS, backend="openvino")


def test_the_digest_follows_weights_and_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "drawn_net.py"
    source.write_text("from torch import nn\nclass Net(nn.Linear):\n    pass\n")
    spec = importlib.util.spec_from_file_location("drawn_net", source)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "drawn_net", module)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    net = module.Net(2, 2)
    first = runtime.network_digest(net)
    assert runtime.network_digest(net) == first
    with torch.no_grad():
        net.weight[0, 0] += 1e-3
    second = runtime.network_digest(net)
    source.write_text(source.read_text().replace("pass", "scale = 2"))
    assert len({first, second, runtime.network_digest(net)}) == 3


def test_a_precision_that_spoils_the_output_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("nncf")
    inputs = {name: tensor.numpy() for name, tensor in example().items()}
    fill(inputs, 3)
    calibration = Calibration("spoiled", lambda: [inputs] * 4)
    monkeypatch.setattr(runtime, "LEAST_PSNR", 500.0)
    for bf16, skipped in ((False, ["int8"]), (True, ["bf16", "int8"])):
        monkeypatch.setattr(runtime, "cpu_has_bf16", lambda bf16=bf16: bf16)
        caplog.clear()
        engine = compile_module(
            Small(), example(), OUTPUTS, backend="openvino", precision="auto", calibration=calibration
        )
        assert engine.precision == "f32"
        assert [record.getMessage().split()[0] for record in caplog.records] == skipped
    with pytest.raises(EngineError, match=r"dB from the f32 network; 500\.0 are asked"):
        compile_module(
            Small(), example(), OUTPUTS, backend="openvino", precision="int8", calibration=calibration
        )


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(runtime, "cache_folder", lambda: tmp_path / "file" / "dancecam")
    model = runtime.convert(Small(), example(), OUTPUTS)
    assert runtime._cached("key", lambda: model) is model
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_live_generator_is_compiled_with_its_names(backend: str) -> None:
    net = LiveGenerator(untrained_generator(60).fold()).eval()
    with torch.no_grad():
        net.generator.fields.weight.normal_(std=0.1)
    engine = compile_module(net, net.example((64, 64)), net.OUTPUTS, backend=backend)
    inputs, outputs = engine.buffers()
    assert (tuple(inputs), tuple(outputs)) == (net.INPUTS, net.OUTPUTS)
    random = np.random.default_rng(0)
    inputs["points"][0] = standing(32, 60, 50)
    inputs["previous"][:] = random.random(inputs["previous"].shape)
    inputs["plate"][:] = random.integers(0, 256, inputs["plate"].shape)
    inputs["doll"][0, 16:48, 16:48] = (40, 90, 200, 255)
    inputs["doll"][0, :16] = inputs["doll"][0, 48:] = 0
    inputs["doll"][0, 16:48, :16] = inputs["doll"][0, 16:48, 48:] = 0
    engine.run(inputs, outputs)
    picture, following = expected(net, inputs)
    assert np.abs(outputs["picture"].astype(int) - picture).max() <= 1
    np.testing.assert_allclose(outputs["next_previous"], following, atol=1e-3)
