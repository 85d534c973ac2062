"""A bank that is cut once: what comes from the disk draws the same, and what lies there is not trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.doll import bank as bank_module
from engines.pack import bank_cache
from engines.pack.bank_cache import kept_bank
from engines.plans.cache import PlanCache
from engines.runtime.progress import told_to
from tests.engines.pack.test_bank_store import BANK, BODY, write_bank


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_bank(BANK, tmp_path / "bank.safetensors")
    return tmp_path / "bank.safetensors"


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A one for each frame that is cut up."""
    calls: list[int] = []
    whole = bank_module.cut_up
    monkeypatch.setattr(bank_module, "cut_up", lambda *a: calls.append(1) or whole(*a))
    return calls


def test_a_bank_is_cut_once_and_is_the_same_from_the_disk(path: Path, cut: list[int], tmp_path: Path) -> None:
    doing: list[str] = []
    with told_to(doing.append, doing.append):
        first, second = (kept_bank(path, BODY, "ab" * 32, "number-7") for _ in range(2))
    assert len(cut) == len(BANK.frames)
    assert doing == ["cutting up the player's pictures (some seconds, once)"]
    for ours, theirs in zip(first.atlas, second.atlas, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for name in ("landmarks", "heights", "numbers", "lack", "leaving", "covers", "at_camera", "directions"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    names = {each.name for each in (tmp_path / "cache/dancecam/plans").iterdir()}
    assert names == {f"number-7-abababab.sprites.doll.{kind}" for kind in ("plan", "json")}


def test_another_bank_and_a_damaged_one_are_cut_anew(path: Path, cut: list[int], tmp_path: Path) -> None:
    count = len(BANK.frames)
    kept_bank(path, BODY, "ab" * 32, "number-7")
    kept_bank(path, BODY, "cd" * 32, "number-7")
    assert len(cut) == 2 * count
    for plan in (tmp_path / "cache/dancecam/plans").glob("*.plan"):
        plan.write_bytes(plan.read_bytes()[:-9] + b"123456789")
    kept_bank(path, BODY, "ab" * 32, "number-7")
    assert len(cut) == 3 * count
    kept_bank(path, BODY, "ab" * 32, "number-7")
    assert len(cut) == 3 * count


def test_while_another_process_writes_a_bank_is_cut_all_the_same(
    path: Path, cut: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank_cache, "PATIENCE_S", 0.0)
    with PlanCache(tmp_path / "cache/dancecam/plans").building():
        bank = kept_bank(path, BODY, "ab" * 32, "number-7")
    assert len(bank.atlas.starts) == len(cut) == len(BANK.frames)


def test_a_bank_that_cannot_be_read_is_refused_as_ever(path: Path) -> None:
    path.write_bytes(b"no tensors")
    with pytest.raises(ValueError, match="no bank of the player's frames"):
        kept_bank(path, BODY, "ab" * 32, "number-7")
