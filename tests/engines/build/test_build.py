"""The build command: what it makes, what it refuses, and how it ends when it is disturbed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

import run_live
from engines.backends import load_plans
from engines.build import __main__ as build
from engines.build import check_plans, compilers, run, verify
from engines.plans.cache import Parity, PlanCache
from engines.plans.machine import Gpu
from engines.runtime.engine import EngineError
from tests.packs import write_nano_pack

RTX = ("--backend", "tensorrt-rtx", "--target", "8.9")
CARD = Gpu("NVIDIA GeForce RTX 4090", "8.9", "590.44")
WINDOWS = ("64x128", "112x128", "128x128")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "plans"


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    use_gpu(monkeypatch, None)


def use_gpu(monkeypatch: pytest.MonkeyPatch, found: Gpu | None) -> None:
    for module in (load_plans, check_plans, compilers):
        monkeypatch.setattr(module, "gpu", lambda: found)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, pack_folder: Path) -> Path:
    """Every plan of the drawn player for one kind of card, to be copied."""
    pytest.importorskip("onnx")
    pytest.importorskip("tensorrt_rtx")
    folder = tmp_path_factory.mktemp("built") / "plans"
    with pytest.MonkeyPatch.context() as patch:
        use_gpu(patch, None)
        assert build.main(["--player", str(pack_folder), *RTX, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def plans(built: Path, folder: Path) -> Path:
    shutil.copytree(built, folder)
    return folder


def test_a_show_is_built_checked_and_kept(
    plans: Path, pack_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {path.name for path in plans.glob("*.plan")}
    labels = ["detector", "landmarks", *(f"number-7.generator-{window}" for window in WINDOWS)]
    assert names == {f"{label}.tensorrt-rtx-8.9.plan" for label in labels}
    arguments = ["--player", str(pack_folder), *RTX, "--out", str(plans)]
    assert build.main([*arguments, "--check"]) == 0
    assert "Number 7 on tensorrt-rtx: all there and whole" in capsys.readouterr().out
    assert build.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["network", "precision", "picture"]
    assert [line.split()[0] for line in lines[1:-1]] == labels
    assert all(" kept " in line and "not measured (no GPU to run it on)" in line for line in lines[1:-1])
    assert build.main(["--list", "--out", str(plans)]) == 0
    assert "tensorrt-rtx 1.7.1.116 for any (8.9)" in capsys.readouterr().out


def test_the_manifest_says_what_was_verified_and_what_was_not(plans: Path, pack_folder: Path) -> None:
    pytest.importorskip("onnxruntime")
    manifests = {manifest.label: manifest for _, manifest in PlanCache(plans).manifests()}
    landmarks, generator = manifests["landmarks"].facts, manifests["number-7.generator-128x128"].facts
    for facts in (landmarks, generator):
        assert facts.parity.value is None and facts.latency_ms is None
        assert {layer.precision for layer in facts.layers if layer.type == "CONVOLUTION"} == {"HALF"}
    assert landmarks.onnx_parity is not None and generator.onnx_parity is not None
    assert landmarks.onnx_parity.measure == "px" and 0 < (landmarks.onnx_parity.value or 0) < 0.5
    assert generator.onnx_parity.measure == "dB" and (generator.onnx_parity.value or 0) > 40


def test_a_stale_or_corrupt_plan_is_named_by_check_and_built_anew(
    plans: Path, pack_folder: Path, dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plans / "detector.tensorrt-rtx-8.9.plan"
    data = bytearray(plan.read_bytes())
    data[1000] ^= 1
    plan.write_bytes(data)
    other = write_nano_pack(tmp_path / "other", dataset_folder, seed=1)
    for player, said in (
        (pack_folder, [f"{plan} is corrupt"]),
        (other, ["detector", "generator-"]),
    ):
        assert build.main(["--player", str(player), *RTX, "--out", str(plans), "--check"]) == 1
        heard = capsys.readouterr()
        assert all(word in heard.err for word in said)
        assert "Traceback" not in heard.err
    assert heard.err.count("generator-") == len(WINDOWS)  # of the same name, but of other weights
    assert "of other weights or code (stale)" in heard.err
    assert build.main(["--player", str(pack_folder), *RTX, "--out", str(plans)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1] if " kept " not in line] == ["detector"]


def test_only_one_window_is_built_on_request_and_check_misses_the_others(
    folder: Path, pack_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorrt_rtx")
    arguments = ["--player", str(pack_folder), *RTX, "--out", str(folder)]
    assert build.main([*arguments, "--size", "64x64"]) == 0
    assert (folder / "number-7.generator-64x64.tensorrt-rtx-8.9.plan").is_file()
    assert build.main([*arguments, "--check"]) == 1
    heard = capsys.readouterr()
    assert f"generator-{WINDOWS[0]}.tensorrt-rtx-8.9.plan is missing" in heard.err
    assert f"{len(WINDOWS)} wrong" in heard.out
    assert build.main([*arguments, "--size", "60x64"]) == 1
    assert "--size 60x64: the sides must be multiples of 16" in capsys.readouterr().err


def test_clean_removes_every_plan(plans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--clean", "--out", str(plans)]) == 0
    assert f"{len(WINDOWS) + 2} plans removed from {plans}" in capsys.readouterr().out
    assert not list(plans.iterdir())


class FakeBuilder(compilers.RtxBuilder):
    """Compiles nothing."""

    def build(self, export: object, index: int, precision: str) -> compilers.Built:
        return compilers.Built(b"plan")

    def onnx_run(self, export: object) -> None:
        return None


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, pack_folder: Path, folder: Path) -> list[str]:
    """The build's arguments, with a compiler that takes no time."""
    pytest.importorskip("tensorrt_rtx")
    monkeypatch.setitem(run.BUILDERS, "tensorrt-rtx", FakeBuilder)
    return ["--player", str(pack_folder), *RTX, "--out", str(folder)]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted; the plans that were finished stay"),
        (MemoryError(), 1, "out of memory: close other programs"),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
            1,
            "out of memory: close other programs",
        ),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            1,
            "out of memory: close other programs",
        ),
        (EngineError("the compiler gave up"), 1, "the compiler gave up"),
    ],
)
def test_a_build_that_is_disturbed_says_so_in_one_line_and_leaves_no_half_plan(
    fake: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    error: BaseException, status: int, said: str,
) -> None:  # fmt: skip
    def disturbed(self: FakeBuilder, export: object, index: int, precision: str) -> compilers.Built:
        if index == 1:
            raise error
        return compilers.Built(b"plan")

    monkeypatch.setattr(FakeBuilder, "build", disturbed)
    assert build.main(fake) == status
    heard = capsys.readouterr()
    (line,) = [line for line in heard.err.splitlines() if line.startswith("engines.build: ")]
    assert said in line
    finished = ["detector", "landmarks", f"number-7.generator-{WINDOWS[0]}"]
    assert [line.split()[0] for line in heard.out.splitlines()[1:]] == finished
    assert [manifest.label for _, manifest in PlanCache(folder).manifests()] == finished
    assert len(list(folder.iterdir())) == 2 * len(finished)


