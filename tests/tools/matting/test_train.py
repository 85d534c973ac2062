from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tools.matting import train
from tools.matting.cutter import load
from tools.matting.net import MULTIPLE, MattingNet


@pytest.fixture(scope="module")
def samples() -> np.ndarray:  # type: ignore[type-arg]
    """Bright squares on dark ground, whose masks are too small."""
    made = np.zeros((6, train.SIDE, train.SIDE, train.CHANNELS), np.uint8)
    for n in range(6):
        square = np.s_[100 + 20 * n : 300 + 20 * n, 150:350]
        made[n][..., :3] = 40
        made[n][square][..., :3] = 200
        made[n][square][..., 3] = 255
        made[n][120 + 20 * n : 280 + 20 * n, 170:330, 4] = 255
        made[n][..., 5:8], made[n][..., 8] = 40, 255
    return made


def test_the_untrained_network_hands_the_mask_through() -> None:
    net = MattingNet().eval()
    mask = torch.rand(1, 1, 2 * MULTIPLE, MULTIPLE)
    other = torch.rand(1, 3, 2 * MULTIPLE, MULTIPLE)
    with torch.inference_mode():
        alpha = torch.sigmoid(net(other, mask, other, torch.ones_like(mask)))
    torch.testing.assert_close(alpha, mask.clamp(0.004, 0.996), atol=1e-4, rtol=0)


def test_the_colours_of_an_unknown_plate_do_not_matter() -> None:
    torch.manual_seed(0)
    net = MattingNet().eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    picture, mask = torch.rand(1, 3, MULTIPLE, MULTIPLE), torch.rand(1, 1, MULTIPLE, MULTIPLE)
    none = torch.zeros_like(mask)
    with torch.inference_mode():
        one, other = (net(picture, mask, torch.rand_like(picture), none) for _ in range(2))
    torch.testing.assert_close(one, other)


def test_training_learns_what_the_mask_misses_and_goes_on_where_it_stopped(
    samples: np.ndarray,  # type: ignore[type-arg]
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(train, "CROP", 64)
    monkeypatch.setattr(train, "SAVE_EVERY", 10)
    shown = train.batch(samples, 0, 1)
    alpha = shown.pop("alpha")
    before = float((shown["mask"] - alpha).abs().mean())
    whole = train.train(samples, tmp_path, 41, 1).eval()
    with torch.inference_mode():
        after = float((torch.sigmoid(whole(**shown)) - alpha).abs().mean())
    assert after < before
    train.save(whole, tmp_path / "net.safetensors")
    again = load(tmp_path / "net.safetensors")
    with torch.inference_mode():
        torch.testing.assert_close(again(**shown), whole(**shown), atol=0.05, rtol=0.02)
    (tmp_path / "whole").mkdir()
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 41
    assert train.train(samples, tmp_path, 41, 1).state_dict().keys() == whole.state_dict().keys()
