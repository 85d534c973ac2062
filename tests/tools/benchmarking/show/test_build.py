from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines.pack.player_pack import PlayerPack
from tools.benchmarking.show.build import CACHE, measure


def test_every_network_is_built_in_a_cache_of_its_own(
    pack_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = PlayerPack.load(pack_folder)
    monkeypatch.setenv(CACHE, str(tmp_path))
    rows = measure(pack, ["torch"], threads=1)
    assert [row.what for row in rows] == [
        "detector, torch", "landmark net, torch", "generator (nano, every window), torch",
    ]  # fmt: skip
    for row in rows:
        assert isinstance(row.figures["seconds"], float) and row.figures["again_seconds"] is not None
    assert os.environ[CACHE] == str(tmp_path)
    assert not list(tmp_path.iterdir())
