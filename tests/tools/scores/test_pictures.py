from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch

from tools.evaluate.pictures import PictureJudge
from tools.scores.lpips import Lpips
from tools.scores.pictures import gradient_energy, multiscale_ssim, psnr, sharpness, ssim_map, to_tensor

RANDOM = np.random.default_rng(0)
NOISE = RANDOM.integers(0, 256, (64, 64, 3), np.uint8)
MASK = np.zeros((64, 64), bool)
MASK[20:40, 20:44] = True


def test_identical_pictures_are_perfect() -> None:
    assert psnr(NOISE, NOISE) == math.inf
    assert psnr(NOISE, NOISE, MASK) == math.inf
    assert ssim_map(NOISE, NOISE) == pytest.approx(1.0, abs=1e-4)
    large = cv2.resize(NOISE, (176, 192))
    assert multiscale_ssim(large, large) == pytest.approx(1.0, abs=1e-5)
    assert sharpness(NOISE, NOISE, MASK) == 1


def test_psnr_of_a_known_error_counts_inside_the_mask_alone() -> None:
    truth = np.full((64, 64, 3), 100, np.uint8)
    output = truth.copy()
    output[MASK] += 10
    assert psnr(output, truth, MASK) == pytest.approx(20 * math.log10(255 / 10), abs=1e-4)
    assert psnr(output, truth) == pytest.approx(
        20 * math.log10(255 / 10) - 10 * math.log10(MASK.mean()), abs=1e-4
    )


def test_a_shifted_picture_scores_lower_and_farther_is_no_better() -> None:
    smooth = cv2.GaussianBlur(cv2.resize(NOISE, (192, 192)), (0, 0), 3)
    shifted = [np.roll(smooth, shift, 1) for shift in (0, 1, 4)]
    for score in (lambda x: ssim_map(x, smooth).mean(), lambda x: multiscale_ssim(x, smooth)):
        scores = [score(picture) for picture in shifted]
        assert scores[0] > scores[1] > scores[2]
    assert psnr(shifted[1], smooth) > psnr(shifted[2], smooth)


def test_ssim_is_local() -> None:
    output = NOISE.copy()
    output[:20] = 0
    similarity = ssim_map(output, NOISE)
    assert similarity.shape == (64, 64)
    assert similarity[:17].mean() < 0.2 and similarity[24:] == pytest.approx(1.0, abs=1e-4)


def test_ms_ssim_of_a_picture_too_small_is_not_a_number() -> None:
    assert math.isnan(multiscale_ssim(NOISE, NOISE))


def test_gradient_energy_of_a_ramp_and_of_a_blur() -> None:
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None] * 3, 64, 0).repeat(3, 2)
    assert gradient_energy(ramp, MASK) == pytest.approx(9.0)
    assert sharpness(cv2.GaussianBlur(NOISE, (0, 0), 2), NOISE, MASK) < 0.1
    assert sharpness(NOISE, ramp) > 10


def test_a_tensor_is_rgb_from_0_to_1() -> None:
    blue = np.zeros((4, 5, 3), np.uint8)
    blue[..., 0] = 255
    assert to_tensor(blue).shape == (1, 3, 4, 5)
    assert to_tensor(blue).amax((0, 2, 3)).tolist() == [0, 0, 1]


def test_each_region_is_judged_by_its_own_pixels() -> None:
    torch.manual_seed(0)
    shapes = ((64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3))
    weights = {f"linear{index}": torch.rand(shape[0]) for index, shape in enumerate(shapes)}
    for index, (out, inner, size) in enumerate(shapes):
        weights[f"conv{index}.weight"] = torch.randn(out, inner, size, size) / (inner * size * size) ** 0.5
        weights[f"conv{index}.bias"] = torch.zeros(out)
    judge = PictureJudge(Lpips(weights))
    truth = cv2.resize(NOISE, (192, 192))
    mask = np.zeros((192, 192), bool)
    mask[100:180, 60:120] = True
    face = (slice(10, 50), slice(20, 60))
    output = truth.copy()
    output[mask] //= 2
    hands = np.zeros_like(mask)
    hands[90:140, 50:100] = True  # half of it is spoilt
    scores = judge(output, truth, mask, face, hands)
    assert scores["psnr_db"]["full"] > scores["psnr_db"]["hands"] > scores["psnr_db"]["person"]
    assert scores["lpips"]["full"] < scores["lpips"]["hands"] and scores["ssim"]["hands"] < 1
    assert scores["psnr_db"]["face"] == math.inf > scores["psnr_db"]["full"] > scores["psnr_db"]["person"]
    assert scores["lpips"]["face"] == 0 < scores["lpips"]["full"] < scores["lpips"]["person"]
    assert scores["sharpness_of_truth"]["face"] == 1 > scores["sharpness_of_truth"]["person"]
    assert scores["ssim"]["face"] > scores["ssim"]["full"] > scores["ssim"]["person"]
    assert 0 < scores["ms_ssim"]["person"] < 1
    assert set(scores) == set(PictureJudge.NAMES)
    without = judge(output, truth, mask, None)
    assert all(
        math.isnan(without[name][region]) for name in ("psnr_db", "lpips") for region in ("face", "hands")
    )
    assert math.isnan(PictureJudge(None)(output, truth, mask, face)["lpips"]["person"])
