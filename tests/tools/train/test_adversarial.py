"""The adversarial losses: signs, gradients, analytic values, and one augmentation for a pair."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from tools.train.adversarial import (
    Augmentation,
    Logits,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    least_squares_discriminator,
    least_squares_generator,
)
from tools.train.discriminators import Judgement, PatchDiscriminator

CPU = torch.device("cpu")
DISCRIMINATOR_LOSSES = [hinge_discriminator, least_squares_discriminator]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def logits(*values: float) -> list[Tensor]:
    """One scale a value."""
    return [torch.full((2, 1, 4, 4), value) for value in values]


@pytest.mark.parametrize("loss", DISCRIMINATOR_LOSSES)
def test_a_discriminator_that_tells_them_apart_loses_less(loss: Callable[[Logits, Logits], Tensor]) -> None:
    right, unsure, wrong = (
        loss(logits(0.9), logits(-0.1)),
        loss(logits(0.4), logits(0.4)),
        loss(logits(-0.1), logits(0.9)),
    )
    assert right < unsure < wrong


@pytest.mark.parametrize(
    "loss",
    [
        hinge_generator,
        least_squares_generator,
    ],
)
def test_a_generator_that_looks_more_real_loses_less(loss: Callable[[Logits], Tensor]) -> None:
    assert loss(logits(0.8)) < loss(logits(0.2)) < loss(logits(-0.5))


def test_the_losses_have_the_papers_values() -> None:
    assert hinge_discriminator(logits(0.25), logits(0.5)).item() == pytest.approx(0.75 + 1.5)
    assert hinge_discriminator(logits(2.0), logits(-3.0)).item() == 0  # beyond the margin nothing is gained
    assert hinge_generator(logits(0.5)).item() == pytest.approx(-0.5)
    assert least_squares_discriminator(logits(0.5), logits(0.5)).item() == pytest.approx(0.25)
    assert least_squares_generator(logits(0.5)).item() == pytest.approx(0.25)


@pytest.mark.parametrize("loss", DISCRIMINATOR_LOSSES)
def test_scales_are_summed(loss: Callable[[Logits, Logits], Tensor]) -> None:
    both = loss(logits(0.5, -0.2), logits(0.1, 0.3))
    torch.testing.assert_close(both, loss(logits(0.5), logits(0.1)) + loss(logits(-0.2), logits(0.3)))


def test_gradients_reach_the_generator_and_not_what_is_detached() -> None:
    discriminator = PatchDiscriminator(width=4)
    painted = torch.rand(1, 3, 64, 64, requires_grad=True)
    real = discriminator(torch.rand(1, 3, 64, 64))
    hinge_discriminator(real.logits, discriminator(painted.detach()).logits).backward()
    assert painted.grad is None
    assert all(parameter.grad is not None for parameter in discriminator.parameters())
    hinge_generator(discriminator(painted).logits).backward()
    assert painted.grad is not None and painted.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("discriminator_loss", "generator_loss"),
    [
        (hinge_discriminator, lambda real, fake: hinge_generator(fake)),
        (least_squares_discriminator, lambda real, fake: least_squares_generator(fake)),
    ],
)
def test_a_few_steps_tell_dark_from_bright_and_teach_the_painter(
    discriminator_loss: Callable[[Logits, Logits], Tensor], generator_loss: Callable[[Logits, Logits], Tensor]
) -> None:
    discriminator = PatchDiscriminator(width=4)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-2)
    bright, dark = torch.full((2, 3, 32, 32), 0.8), torch.full((2, 3, 32, 32), 0.2)
    for _ in range(30):
        loss = discriminator_loss(discriminator(bright).logits, discriminator(dark).logits)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        assert discriminator(bright).logits[0].mean() > discriminator(dark).logits[0].mean() + 0.2
    painted = dark.clone().requires_grad_()
    generator_loss(discriminator(bright).logits, discriminator(painted).logits).backward()
    assert painted.grad is not None and painted.grad.mean() < 0  # brighter is better


# --- penalties ---


def test_feature_matching_weighs_as_pix2pixhd() -> None:
    """Two scales of four layers, each differing by 1: 4 layers * 4 / 4, averaged over the scales."""
    real = Judgement([], [torch.zeros(1, 2, 4, 4) for _ in range(8)])
    fake = Judgement([], [torch.ones(1, 2, 4, 4) for _ in range(8)])
    assert feature_matching(real, fake).item() == pytest.approx(4)
    assert feature_matching(real, real).item() == 0


def test_feature_matching_teaches_the_painter_only() -> None:
    discriminator = PatchDiscriminator(width=4)
    target = torch.rand(1, 3, 64, 64, requires_grad=True)
    painted = torch.rand(1, 3, 64, 64, requires_grad=True)
    feature_matching(discriminator(target), discriminator(painted)).backward()
    assert target.grad is None
    assert painted.grad is not None and painted.grad.abs().sum() > 0


# --- augmentation ---


def drawn(seed: int, batch: int = 4, size: tuple[int, int] = (64, 96)) -> Augmentation:
    return Augmentation.draw(batch, size, np.random.default_rng(seed), CPU)


def test_one_draw_does_the_same_to_a_pair_and_another_draw_does_not() -> None:
    picture = torch.rand(4, 3, 64, 96)
    assert torch.equal(drawn(1).pictures(picture), drawn(1).pictures(picture.clone()))
    assert not torch.equal(drawn(1).pictures(picture), drawn(2).pictures(picture))
    rows = drawn(3).pictures(picture[:1].expand(4, -1, -1, -1))
    assert not torch.equal(rows[0], rows[1])  # each row has a draw of its own


def test_colours_change_within_the_papers_ranges() -> None:
    many = drawn(0, batch=4000)
    assert many.brightness.min() >= -0.25 and many.brightness.max() <= 0.25
    assert many.saturation.min() >= 0 and many.saturation.max() <= 2
    assert many.contrast.min() >= 0.5 and many.contrast.max() <= 1.5
    assert many.shift.abs().amax(dim=0).tolist() == [3, 2]  # an eighth of 24 and of 16
    plain = Augmentation(
        torch.full((1, 1, 1, 1), 0.1), torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1),
        torch.zeros(1, 2, dtype=torch.long), torch.full((1, 2), -1000),
    )  # fmt: skip
    picture = torch.rand(1, 3, 16, 16)
    grey = picture.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    torch.testing.assert_close(plain.pictures(picture), grey + 0.1)


def test_a_picture_and_its_condition_move_together() -> None:
    one = torch.ones(1, 1, 1, 1)
    moved = Augmentation(
        one * 0, one, one, torch.tensor([[2, -3]]), torch.full((1, 2), -1000)
    )  # 8 pixels to the right, 12 up
    picture, maps = torch.zeros(1, 3, 64, 64), torch.zeros(1, 1, 16, 16)
    picture[:, :, 40:44, 20:24] = 1
    maps[:, :, 10, 5] = 1
    out, condition = moved.pictures(picture), moved.condition(maps)
    assert torch.equal(torch.nn.functional.avg_pool2d(out[:, :1], 4), condition)
    assert condition[0, 0, 7, 7] == 1 and condition.sum() == 1
    assert moved.pictures(torch.ones(1, 3, 64, 64))[0, 0, :, :8].max() == 0  # what comes in is zero


def test_a_quarter_of_the_picture_is_cut_and_no_gradient_passes_there() -> None:
    one = torch.ones(1, 1, 1, 1)
    cut = Augmentation(one * 0, one, one, torch.zeros(1, 2, dtype=torch.long), torch.tensor([[8, 6]]))
    picture = torch.ones(1, 3, 64, 64, requires_grad=True)
    out = cut.pictures(picture)
    zero = out[0, 0] == 0
    assert zero[24 - 15 : 24 + 16, 32 - 15 : 32 + 16].all()
    assert int(zero.sum()) == 31 * 31
    out[0, 0, 0, 0].backward()
    assert picture.grad is not None and picture.grad[0, 0, 0, 0] > 0
