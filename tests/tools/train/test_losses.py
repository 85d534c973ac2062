"""The reconstruction losses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.packs import HEIGHT_PX, SIZE
from tests.training_runs import (
    crops_of,
    perfect,
)
from tools.footage.dataset import Footage
from tools.train.losses import (
    face_weight,
    gradient,
    laplacian_pyramid,
    masked_l1,
    reconstruction_losses,
    trust,
)


def everywhere(output: Tensor, target: Tensor) -> Tensor:
    return masked_l1(output, target, torch.ones_like(target[:, :1]))


@pytest.mark.parametrize("loss", [laplacian_pyramid, gradient, everywhere])
def test_a_loss_is_zero_on_the_same_picture_and_positive_on_another(
    loss: Callable[[Tensor, Tensor], Tensor],
) -> None:
    torch.manual_seed(0)
    picture, other = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    assert loss(picture, picture) == 0
    assert loss(picture, other) > 0.01
    assert loss(picture, other) == loss(other, picture)


def test_gradient_and_laplacian_see_edges_more_than_brightness() -> None:
    flat = torch.full((1, 3, 32, 32), 0.5)
    stripes = flat.clone()
    stripes[..., ::2] += 0.1
    assert gradient(flat + 0.1, flat) == pytest.approx(0, abs=1e-6)
    assert gradient(stripes, flat).item() == pytest.approx(0.1, rel=1e-4)
    # Only the coarsest of the levels keeps a constant difference; the finest holds the stripes.
    assert laplacian_pyramid(flat + 0.1, flat).item() == pytest.approx(0.1 * 16, rel=1e-4)
    assert laplacian_pyramid(stripes, flat).item() == pytest.approx(0.05 + 0.05 * 16, rel=1e-4)


def test_masked_l1_looks_only_at_the_mask() -> None:
    picture, other, mask = torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)
    mask[..., :8] = 1
    other[..., 8:] = 1
    assert masked_l1(picture, other, mask) == 0
    assert masked_l1(picture, other, 1 - mask).item() == pytest.approx(128 / 129)
    assert masked_l1(picture, other, torch.zeros_like(mask)) == 0  # no person in the crop


def test_the_face_weight_lies_on_the_face(footage: Footage) -> None:
    landmarks = torch.from_numpy(footage.landmarks[:2])
    weight = face_weight(landmarks, SIZE[1], SIZE[0], HEIGHT_PX)
    assert weight.shape == (2, 1, SIZE[1], SIZE[0])
    row, column = divmod(int(weight[0].argmax()), SIZE[0])
    assert abs(column - footage.landmarks[0, 0, 0]) < 2 and abs(row - footage.landmarks[0, 0, 1]) < 2
    assert weight.max() > 0.95 and weight[0, 0, -20:].max() < 1e-3


def test_the_losses_are_zero_for_the_truth(footage: Footage) -> None:
    batch = dict(crops_of(footage)[0])
    batch["mask"] = sharp = (batch["mask"] > 0.5).float()
    batch["target"] = batch["target"] * sharp + batch["plate"] * (1 - sharp)
    truth = perfect(batch)
    parts = reconstruction_losses(truth, batch, HEIGHT_PX)
    assert all(value < 1e-4 for value in parts.values()), parts
    dark = torch.tensor([0.5, 0.5, 0.5, 1.0])[:, None, None]
    worse = truth._replace(
        rgb=1 - truth.rgb, alpha_logits=-truth.alpha_logits / 10, tinted=truth.tinted * dark,
        choice=truth.choice * 0.5,
    )  # fmt: skip
    assert all(value > 0.01 for value in reconstruction_losses(worse, batch, HEIGHT_PX).values())


def test_leaving_the_doll_costs_where_there_is_one() -> None:
    where = torch.ones(1, 1, 8, 8)
    costs = [trust(torch.full_like(where, choice), where).item() for choice in (1.0, 0.8, 0.0)]
    assert costs == pytest.approx([0, 0.2, 1], abs=0.02)
    assert trust(torch.zeros_like(where), torch.zeros_like(where)) == 0
