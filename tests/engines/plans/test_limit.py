"""What is kept on disk is bounded, and what goes first."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from engines.plans import limit
from engines.plans.cache import Facts, Parity, PlanCache, PlanKey
from engines.plans.limit import Item, items, keep_within_limit, limit_bytes, surplus
from engines.runtime.engine import EngineError

KEY = PlanKey("a" * 64, "openvino", "2026.4", "AMD EPYC", "", "", "int8", ())
FACTS = Facts(1.0, Parity("dB", 35.0, note="not measured"))
MIB = 2**20


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(limit.VARIABLE, raising=False)
    monkeypatch.setattr(PlanCache, "in_use", set())
    return tmp_path / "dancecam"


def keep(home: Path, name: str, used_s: int, *, backend: str = "openvino", compiled: int = 0) -> PlanKey:
    """A plan of a MiB that was used last at `used_s`, and `compiled` MiB that OpenVINO made of it; as another
    process has left them."""
    cache = PlanCache(home / "plans")
    key = dataclasses.replace(KEY, network=name.ljust(64, "0"), backend=backend)
    with cache.building():
        cache.write(name, key, bytes(MIB), FACTS)
    plan = cache.path(name, key)
    paths = [plan, plan.with_suffix(".json")]
    for number in range(compiled):
        paths.append(home / "compiled" / plan.stem / f"{number}.blob")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        paths[-1].write_bytes(bytes(MIB))
    for path in paths:
        os.utime(path, (used_s, used_s))
    PlanCache.in_use.clear()
    return key


def left(home: Path) -> set[str]:
    return {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}


def item(name: str, size: int, used_s: float, *, by_show: bool = True) -> Item:
    return Item(Path(name), (Path(name),), size, 0, used_s, by_show)


@pytest.mark.parametrize(
    ("limit", "in_use", "gone"),
    [
        (60, (), []),
        (59, (), ["old"]),
        (50, (), ["old"]),
        (49, (), ["old", "middle"]),
        (49, ("old",), ["middle"]),
        (0, ("new",), ["old", "middle"]),
        (0, ("old", "middle", "new"), []),
        (0, (), ["old", "middle", "new"]),
    ],
)
def test_the_least_recently_used_goes_first_and_nothing_in_use(
    limit: int, in_use: tuple[str, ...], gone: list[str]
) -> None:
    every = [item("new", 30, 3.0), item("old", 10, 1.0), item("middle", 20, 2.0)]
    every.append(item("tensorrt", 1000, 0.0, by_show=False))
    assert [each.plan.name for each in surplus(every, limit, {Path(name) for name in in_use})] == gone


def test_a_plan_goes_with_what_was_compiled_of_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(home, "old", 1000, compiled=3)
    keep(home, "new", 2000, compiled=1)
    (home / "compiled" / "123.blob").write_bytes(bytes(MIB))  # as an earlier version left them
    os.utime(home / "compiled" / "123.blob", (10, 10))
    sizes = {each.plan.stem: (each.plan_size // MIB, each.compiled_size // MIB) for each in items(
        home / "plans", home / "compiled"
    )}  # fmt: skip
    assert sizes == {"old.openvino": (1, 3), "new.openvino": (1, 1), "123": (0, 1)}
    assert keep_within_limit() == []
    monkeypatch.setenv(limit.VARIABLE, "3")
    assert [each.plan.stem for each in keep_within_limit()] == ["123", "old.openvino"]
    assert left(home) == {
        "plans/new.openvino.plan", "plans/new.openvino.json", "compiled/new.openvino/0.blob",
    }  # fmt: skip


def test_what_was_used_again_and_what_is_in_use_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (keep(home, name, at) for name, at in (("a", 1000), ("b", 2000), ("c", 3000)))
    cache = PlanCache(home / "plans")
    cache.load(first)
    PlanCache.in_use.clear()  # another process has used it
    monkeypatch.setenv(limit.VARIABLE, "1")
    cache.load(second)
    keep_within_limit()
    assert {path.stem for path, _ in cache.manifests()} == {"b.openvino"}
    assert cache.load(second)
    keep(home, "d", 500)
    cache.load(second)
    with cache.building():
        cache.write("e", third, bytes(MIB), FACTS)
    assert [each.plan.stem for each in keep_within_limit()] == ["d.openvino"]
    assert {path.stem for path, _ in cache.manifests()} == {"b.openvino", "e.openvino"}


def test_the_use_of_a_plan_is_seen_on_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = keep(home, "a", 1000)
    keep(home, "b", 2000)
    PlanCache(home / "plans").load(first)
    PlanCache.in_use.clear()
    keep(home, "c", 3000)
    monkeypatch.setenv(limit.VARIABLE, "3")  # the manifests are too much
    assert [each.plan.stem for each in keep_within_limit()] == ["b.openvino"]


def test_plans_that_a_show_cannot_make_are_never_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in ("tensorrt", "tensorrt-rtx"):
        keep(home, backend, 10, backend=backend)
    keep(home, "mine", 5000)
    monkeypatch.setenv(limit.VARIABLE, "0")
    assert [each.plan.stem for each in keep_within_limit()] == ["mine.openvino"]


def test_while_another_process_writes_nothing_is_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(home, "old", 1000)
    monkeypatch.setenv(limit.VARIABLE, "0")
    before = left(home)
    with PlanCache(home / "plans").building():
        assert keep_within_limit() == []
    assert left(home) == before
    assert len(keep_within_limit()) == 1


def test_the_limit_is_a_gibibyte_or_what_the_environment_says(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert limit_bytes() == 1024 * MIB
    monkeypatch.setenv(limit.VARIABLE, "300")
    assert limit_bytes() == 300 * MIB
    monkeypatch.setenv(limit.VARIABLE, "-1")
    with pytest.raises(EngineError, match="DANCECAM_CACHE_MIB='-1' is no number of MiB, such as 1024"):
        limit_bytes()
    assert keep_within_limit() == []
    assert "nothing is removed" in caplog.text
