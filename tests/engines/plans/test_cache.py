"""Plans on disk: what must never be used, and what must never be left behind."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.plans.cache import ANY, Facts, Layer, Parity, PlanCache, PlanError, PlanKey

LABEL = "number-7.generator-128x128"
KEY = PlanKey(
    network="ab" * 32,
    backend="tensorrt-rtx",
    version="1.7.1.116",
    device="NVIDIA GeForce RTX 4090",
    capability="8.9",
    driver="590.44",
    precision="fp16",
    shapes=({"landmarks": (1, 33, 4), "doll": (1, 128, 128, 4)},),
)
FACTS = Facts(
    build_seconds=1.5,
    parity=Parity("dB", 40.0, 47.1),
    onnx_parity=Parity("dB", 40.0, 80.0),
    latency_ms=0.8,
    layers=(Layer("stem/conv", "CONVOLUTION", "HALF", (1, 32, 32, 32)),),
)
PLAN = bytes(range(256)) * 40


def write_and_die(folder: Path, moment: int) -> None:
    """Writes a plan, and is killed before the `moment`-th thing that reaches the disk."""
    left = iter(range(moment - 1, -1, -1))

    def mortal(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        return call

    os.fsync, Path.replace = mortal(os.fsync), mortal(Path.replace)  # type: ignore[method-assign]
    cache = PlanCache(folder)
    with cache.building():
        cache.write(LABEL, KEY, PLAN[::-1], FACTS)


@pytest.fixture
def cache(tmp_path: Path) -> PlanCache:
    return PlanCache(tmp_path / "plans")


@pytest.fixture
def written(cache: PlanCache) -> Path:
    with cache.building():
        cache.write(LABEL, KEY, PLAN, FACTS)
    return cache.path(LABEL, KEY)


def changed(**fields: Any) -> PlanKey:
    return dataclasses.replace(KEY, **fields)


def test_a_plan_comes_back_with_what_was_measured(cache: PlanCache, written: Path) -> None:
    assert written.name == "number-7.generator-128x128.tensorrt-rtx-8.9.plan"
    plan, manifest = cache.load(KEY)
    assert plan == PLAN
    assert manifest == cache.check(LABEL, KEY)
    assert (manifest.key, manifest.facts, manifest.size) == (KEY, FACTS, len(PLAN))
    assert sorted(path.name for path in cache.folder.iterdir()) == [
        written.with_suffix(".json").name,
        written.name,
    ]


@pytest.mark.parametrize("place", [0, 5000, len(PLAN) - 1])
def test_one_flipped_byte_is_refused_by_name(cache: PlanCache, written: Path, place: int) -> None:
    data = bytearray(written.read_bytes())
    data[place] ^= 1
    written.write_bytes(data)
    for refuse in (lambda: cache.check(LABEL, KEY), lambda: cache.load(KEY)):
        with pytest.raises(PlanError, match=rf"{written.name} is corrupt .*; build it with python -m"):
            refuse()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"device": "NVIDIA RTX A4000"}, "its device is NVIDIA GeForce RTX 4090, not NVIDIA RTX A4000"),
        ({"driver": "600.1"}, r"its driver is 590\.44, not 600\.1"),
        ({"version": "1.8.0.1"}, r"its version is 1\.7\.1\.116, not 1\.8\.0\.1"),
        ({"precision": "bf16"}, "its precision is fp16, not bf16"),
        ({"network": "cd" * 32}, "it is of other weights or code"),
        ({"shapes": ({"landmarks": (1, 33, 4), "doll": (1, 64, 64, 4)},)}, "its shapes are others"),
    ],
)
def test_a_plan_for_something_else_is_refused_by_name(
    cache: PlanCache, written: Path, wanted: dict[str, Any], said: str
) -> None:
    with pytest.raises(PlanError, match=rf"{written.name} is refused: .*{said}.*; build it with"):
        cache.check(LABEL, changed(**wanted))
    with pytest.raises(PlanError):
        cache.load(changed(**wanted))


def test_a_plan_of_another_compute_capability_does_not_pass_for_this_one(
    cache: PlanCache, written: Path
) -> None:
    here = changed(capability="12.0", device="NVIDIA GeForce RTX 5090")
    with pytest.raises(PlanError, match=rf"rtx-12\.0\.plan is missing \({written.name} will not do\)"):
        cache.check(LABEL, here)
    for suffix in (".plan", ".json"):  # renamed by hand
        written.with_suffix(suffix).rename(cache.path(LABEL, here).with_suffix(suffix))
    with pytest.raises(PlanError, match=r"its capability is 8\.9, not 12\.0"):
        cache.check(LABEL, here)
    with pytest.raises(PlanError, match=r"its device is .*4090, not .*5090"):
        cache.load(here)


def test_a_plan_that_was_compiled_without_a_gpu_serves_all_of_its_kind(cache: PlanCache) -> None:
    with cache.building():
        cache.write(LABEL, changed(device=ANY, driver=ANY), PLAN, FACTS)
    assert cache.load(KEY)[0] == PLAN
    assert cache.load(changed(device="NVIDIA L40S", precision=ANY))[1].label == LABEL


def test_a_missing_plan_is_named_with_the_next_step(cache: PlanCache) -> None:
    with pytest.raises(PlanError, match=rf"{LABEL}.*is missing; build it with python -m engines\.build"):
        cache.check(LABEL, KEY)
    with pytest.raises(
        PlanError, match=r"no tensorrt-rtx plan of a network with landmarks \[1, 33, 4\], doll"
    ):
        cache.load(KEY)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 0}', '{"format": 1, "key": {}}'])
def test_a_manifest_that_cannot_be_read_is_named(cache: PlanCache, written: Path, text: str) -> None:
    manifest = written.with_suffix(".json")
    manifest.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match=f"{manifest.name} cannot be read"):
        cache.check(LABEL, KEY)
    with pytest.raises(PlanError):
        cache.load(KEY)


def test_a_manifest_without_its_plan_is_no_plan(cache: PlanCache, written: Path) -> None:
    written.unlink()
    for refuse in (lambda: cache.check(LABEL, KEY), lambda: cache.load(KEY)):
        with pytest.raises(PlanError, match=f"{written.name} cannot be read"):
            refuse()


@pytest.mark.parametrize("moment", [1, 2, 3, 4])
@pytest.mark.parametrize("has_older", [False, True])
def test_a_killed_build_leaves_no_half_plan(tmp_path: Path, moment: int, has_older: bool) -> None:
    cache = PlanCache(tmp_path / "plans")
    if has_older:
        with cache.building():
            cache.write(LABEL, KEY, PLAN, FACTS)
    process = multiprocessing.get_context("fork").Process(target=write_and_die, args=(cache.folder, moment))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    try:
        assert cache.load(KEY)[0] == PLAN  # the older one
        assert has_older and moment < 3
    except PlanError as error:
        assert "corrupt" not in str(error)
    with cache.building():
        assert not list(cache.folder.glob(".*"))
        assert len(list(cache.folder.glob("*.plan"))) == len(list(cache.folder.glob("*.json")))
        cache.write(LABEL, KEY, PLAN, FACTS)
    assert cache.load(KEY)[0] == PLAN


def test_two_builds_do_not_clash(cache: PlanCache, written: Path) -> None:
    with (
        cache.building(),
        pytest.raises(BlockingIOError, match=f"{cache.folder} is being written by another run"),
        PlanCache(cache.folder).building(),
    ):
        pass
    assert cache.load(KEY)[0] == PLAN  # a show may read meanwhile
    with PlanCache(cache.folder).building():
        pass


def test_a_show_waits_a_little_for_another_that_writes(
    cache: PlanCache, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = contextlib.ExitStack()
    other.enter_context(PlanCache(cache.folder).building())
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            other.close()

    clock = SimpleNamespace(sleep=sleep, monotonic=time.monotonic)  # this module's alone: other threads sleep
    monkeypatch.setattr("engines.plans.cache.time", clock)
    with cache.building(60.0):
        assert len(slept) == 3
    with cache.building(), pytest.raises(BlockingIOError), PlanCache(cache.folder).building(0.0):
        pass
    assert len(slept) == 3


def test_a_full_disk_is_one_line_and_leaves_the_older_plan(
    cache: PlanCache, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PlanError, match=f"no room for .*{written.name}.*--out") as caught:
        cache.write(LABEL, KEY, PLAN[::-1], FACTS)
    assert "\n" not in str(caught.value)
    assert cache.load(KEY)[0] == PLAN
    assert not list(cache.folder.glob(".*"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(PlanError, match=r"file/plans cannot be made .*--out"),
        PlanCache(tmp_path / "file" / "plans").building(),
    ):
        pass


def test_clear_removes_every_plan(cache: PlanCache, written: Path) -> None:
    assert cache.clear() == 1
    assert not list(cache.folder.iterdir())


@pytest.mark.parametrize(
    ("parity", "failed", "text"),
    [
        (Parity("px", 0.5, 0.5), False, "0.50 px"),
        (Parity("px", 0.5, 0.51), True, "0.51 px"),
        (Parity("px", 0.5, float("nan")), True, "nan px"),
        (Parity("dB", 40.0, 39.9), True, "39.90 dB"),
        (Parity("dB", 40.0, 40.0), False, "40.00 dB"),
        (Parity("dB", 40.0, note="not measured (no GPU)"), False, "not measured (no GPU)"),
    ],
)
def test_parity_is_judged_by_its_measure(parity: Parity, failed: bool, text: str) -> None:
    assert (parity.is_failed, str(parity)) == (failed, text)
