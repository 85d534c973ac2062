"""All that is captured into CUDA graphs can be: the bundled players in every window, and the pose."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.pack.player_pack import PlayerPack
from engines.pose.detector import Detector
from engines.pose.device_frame import FrameUpload
from engines.pose.landmarks import LandmarkNet
from engines.pose.region import Region
from engines.rendering.device_renderer import DeviceLayerRenderer, DeviceRenderer
from engines.rendering.windows import Windows
from tests.engines.capturable import Capturable, capture_on, count_captures
from tests.engines.cuda_on_cpu import run_cuda_on_cpu

ROOT = Path(__file__).resolve().parents[2]
PLAYERS = sorted(path.parent for path in (ROOT / "players").glob("*/player.toml"))
RENDERERS = (DeviceRenderer, DeviceLayerRenderer)
DEVICES = ("cpu", "meta")
META = torch.device("meta")


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize(
    ("player", "device"), [*((player, "cpu") for player in PLAYERS), (PLAYERS[0], "meta")]
)
def test_a_bundled_player_is_captured_in_every_window(
    player: Path, renderer: type[DeviceRenderer], device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured = capture_on(device, monkeypatch)
    pack = PlayerPack.load(player)
    assert pack.shadow is not None, "his shadow is drawn there too"
    renderer(pack, backend="cuda")
    assert len(captured) == len(Windows.of(pack, few=True).sizes)


def test_a_bundled_player_paints_with_what_was_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    run_cuda_on_cpu(monkeypatch)
    count_captures(monkeypatch)
    pack = PlayerPack.load(PLAYERS[0])
    out = np.empty((pack.size[1], pack.size[0], 3), np.uint8)
    DeviceRenderer(pack, backend="cuda")(pack.poses[0], out)
    assert 0.02 < (np.abs(out.astype(int) - pack.plate).max(axis=2) > 16).mean() < 0.6


@pytest.mark.parametrize("net", [Detector, LandmarkNet])
@pytest.mark.parametrize("device", DEVICES)
def test_the_pose_is_captured_with_its_crops(
    net: Callable[..., Callable[..., object]], device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured = capture_on(device, monkeypatch)
    looks, frame = net(backend="cuda"), FrameUpload(torch.device(device)).blank()
    region = () if net is Detector else (Region(640, 360, 300, 0.1),)
    from_meta = pytest.raises(NotImplementedError, match="meta")  # from there nothing comes back
    with from_meta if device == "meta" else nullcontext():
        looks(frame, *region)
    assert len(captured) == 1


FORBIDDEN_WORK: dict[str, Callable[[Tensor], object]] = {
    "a list as the index": lambda x: x[[0, 1]],
    "a number that is read": lambda x: float(x.sum()),
    "a branch on a value": lambda x: 1 if x.sum() > 0 else 0,
    "a mask as the index": lambda x: x[x > 0],
    "a mask that is written through": lambda x: x.index_put_((x > 0,), x[:1]),
    "a tensor of Python's data": lambda x: x + torch.tensor([1.0, 2.0], device=x.device),
}


@pytest.mark.parametrize("work", FORBIDDEN_WORK.values(), ids=FORBIDDEN_WORK)
def test_the_rule_finds(work: Callable[[Tensor], object]) -> None:
    x = torch.ones(2)
    with pytest.raises(AssertionError), Capturable(x.device):
        work(x)


@pytest.mark.parametrize(
    "work",
    [lambda x: x + torch.ones(2), lambda x: x.copy_(torch.ones(2)), lambda x: torch.ones(2).to(x.device)],
    ids=["a sum", "a copy", "an upload"],
)
def test_on_meta_the_rule_finds_what_lies_on_the_host(work: Callable[[Tensor], object]) -> None:
    x = torch.ones(2, device=META)
    with pytest.raises(AssertionError, match="a tensor on cpu"), Capturable(META):
        work(x)
