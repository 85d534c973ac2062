"""The choice of a backend, and OpenVINO's cache and quantization."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import engines.backends.choice
from engines.backends import openvino as runtime
from engines.backends import openvino_models as models
from engines.backends.choice import BACKENDS, choose_backend, compile_module, missing
from engines.plans.precision import Candidate
from engines.runtime.engine import Calibration, EngineError
from engines.runtime.progress import told_to
from tests.engines.small_net import OUTPUTS, Small, example, expected, fill


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "dancecam"


def test_nothing_is_reported_to_the_makers_of_libraries(tmp_path: Path) -> None:
    script = (
        "import multiprocessing.process as processes\n"
        "from engines.backends import openvino\n"
        "from tests.engines.small_net import OUTPUTS, Small, example\n"
        "import nncf.telemetry.wrapper as wrapper, openvino.tools.ovc.telemetry_utils as utils\n"
        "started = []\n"
        "processes.BaseProcess.start = started.append\n"
        "openvino.convert(Small(), example(), OUTPUTS)\n"
        "wrapper.telemetry.send_event('category', 'action', 'label')\n"
        "print(len(started), type(wrapper.telemetry).__name__, utils.tm.__name__)\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "CI": ""}
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, encoding="utf-8"
    )
    assert ran.stdout.split() == ["0", "MagicMock", "openvino.tools.ovc.telemetry_stub"], ran.stderr


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(EngineError, match=r"'abacus'.*auto.*cuda.*openvino.*torch"):
        compile_module(Small(), example(), OUTPUTS, backend="abacus")


def test_the_first_backend_that_can_run_is_chosen_and_the_others_reasons_are_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    why = {"cuda": "no driver", "openvino": "not installed", "torch": None}
    monkeypatch.setattr("engines.backends.choice._PROBES", {name: lambda r=r: r for name, r in why.items()})
    assert choose_backend("auto") == "torch"
    assert [record.getMessage() for record in caplog.records] == [
        "backend cuda skipped: no driver",
        "backend openvino skipped: not installed",
    ]
    with pytest.raises(EngineError, match="backend cuda cannot run here: no driver; choose auto"):
        choose_backend("cuda")
    why["cuda"] = None
    monkeypatch.setattr("engines.backends.choice._PROBES", {name: lambda r=r: r for name, r in why.items()})
    assert choose_backend("auto") == choose_backend("cuda") == "cuda"


def test_without_a_gpu_cuda_is_missing_and_torch_never_is() -> None:
    assert (missing("cuda") is None) == torch.cuda.is_available()
    assert missing("torch") is None
    assert choose_backend("auto") in BACKENDS


def test_auto_leaves_a_backend_that_cannot_compile_and_a_named_one_is_not_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise OSError("libGone.so: cannot open\nshared object file")

    monkeypatch.setattr("engines.backends.openvino.compile_openvino", broken)
    monkeypatch.setitem(engines.backends.choice._PROBES, "cuda", lambda: "no driver")
    assert compile_module(Small(), example(), OUTPUTS).backend == "torch"
    reason = "the backend openvino does not work here (OSError: libGone.so: cannot open shared object file)"
    assert [each.getMessage() for each in caplog.records if each.levelname == "WARNING"] == [reason]
    with pytest.raises(EngineError, match="libGone"):
        compile_module(Small(), example(), OUTPUTS, backend="openvino")


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
    convert = models.convert
    monkeypatch.setattr(runtime, "convert", lambda *a, **k: calls.append(1) or convert(*a, **k))
    net = Small()
    for count in (1, 1):
        compile_module(net, example(), OUTPUTS, backend="openvino")
        assert len(calls) == count
        assert len(list(cache.glob("compiled/*/*.blob"))) == 1, "the first start compiled something else"
        assert len(list(cache.glob("plans/*.plan"))) == len(list(cache.glob("plans/*.json"))) == 1
    compile_module(net, example(32, 16), OUTPUTS, backend="openvino")
    assert len(calls) == 2
    with torch.no_grad():
        net.first.weight[0, 0, 0, 0] += 1
    compile_module(net, example(), OUTPUTS, backend="openvino")
    assert len(calls) == 3
    assert not list(cache.glob("plans/.*")), "unfinished work is left in the cache"


@pytest.mark.parametrize("part", [".plan", ".json"])
def test_a_corrupt_plan_is_named_and_made_anew(
    cache: Path, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    compile_module(Small(), example(), OUTPUTS, backend="openvino")
    (path,) = cache.glob(f"plans/*{part}")
    whole = path.read_bytes()
    path.write_bytes(whole[:-200])
    engine = compile_module(Small(), example(), OUTPUTS, backend="openvino")
    if part == ".plan":
        assert f"{path} is corrupt" in caplog.text
    inputs, outputs = engine.buffers()
    fill(inputs, 0)
    engine.run(inputs, outputs)
    np.testing.assert_allclose(outputs["picture"], expected(Small(), inputs)[0], atol=1e-3)
    caplog.clear()
    compile_module(Small(), example(), OUTPUTS, backend="openvino")
    assert not caplog.records


def test_a_plan_of_another_openvino_is_named_and_made_anew(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compile_module(Small(), example(), OUTPUTS, backend="openvino")
    (path,) = cache.glob("plans/*.json")
    path.write_text(
        path.read_text(encoding="utf-8").replace(runtime.ov.__version__, "2024.1.0"), encoding="utf-8"
    )
    compile_module(Small(), example(), OUTPUTS, backend="openvino")
    assert f"{path.with_suffix('.plan')} is refused: its version is 2024.1.0" in caplog.text
    caplog.clear()
    compile_module(Small(), example(), OUTPUTS, backend="openvino")
    assert not caplog.records


def test_the_digest_follows_weights_and_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "drawn_net.py"
    source.write_text("from torch import nn\nclass Net(nn.Linear):\n    pass\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("drawn_net", source)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "drawn_net", module)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    net = module.Net(2, 2)
    first = models.network_digest(net)
    assert models.network_digest(net) == first
    with torch.no_grad():
        net.weight[0, 0] += 1e-3
    second = models.network_digest(net)
    source.write_text(source.read_text(encoding="utf-8").replace("pass", "scale = 2"), encoding="utf-8")
    assert len({first, second, models.network_digest(net)}) == 3


def test_a_precision_that_spoils_the_output_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("nncf")
    inputs = {name: tensor.numpy() for name, tensor in example().items()}
    fill(inputs, 3)
    calibration = Calibration("spoiled", lambda: [inputs] * 4)
    monkeypatch.setattr(models, "LEAST_PSNR", 500.0)
    monkeypatch.setattr(runtime, "FAST_MS", 0.0)
    tries = []
    quantize = models.quantize
    monkeypatch.setattr(runtime, "quantize", lambda *a: tries.append(1) or quantize(*a))
    for bf16, skipped in ((False, ["int8"]), (True, ["bf16", "int8"])):
        monkeypatch.setattr(runtime, "cpu_has_bf16", lambda bf16=bf16: bf16)
        for asked in (1, 2):
            caplog.clear()
            caplog.set_level("INFO")
            engine = compile_module(
                Small(), example(), OUTPUTS, backend="openvino", precision="auto", calibration=calibration
            )
            assert engine.precision == "f32"
            (*_, said) = [each.getMessage() for each in caplog.records if " at " in each.getMessage()] or [""]
            assert re.findall(r"(\w+) left out: it is \d+\.\d dB", said) == (skipped if asked == 1 else [])
        assert len(tries) == (2 if bf16 else 1), "what has failed once is tried at every start"
    with pytest.raises(EngineError, match=r"dB from the f32 network; 500\.0 are asked"):
        compile_module(
            Small(), example(), OUTPUTS, backend="openvino", precision="int8", calibration=calibration
        )


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setattr(models, "plan_folder", lambda: tmp_path / "file" / "plans")
    for _ in range(2):
        engine = compile_module(Small(), example(), OUTPUTS, backend="openvino")
        assert engine.precision == "f32"
        assert "converted at every start" in caplog.text
        caplog.clear()


def drawn_calibration(key: str = "drawn") -> Calibration:
    def samples() -> Iterator[dict[str, NDArray[np.generic]]]:
        for seed in range(4):
            inputs = {name: tensor.numpy().copy() for name, tensor in example().items()}
            fill(inputs, seed)
            yield inputs

    return Calibration(key, samples)


def compiled_by_auto(calibration: Calibration, threads: int = 2) -> runtime.OpenVinoEngine:
    (engine,) = runtime.compile_openvino(Small(), [example()], OUTPUTS, "auto", threads, calibration)
    return engine


@pytest.mark.parametrize(
    ("ms", "precision"),
    [
        ({"f32": 9.0, "int8": 4.0}, "int8"),
        ({"f32": 9.0, "int8": 8.9}, "f32"),
        ({"f32": 9.0, "int8": 20.0}, "f32"),
    ],
)
def test_auto_takes_what_is_fastest_here_once_and_tells_it(
    ms: dict[str, float], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nncf")
    monkeypatch.setattr(runtime, "cpu_has_bf16", lambda: False)
    monkeypatch.setattr(models, "LEAST_PSNR", 20.0)
    measured = []

    def measure(runs: dict[tuple[str, int], object]) -> tuple[Candidate, ...]:
        measured.append(sorted(runs))
        return tuple(Candidate(name, threads, ms[name] + threads) for name, threads in runs)

    monkeypatch.setattr(runtime, "measure", measure)
    doing: list[str] = []
    found: list[str] = []
    with told_to(doing.append, found.append):
        for _ in range(2):
            assert compiled_by_auto(drawn_calibration()).precision == precision
    both = [("f32", 1), ("f32", 2)], [("f32", 1), ("f32", 2), ("int8", 1), ("int8", 2)]
    assert measured == list(both), "it was measured again, or not all of it"
    assert [text.split(" (")[0] for text in doing] == [
        "choosing the precision of the generator",
        "quantizing the generator to INT8",
        "compiling the generator",
    ]
    (line,) = found
    assert line == (
        f"precision of the generator: f32 {ms['f32'] + 1:.3g} ms, int8 {ms['int8'] + 1:.3g} ms at 1x16x24x3: "
        f"{precision}, 1 thread"
    )
    compiled_by_auto(drawn_calibration("of another pack"))
    assert len(measured) == 4


def test_a_network_that_is_fast_enough_is_not_quantized(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("nncf")
    caplog.set_level("INFO")
    monkeypatch.setattr(runtime, "quantize", lambda *_: pytest.fail("quantized for nothing"))
    monkeypatch.setattr(runtime, "cpu_has_bf16", lambda: False)
    monkeypatch.setattr(runtime, "measure", lambda runs: tuple(Candidate(*each, 2.5) for each in runs))
    assert compiled_by_auto(drawn_calibration()).precision == "f32"
    assert "int8 left out: 2.5 ms are fast enough" in caplog.text


def test_what_lies_on_disk_is_known_without_loading_it() -> None:
    arguments = (Small(), [example()], OUTPUTS)
    calibration = drawn_calibration()
    assert not runtime.is_compiled(*arguments, 2, calibration)
    compiled_by_auto(calibration)
    assert runtime.is_compiled(*arguments, 2, calibration)
    assert not runtime.is_compiled(*arguments, 1, calibration), "chosen for other threads"
    for blob in models.compiled_folder().rglob("*.blob"):
        blob.unlink()
    assert not runtime.is_compiled(*arguments, 2, calibration)


def test_without_nncf_int8_is_left_out_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(runtime, "_can_quantize", lambda: True)
    monkeypatch.setattr(runtime, "FAST_MS", 0.0)
    monkeypatch.setitem(sys.modules, "nncf", None)
    assert compiled_by_auto(drawn_calibration()).precision in ("f32", "bf16")
    assert "int8 left out: NNCF cannot be imported" in caplog.text