def test_two_builds_at_once_do_not_clash(
    fake: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with PlanCache(folder).building():
        assert build.main(fake) == 1
    assert f"{folder} is being written by another run" in capsys.readouterr().err
    assert build.main(fake) == 0


def test_what_differs_from_eager_torch_fails_the_build(
    fake: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FakeBuilder, "run", lambda *_: lambda inputs: inputs)
    monkeypatch.setattr(run, "parity", lambda *_: Parity("px", 0.5, 0.7))
    monkeypatch.setattr(run, "latency_ms", lambda *_: 1.25)
    assert build.main(fake) == 1
    heard = capsys.readouterr()
    assert "detector: it differs from eager torch by more than is allowed" in heard.err
    assert "0.70 px" in heard.out and "1.25" in heard.out
    assert not list(folder.iterdir())


def test_the_fastest_of_several_tries_is_kept(
    fake: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main([*fake, "--tries", "2"]) == 1
    assert "--tries: candidates are compared by running them" in capsys.readouterr().err
    plans: Iterator[bytes] = iter([b"slow", b"fast", b"middling"] * 20)
    speed = {b"slow": 3.0, b"fast": 1.0, b"middling": 2.0}
    monkeypatch.setattr(FakeBuilder, "build", lambda *_: compilers.Built(next(plans)))
    monkeypatch.setattr(FakeBuilder, "run", lambda self, export, index, precision, built: built.plan)
    monkeypatch.setattr(run, "latency_ms", lambda export, index, run: speed[run])
    monkeypatch.setattr(run, "parity", lambda *_: Parity("dB", 40.0, 50.0))
    assert build.main([*fake, "--tries", "3"]) == 0
    assert {path.read_bytes() for path in folder.glob("*.plan")} == {b"fast"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backend", "tensorrt-rtx"], "needs an NVIDIA GPU with its driver"),
        (["--backend", "tensorrt-rtx", "--target", "9.0"], "no compute capability 9.0; it has 7.5"),
        (["--backend", "tensorrt-rtx", "--target", "8.9", "--precision", "int8"], "int8 are OpenVINO's"),
        (["--backend", "openvino", "--precision", "fp16"], "openvino has auto, f32, bf16, int8"),
        (["--backend", "openvino", "--target", "8.9"], "openvino compiles for the machine that it runs on"),
        (["--player", "nowhere"], "nowhere is no player pack"),
        (["--backend", "openvino", "--out", "plans"], "--out: openvino keeps what it needs in"),
        (["--list", "--out", "nowhere"], "nothing has been built yet"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main(arguments) == 1
    heard = capsys.readouterr()
    assert said in heard.err
    assert heard.err.count("\n") == 1


def test_openvino_needs_no_plans_before_the_show(
    pack_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.main(["--player", str(pack_folder), "--backend", "openvino", "--check"]) == 0
    assert "openvino needs no plans: a show makes what is missing" in capsys.readouterr().out


def test_openvino_is_built_verified_and_kept(
    pack_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(verify, "RUNS", 1)
    arguments = ["--player", str(pack_folder), "--backend", "openvino", "--size", "64x64"]
    labels = ["detector", "landmarks", "number-7.generator"]
    for kept in (False, True):
        assert build.main(arguments) == 0
        lines = capsys.readouterr().out.splitlines()[1:-1]
        assert [line.split()[0] for line in lines] == labels
        assert [" kept " in line for line in lines] == [kept] * 3
    manifests = [
        manifest
        for _, manifest in PlanCache(tmp_path / "dancecam/plans").manifests()
        if manifest.key.backend == "openvino" and manifest.label in labels
    ]
    assert {manifest.label for manifest in manifests} == set(labels)
    for manifest in manifests:
        assert manifest.facts.parity.value is not None and manifest.facts.latency_ms is not None


def test_list_tells_sizes_choices_and_the_total_and_clean_removes_all(
    pack_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("DANCECAM_CACHE_MIB", "2000")
    monkeypatch.setattr(verify, "RUNS", 1)
    assert build.main(["--player", str(pack_folder), "--backend", "openvino", "--size", "64x64"]) == 0
    old = 1_700_000_000
    (sprites,) = (tmp_path / "dancecam/plans").glob("*.sprites.doll.json")
    for path in (sprites, sprites.with_suffix(".plan")):
        os.utime(path, (old, old))
    capsys.readouterr()
    assert build.main(["--list"]) == 0
    heard = capsys.readouterr().out
    (row,) = [line.split() for line in heard.splitlines() if line.startswith("number-7.generator ")]
    assert float(row[4]) > 0, "what OpenVINO compiled of it is not counted"
    assert f"{datetime.fromtimestamp(old):%Y-%m-%d %H:%M}" in heard
    assert re.search(r"precision-\w+: f32 .* ms.* at 64x64: \w+, \d threads?", heard)
    (total, ours, limit) = re.findall(r"(\d+) MiB", heard.splitlines()[-1])
    on_disk = sum(path.stat().st_size for path in (tmp_path / "dancecam").rglob("*") if path.is_file())
    assert total == ours == f"{on_disk / 2**20:.0f}" and limit == "2000"
    monkeypatch.setenv("DANCECAM_CACHE_MIB", "much")
    assert build.main(["--list"]) == 1
    assert "DANCECAM_CACHE_MIB='much' is no number of MiB" in capsys.readouterr().err
    assert build.main(["--clean"]) == 0
    assert not [path for path in (tmp_path / "dancecam").rglob("*") if path.is_file()]


def test_auto_says_why_it_skips_a_backend(caplog: pytest.LogCaptureFixture) -> None:
    assert check_plans.choose_build_backend("auto", None) in ("openvino", "torch")
    assert [record.getMessage().split()[0] for record in caplog.records] == [
        "tensorrt", "tensorrt-rtx", "cuda",
    ]  # fmt: skip
    pytest.importorskip("tensorrt_rtx")
    assert check_plans.choose_build_backend("auto", "8.9") == "tensorrt-rtx"
    with pytest.raises(EngineError, match=r"--target 9\.0: only tensorrt-rtx"):
        check_plans.choose_build_backend("auto", "9.0")


def test_a_show_on_a_planned_backend_is_refused_before_it_starts(
    plans: Path, pack_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_plans, "plan_folder", lambda: plans)
    show = ["--player", str(pack_folder), "--backend", "tensorrt-rtx", "--port", "0"]
    assert run_live.main(show) == 2
    assert "needs an NVIDIA GPU" in capsys.readouterr().err
    use_gpu(monkeypatch, CARD)
    run_live.check(run_live.show_of(run_live.parse(show)), None)  # every plan is there
    use_gpu(monkeypatch, Gpu("NVIDIA RTX A4000", "8.6", "590.44"))
    assert run_live.main(show) == 2
    heard = capsys.readouterr().err
    assert "detector.tensorrt-rtx-8.6.plan is missing (detector.tensorrt-rtx-8.9.plan will not do)" in heard
    assert f"(and {len(WINDOWS) + 1} more); build it with python -m engines.build" in heard
    assert f"--player {pack_folder} --backend tensorrt-rtx" in heard
    assert heard.count("\n") == 1


def test_each_player_of_a_show_needs_plans_and_backgrounds_need_no_others(
    fake: list[str],
    folder: Path,
    pack_folder: Path,
    dataset_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check_plans, "plan_folder", lambda: folder)
    other = write_nano_pack(tmp_path / "other", dataset_folder, name="Number 8", seed=1)
    show_file = tmp_path / "show.toml"

    def refused(**keys: str) -> str:
        """Why the show is not started; "" where it would be."""
        lines = [f"player = '{pack_folder}'", "backend = 'tensorrt-rtx'", "webrtc.port = 0"]
        show_file.write_text(
            "\n".join([*lines, *(f"{key} = {value}" for key, value in keys.items())]), encoding="utf-8"
        )
        try:
            run_live.check(run_live.show_of(run_live.parse(["--show", str(show_file)])), None)
        except run_live.UsageError as error:
            return str(error)
        return ""

    green = "[{kind = 'colour', name = 'green', colour = '#00b140'}]"
    assert build.main(fake) == 0
    use_gpu(monkeypatch, CARD)
    assert not refused() and not refused(backgrounds=green)
    second = refused(players="['other']")
    assert f"number-8.generator-{WINDOWS[0]}.tensorrt-rtx-8.9.plan is missing" in second
    assert f"(and {len(WINDOWS) - 1} more)" in second
    assert second.endswith(f"--player {other} --backend tensorrt-rtx")
    use_gpu(monkeypatch, None)  # there is none to run them on
    assert build.main(["--player", str(other), *RTX, "--out", str(folder)]) == 0
    use_gpu(monkeypatch, CARD)
    assert not refused(players="['other']") and not refused(backgrounds=green, players="['other']")
