"""Players who take over between two frames, with two real packs."""

from __future__ import annotations

import hashlib
import re
import shutil
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pack.player_pack import MANIFEST, PlayerPack
from realtime.config.show import Show
from realtime.performer.networks import Nets, load_nets
from realtime.performer.player_swap import PlayerSwap
from realtime.transport.swap import SwapState, SwapStatus
from tests.realtime.performer.fake_packs import until


class NoTracker:
    """Stands for the pose nets, which no player changes."""

    backend = "none"

    def __init__(self, **options: object) -> None:
        pass


def test_a_real_players_nets_are_freed_one_by_one(pack_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker", NoTracker)
    nets = load_nets(Show(player=pack_folder, backend="torch"))
    renderer, *engines = map(weakref.ref, nets.heavy)
    parts = list(nets.heavy)
    del nets
    del parts[0]
    assert renderer() is None
    assert engines and all(engine() is not None for engine in engines)
    while parts:
        del parts[0]
        assert engines.pop(0)() is None


def copied(source: Path, folder: Path, name: str, side: int = 128) -> Path:
    """A copy of a pack under another name, before a blue plate of so many pixels."""
    shutil.copytree(source, folder)
    plate = folder / "plate.png"
    cv2.imwrite(str(plate), np.full((side, side, 3), (200, 0, 0), np.uint8))
    digest = hashlib.sha256(plate.read_bytes()).hexdigest()
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    text = re.sub(r"^size = .*", f"size = [{side}, {side}]", text, flags=re.M)
    text = re.sub(r'"plate.png" = "\w+"', f'"plate.png" = "{digest}"', text)
    (folder / MANIFEST).write_text(
        re.sub(r'^name = ".*"', f'name = "{name}"', text, flags=re.M), encoding="utf-8"
    )
    return folder


def painted(nets: Nets, pose: NDArray[np.float32]) -> NDArray[np.uint8]:
    out = np.empty((128, 128, 3), np.uint8)
    nets.render(pose, out)
    return out


def test_two_real_players(tmp_path: Path, pack_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker", NoTracker)
    pose = PlayerPack.load(pack_folder).poses[0]
    other = copied(pack_folder, tmp_path / "other", "Number 8")
    first = load_nets(Show(player=pack_folder, backend="torch"))
    swap = PlayerSwap(pack_folder, first)
    before = painted(swap.current(), pose)
    swap.request(other)
    until(lambda: swap.current() is not first)
    second = swap.current()
    assert swap.status == SwapStatus("Number 8", SwapState.READY)
    assert second.tracker is first.tracker
    assert second.render is not first.render and second.retarget is not first.retarget
    after = painted(second, pose)
    blue = after[:20, :20].mean(axis=(0, 1)) - before[:20, :20].mean(axis=(0, 1))
    assert blue[0] > 20 and max(blue[1:]) < -20, "he stands before a plate of his own"
    swap.request(pack_folder)
    until(lambda: swap.current() is not second)
    assert swap.current() is first
    first.render.reset()  # as the pose step has it done for who comes back
    np.testing.assert_array_equal(painted(swap.current(), pose), before)


def test_a_player_of_another_size_is_refused_by_name(
    tmp_path: Path, pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker", NoTracker)
    swap = PlayerSwap(pack_folder, load_nets(Show(player=pack_folder, backend="torch")))
    small = copied(pack_folder, tmp_path / "small", "Small", 64)
    swap.request(small)
    until(lambda: swap.status.state is SwapState.FAILED)
    assert f"{small} is 64x64, but this show's pictures are 128x128" in swap.status.reason
    assert swap.status.name == "Number 7"
