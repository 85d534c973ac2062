"""The table of losses: what is switched off is not computed, and critics learn apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.packs import HEIGHT_PX
from tests.training_runs import (
    CHEAP,
    CPU,
    CRITICS,
    crops_of,
    perfect,
)
from tools.footage.dataset import Footage
from tools.train.objective import Objective, Views, Weights, parse_weights


def objective_of(weights: Weights) -> Objective:
    torch.manual_seed(0)
    return Objective(weights, HEIGHT_PX, CPU)


def parts_of(objective: Objective, footage: Footage, *, rollout: bool = True) -> dict[str, Tensor]:
    """Every loss that the objective computes for one batch, judged by its critics."""
    batch = crops_of(footage)[0]
    painting = perfect(batch)
    painting = painting._replace(rgb=(painting.rgb * 0.8).requires_grad_())
    views = Views(batch, painting, perfect(batch) if rollout else None, np.random.default_rng(0))
    parts = objective.reconstruction(painting, batch)
    return parts | objective.persuade(views)


RECONSTRUCTION = {
    "reconstruction", "laplacian", "gradient", "alpha", "foreground", "face", "doll", "trust",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(RECONSTRUCTION))
def test_a_reconstruction_loss_of_weight_0_is_not_computed(footage: Footage, name: str) -> None:
    parts = parts_of(objective_of(replace(CHEAP, **{name: 0.0})), footage)
    assert set(parts) == RECONSTRUCTION - {name}


def test_a_critic_of_weight_0_is_absent(footage: Footage) -> None:
    assert not len(objective_of(CHEAP).critics)
    assert set(objective_of(replace(CHEAP, temporal=0.1)).critics) == {"temporal"}
    for name in ("adversarial", "feature_matching"):
        assert set(objective_of(replace(CHEAP, **{name: 1.0})).critics) == {"adversarial"}
    every = parts_of(objective_of(CRITICS), footage)
    assert set(every) == RECONSTRUCTION | {"adversarial", "feature_matching", "temporal"}
    assert "temporal" not in parts_of(objective_of(CRITICS), footage, rollout=False)


def test_the_total_is_the_weighted_sum(footage: Footage) -> None:
    objective = objective_of(CRITICS)
    parts = parts_of(objective, footage)
    expected = sum(getattr(CRITICS, name) * value.item() for name, value in parts.items())
    assert objective.total(parts).item() == pytest.approx(expected, rel=1e-4)


def test_the_critics_learn_without_the_generator_and_it_without_them(footage: Footage) -> None:
    objective = objective_of(CRITICS)
    batch = crops_of(footage)[0]
    colour = torch.full_like(batch["target"], 0.4).requires_grad_()
    views = Views(batch, perfect(batch)._replace(rgb=colour), perfect(batch), np.random.default_rng(0))
    objective.criticise(views).backward()
    assert colour.grad is None
    assert all(each.grad is not None for each in objective.critics["adversarial"].parameters())
    objective.critics.zero_grad(set_to_none=True)
    objective.total(objective.persuade(views)).backward()
    assert colour.grad is not None and colour.grad.abs().sum() > 0
    assert all(each.grad is None and each.requires_grad for each in objective.critics.parameters())


def test_weights_are_read_from_the_command_line() -> None:
    assert parse_weights([]) == Weights()
    assert parse_weights(["temporal=0", "face=0.5"]) == replace(Weights(), temporal=0.0, face=0.5)
    for text, said in (
        ("beauty=1", "no loss 'beauty'; known: adversarial"),
        ("face", "give a number, such as face=0.5"),
        ("face=much", "give a number"),
        ("=1", "no loss ''"),
    ):
        with pytest.raises(ValueError, match=said):
            parse_weights([text])
