"""The baseline's generator: its shape, its cost, its stick figure, and the file it is kept in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from engines.stick_figure import draw_stick_figure
from tests.packs import standing
from tools.benchmarking.quality.pix2pixhd import (
    BaselineError,
    GlobalGenerator,
    Pix2PixHD,
    macs,
    nearest_ngf,
    stick_figure,
)
from tools.benchmarking.quality.train_pix2pixhd import equal_ngf

SIZE = (96, 128)


@pytest.fixture
def renderer() -> Pix2PixHD:
    torch.manual_seed(0)
    return Pix2PixHD(GlobalGenerator(2), SIZE)


def test_the_generator_is_that_of_the_paper() -> None:
    """182 M parameters and 218 GMAC at 512x512 with ngf 64."""
    with torch.device("meta"):
        net = GlobalGenerator(64)
        cost = macs(net, torch.empty(1, 3, 512, 512))
    assert sum(parameter.numel() for parameter in net.parameters()) / 1e6 == pytest.approx(182, abs=1)
    assert cost / 1e9 == pytest.approx(218, abs=1)
    kinds = [type(module) for module in net.modules()]
    assert kinds.count(nn.ConvTranspose2d) == 4
    assert kinds.count(nn.Conv2d) == 1 + 4 + 9 * 2 + 1
    assert kinds.count(nn.InstanceNorm2d) == 1 + 4 + 9 * 2 + 4


def test_a_picture_of_the_figures_size_comes_out_in_range() -> None:
    torch.manual_seed(0)
    figure = torch.rand(2, 3, 64, 96, requires_grad=True)
    picture = GlobalGenerator(4)(figure)
    assert picture.shape == (2, 3, 64, 96)
    assert 0 <= picture.min() < picture.max() <= 1
    picture.mean().backward()
    assert figure.grad is not None and figure.grad.abs().sum() > 0


def test_macs_of_a_convolution_are_counted_by_hand() -> None:
    convolution = nn.Conv2d(3, 5, 3, padding=1)
    assert macs(convolution, torch.rand(2, 3, 8, 8)) == 2 * 5 * 3 * 9 * 8 * 8
    assert all(parameter.grad is None for parameter in convolution.parameters())


@pytest.mark.parametrize("target", [4.9e9, 6.15e9, 20e9])
def test_the_width_meets_the_arithmetic_asked_for(target: float) -> None:
    ngf = nearest_ngf(target)

    def cost(each: int) -> int:
        with torch.device("meta"):
            return macs(GlobalGenerator(each), torch.empty(1, 3, 512, 512))

    assert cost(ngf) == pytest.approx(target, rel=0.1)
    assert abs(cost(ngf) - target) <= min(abs(cost(each) - target) for each in (ngf - 1, ngf + 1))


def test_the_narrowest_is_one() -> None:
    assert nearest_ngf(1) == 1


@pytest.mark.parametrize(("body_px", "ngf"), [(120, 10), (320, 5)])
def test_the_equal_of_a_player_does_as_much_for_the_same_picture(body_px: float, ngf: int) -> None:
    assert equal_ngf("tiny", (512, 512), body_px) == ngf


# --- the stick figure ---


def test_a_crops_figure_is_a_window_of_the_wholes() -> None:
    """The lines are as thick in a crop as in the whole picture, and the colours are RGB."""
    size, shift = (512, 512), (160, 96)
    landmarks = standing(256, 440, 313, arms=0.7)
    whole = np.zeros((512, 512, 3), np.uint8)
    draw_stick_figure(whole, landmarks)
    crop = stick_figure(landmarks - np.array([*shift, 0, 0], np.float32), size, (256, 128))
    assert crop.shape == (3, 128, 256)
    expected = whole[96:224, 160:416, ::-1].transpose(2, 0, 1).astype(np.float32) / 255
    # Ends are rounded to whole pixels and the lines reach out of the canvas: anti-aliasing may differ there.
    assert np.abs(crop.numpy() - expected).mean() < 1e-3
    assert crop.max() > 0.8


# --- at work ---


def test_the_renderer_paints_the_whole_picture_and_keeps_no_state(renderer: Pix2PixHD) -> None:
    landmarks = standing(48, 110, 90)
    first, again, other = (np.zeros((128, 96, 3), np.uint8) for _ in range(3))
    renderer(landmarks, first)
    renderer(standing(30, 100, 80), other)
    renderer.reset()
    renderer(landmarks, again)
    assert first.std() > 0
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_renderer_gives_bgr(renderer: Pix2PixHD) -> None:
    last = renderer._net.layers[-2]
    assert isinstance(last, nn.Conv2d) and last.bias is not None
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([5.0, 0.0, -5.0]))  # red
    out = np.zeros((128, 96, 3), np.uint8)
    renderer(standing(48, 110, 90), out)
    assert out[5, 5].tolist() == [0, 128, 255]


def test_a_landmark_that_is_not_finite_is_refused(renderer: Pix2PixHD) -> None:
    landmarks = standing(48, 110, 90)
    landmarks[7, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        renderer(landmarks, np.zeros((128, 96, 3), np.uint8))


def test_what_is_loaded_paints_what_was_saved(renderer: Pix2PixHD, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    renderer.save(path)
    assert [each.name for each in tmp_path.iterdir()] == ["model.safetensors"]
    loaded = Pix2PixHD.load(path)
    assert loaded.size == SIZE
    pictures = [np.zeros((128, 96, 3), np.uint8) for _ in range(2)]
    for each, picture in zip((renderer, loaded), pictures, strict=True):
        each(standing(48, 110, 90), picture)
    assert np.array_equal(*pictures)


@pytest.mark.parametrize("damage", ["missing", "garbage", "another"])
def test_a_file_that_is_no_baseline_is_named(damage: str, renderer: Pix2PixHD, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    if damage == "garbage":
        path.write_bytes(b"no tensors")
    if damage == "another":
        save_file({"weight": torch.zeros(1)}, path, {"ngf": "2", "width": "96", "height": "128"})
    with pytest.raises(BaselineError, match=r"model\.safetensors is no trained baseline.*train_pix2pixhd"):
        Pix2PixHD.load(path)
