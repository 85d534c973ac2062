"""Discriminators: shapes, conditions, and crops that are where they should be."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from engines.skeleton import LANDMARKS, Landmark
from tools.training.discriminators import (
    PARTS,
    Judgement,
    MultiScaleDiscriminator,
    Norm,
    PatchDiscriminator,
    TemporalDiscriminator,
    crops_about,
    part_centres,
    part_crops,
    pass_over,
)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def standing(*, x: float, y: float) -> Tensor:
    """(1, 33, 4): every landmark at one place."""
    return torch.tensor([x, y, 0.0, 1.0]).expand(1, LANDMARKS, 4).clone()


@pytest.mark.parametrize("norm", ["spectral", "instance"])
@pytest.mark.parametrize("channels", [0, 5])
def test_a_patch_discriminator_gives_a_logit_a_patch_and_the_features_of_each_layer(
    norm: Norm, channels: int
) -> None:
    discriminator = PatchDiscriminator(channels, width=8, norm=norm)
    condition = torch.rand(2, channels, 16, 24) if channels else None
    judgement = discriminator(torch.rand(2, 3, 64, 96), condition)
    assert isinstance(judgement, Judgement)
    assert [tuple(each.shape) for each in judgement.logits] == [(2, 1, 6, 10)]
    shapes = [tuple(each.shape) for each in judgement.features]
    assert shapes == [(2, 8, 32, 48), (2, 16, 16, 24), (2, 32, 8, 12), (2, 32, 7, 11)]


def test_a_logit_sees_70_pixels_a_side() -> None:
    picture = torch.rand(1, 3, 128, 128, requires_grad=True)
    (logits,) = PatchDiscriminator(width=4)(picture).logits
    logits[0, 0, 6, 6].backward()
    assert picture.grad is not None
    seen = picture.grad.abs().sum(dim=(0, 1)) > 0
    assert int(seen.any(dim=0).sum()) == 70 == int(seen.any(dim=1).sum())


def test_the_smallest_picture_that_is_promised_is_judged() -> None:
    assert PatchDiscriminator(width=4)(torch.rand(1, 3, 32, 32)).logits[0].shape == (1, 1, 2, 2)


def test_the_condition_is_looked_at() -> None:
    discriminator = PatchDiscriminator(4, width=8)
    picture = torch.rand(1, 3, 64, 64)
    condition = torch.rand(1, 4, 16, 16, requires_grad=True)
    discriminator(picture, condition).logits[0].sum().backward()
    assert condition.grad is not None and condition.grad.abs().sum() > 0


@pytest.mark.parametrize(("channels", "given"), [(0, True), (4, False)])
def test_a_condition_too_many_or_too_few_is_refused(channels: int, given: bool) -> None:
    condition = torch.rand(1, 4, 16, 16) if given else None
    with pytest.raises(ValueError, match="condition"):
        PatchDiscriminator(channels, width=4)(torch.rand(1, 3, 64, 64), condition)


def test_a_spectral_norm_holds_every_weight_at_most_near_one() -> None:
    discriminator = PatchDiscriminator(3, width=8)
    with torch.no_grad():
        for _ in range(50):
            discriminator(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 8, 8))
    convolutions = [module for module in discriminator.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 5
    for convolution in convolutions:
        norm = torch.linalg.matrix_norm(convolution.weight.flatten(1), ord=2)
        assert norm.item() == pytest.approx(1, abs=0.05)


def test_spectral_norm_and_autocast_agree_with_float32() -> None:
    discriminator = PatchDiscriminator(width=8).eval()
    picture = torch.rand(1, 3, 64, 64)
    exact = discriminator(picture).logits[0]
    with torch.autocast("cpu", torch.bfloat16):
        quick = discriminator(picture)
    assert quick.features[0].dtype == torch.bfloat16
    torch.testing.assert_close(quick.logits[0], exact, rtol=0.05, atol=0.01)


def test_scales_judge_ever_smaller_pictures() -> None:
    discriminator = MultiScaleDiscriminator(3, scales=3, width=4)
    judgement = discriminator(torch.rand(2, 3, 128, 128), torch.rand(2, 3, 32, 32))
    assert [logits.shape[-1] for logits in judgement.logits] == [14, 6, 2]
    assert len(judgement.features) == 12
    judgement.logits[2].sum().backward()
    used = [next(scale.parameters()).grad is not None for scale in discriminator.scales]
    assert used == [False, False, True]


def test_a_temporal_discriminator_tells_the_order_of_two_pictures() -> None:
    discriminator = TemporalDiscriminator(2, width=4)
    first, second = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    maps = torch.rand(1, 2, 16, 16), torch.rand(1, 2, 16, 16)
    with torch.no_grad():
        one = discriminator(first, second, maps).logits[0]
        other = discriminator(second, first, (maps[1], maps[0])).logits[0]
    assert one.shape == (1, 1, 6, 6)
    assert not torch.allclose(one, other)
    assert TemporalDiscriminator(width=4)(first, second).logits[0].shape == (1, 1, 6, 6)


# --- crops ---


def test_a_crop_on_whole_pixels_is_a_slice() -> None:
    pictures = torch.rand(2, 3, 40, 60)
    centres = torch.tensor([[[20.0, 12.0], [30.0, 20.0]], [[50.0, 30.0], [8.0, 8.0]]])
    crops = crops_about(pictures, centres, side_px=16, out_size=16)
    assert crops.shape == (4, 3, 16, 16)
    for index, (picture, (x, y)) in enumerate([(0, (20, 12)), (0, (30, 20)), (1, (50, 30)), (1, (8, 8))]):
        slice_ = pictures[picture, :, y - 8 : y + 8, x - 8 : x + 8]
        torch.testing.assert_close(crops[index], slice_, atol=1e-5, rtol=0)


def test_a_crop_is_scaled_to_its_size_and_zero_outside_of_the_picture() -> None:
    ramp = torch.arange(32.0).expand(1, 1, 32, 32) + 0.5  # the place itself, in pixels
    crop = crops_about(ramp, torch.tensor([[[16.0, 16.0]]]), side_px=16, out_size=32)[0, 0, 0]
    torch.testing.assert_close(crop, 8 + (torch.arange(32) + 0.5) / 2, atol=1e-4, rtol=0)
    corner = crops_about(torch.ones(1, 1, 32, 32), torch.tensor([[[0.0, 0.0]]]), side_px=16, out_size=16)
    assert corner[0, 0, :7, :7].abs().max() == 0
    assert corner[0, 0, 9:, 9:].min() == pytest.approx(1)


def test_a_crop_passes_gradients_to_the_pixels_that_it_shows_and_to_no_other() -> None:
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    crops_about(picture, torch.tensor([[[16.0, 10.0]]]), side_px=8, out_size=8).sum().backward()
    assert picture.grad is not None
    touched = picture.grad[0, 0].abs() > 1e-4
    assert touched[6:14, 12:20].all()
    assert int(touched.sum()) == 64


def test_parts_are_where_their_landmarks_are() -> None:
    landmarks = torch.rand(3, LANDMARKS, 4) * 100
    face, left = part_centres(landmarks, ["face", "left hand"]).unbind(dim=1)
    ears = landmarks[:, [Landmark.NOSE, Landmark.LEFT_EAR, Landmark.RIGHT_EAR], :2].mean(dim=1)
    hand = landmarks[:, [Landmark.LEFT_WRIST, Landmark.LEFT_INDEX, Landmark.LEFT_PINKY], :2].mean(dim=1)
    torch.testing.assert_close(face, ears)
    torch.testing.assert_close(left, hand)


def test_only_parts_inside_of_the_picture_are_cut_and_maps_follow_their_pictures() -> None:
    landmarks = torch.cat([standing(x=32, y=32), standing(x=-3, y=32), standing(x=48, y=16)])
    landmarks[2, Landmark.RIGHT_WRIST :: 2, :2] += 500  # the last one's right hand has left the picture
    body_px = 64 / PARTS["left hand"].side
    place = torch.arange(64.0).expand(3, 1, 64, 64)
    hands = part_crops(place, landmarks, ["left hand", "right hand"], body_px / 2, 32)
    assert hands.shape == (3, 1, 32, 32)  # two of the first, one of the last
    assert [round(float(crop.mean())) for crop in hands[:2]] == [32, 32]
    maps = part_crops(place[..., ::4, ::4], landmarks / 4, ["left hand", "right hand"], body_px / 8, 8)
    assert maps.shape == (3, 1, 8, 8)
    away = standing(x=-3, y=32)
    assert part_crops(place[:1], away, ["face"], body_px, 32).shape == (0, 1, 32, 32)


def test_parts_of_different_sides_are_not_cut_at_once() -> None:
    with pytest.raises(ValueError, match="unpack"):
        part_crops(torch.rand(1, 3, 64, 64), standing(x=32, y=32), ["face", "left hand"], 100, 32)


def test_a_critic_that_is_passed_over_is_as_if_it_had_judged() -> None:
    torch.manual_seed(0)
    judged = PatchDiscriminator(width=4)
    passed = copy.deepcopy(judged)
    first = copy.deepcopy(judged.state_dict())
    for _ in range(2):
        judged(torch.rand(1, 3, 32, 32))
    pass_over(passed, times=2)
    ours, theirs = passed.state_dict(), judged.state_dict()
    assert sum(not torch.equal(first[name], theirs[name]) for name in first) >= 8, "the norms moved"
    for name, value in theirs.items():
        assert torch.equal(ours[name], value), name
