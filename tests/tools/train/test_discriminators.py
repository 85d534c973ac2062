"""Discriminators: shapes, norms and conditions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tools.train.discriminators import (
    Judgement,
    MultiScaleDiscriminator,
    Norm,
    PatchDiscriminator,
    TemporalDiscriminator,
)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


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
