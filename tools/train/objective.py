"""What training minimizes: a table of losses. A loss with the weight 0 is not computed.

Reconstruction losses see the whole crop. The critics see a patch of it: a multi-scale patch discriminator
with feature matching, and a temporal one on pairs of consecutive patches. They learn to tell recorded patches
from painted ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor, nn

from engines.painting.generator import Painting
from engines.skeleton import Landmark, Skeleton
from tools.train.adversarial import (
    Augmentation,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
)
from tools.train.crops import HOST_LANDMARKS
from tools.train.discriminators import Judgement, MultiScaleDiscriminator, TemporalDiscriminator
from tools.train.losses import reconstruction_losses

Batch = Mapping[str, Tensor]


@dataclass(frozen=True)
class Weights:
    """TABLE of the losses with their weights; 0 leaves one out."""

    reconstruction: float = 10.0
    laplacian: float = 4.0
    gradient: float = 10.0
    alpha: float = 1.0
    foreground: float = 5.0
    face: float = 5.0
    doll: float = 6.0
    trust: float = 3.0
    adversarial: float = 0.1
    feature_matching: float = 3.0
    temporal: float = 0.1


PATCH = 128
"""Side of the critics' patch, pixels."""
CRITIC_WIDTH = 24


class Views:
    """The critics' input in one step: the painted and the true crop, and the place of a patch on the person.

    batch: see `Crops`. painting: of its crops. earlier: of the frames before, without gradient, or None. The
    patch is around a visible joint that `random` chooses.
    """

    def __init__(
        self, batch: Batch, painting: Painting, earlier: Painting | None, random: np.random.Generator
    ) -> None:
        self.batch = batch
        self.painted, self.true = painting.over(batch["plate"]), batch["target"]
        self.earlier = None if earlier is None else earlier.over(batch["plate"]).detach()
        height, width = self.true.shape[2:]
        self._side = min(PATCH, height, width)
        joints = batch.get(HOST_LANDMARKS, batch["landmarks"])[:, Landmark.NOSE :, :2].numpy()
        picked = joints[np.arange(len(joints)), random.integers(0, joints.shape[1], len(joints))]
        low = np.nan_to_num(picked) - self._side / 2
        self._corners = (np.clip(low, 0, (width - self._side, height - self._side)) // 8 * 8).astype(int)
        self.augmentation = Augmentation.draw(len(joints), (self._side, self._side), random, self.true.device)

    def patch(self, pictures: Tensor, scale: int = 1) -> Tensor:
        """The patch of pictures (B, C, H, W), or of maps at 1 / scale of their resolution."""
        side = self._side // scale
        rows = [
            picture[:, y // scale : y // scale + side, x // scale : x // scale + side]
            for picture, (x, y) in zip(pictures, self._corners.tolist(), strict=True)
        ]
        return torch.stack(rows)


class Objective:
    """The losses with a weight in `weights`, and the critics that they need, on `device`."""

    def __init__(self, weights: Weights, body_px: float, device: torch.device) -> None:
        self._weights, self._body_px = asdict(weights), body_px
        self._skeleton = Skeleton(body_px).to(device)
        critics: dict[str, nn.Module] = {}
        if weights.adversarial or weights.feature_matching:
            critics["adversarial"] = MultiScaleDiscriminator(Skeleton.channels, width=CRITIC_WIDTH)
        if weights.temporal:
            critics["temporal"] = TemporalDiscriminator(Skeleton.channels, width=CRITIC_WIDTH)
        self.critics = nn.ModuleDict(critics).to(device)

    def reconstruction(self, painting: Painting, batch: Batch) -> dict[str, Tensor]:
        """The losses against the recording's pixels."""
        parts = reconstruction_losses(painting, batch, self._body_px)
        return {name: value for name, value in parts.items() if self._weights[name]}

    def criticise(self, views: Views) -> Tensor:
        """The critics' own loss. No gradient goes back to the generator."""
        judged = [self._judge(name, views, views.painted.detach()) for name in self._present(views)]
        losses = [hinge_discriminator(real.logits, fake.logits) for real, fake in judged]
        return torch.stack(losses).sum() if losses else views.true.new_zeros(()).requires_grad_()

    def persuade(self, views: Views) -> dict[str, Tensor]:
        """The generator's loss from the critics. Their weights get no gradient."""
        parts = {}
        self.critics.requires_grad_(False)
        for name in self._present(views):
            real, fake = self._judge(name, views, views.painted)
            parts[name] = hinge_generator(fake.logits)
            if name == "adversarial":
                parts["feature_matching"] = feature_matching(real, fake)
        self.critics.requires_grad_(True)
        return parts

    def total(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum."""
        return torch.stack([self._weights[name] * value for name, value in parts.items()]).sum()

    def _present(self, views: Views) -> list[str]:
        """The critics that have an input; the temporal one has one in steps with an earlier frame."""
        return [name for name in self.critics if name != "temporal" or views.earlier is not None]

    def _judge(self, name: str, views: Views, painted: Tensor) -> tuple[Judgement, Judgement]:
        """The judgement of critic `name` on the recording and on `painted`."""
        batch, critic = views.batch, self.critics[name]
        maps = self._maps(views, batch["landmarks"])
        if name == "adversarial":
            real, fake = (self._patch(views, pictures) for pictures in (views.true, painted))
            return critic(real, maps), critic(fake, maps)
        assert views.earlier is not None  # noqa: S101  # see _present
        conditions = (self._maps(views, batch["earlier"]), maps)
        befores = (batch["earlier_target"], views.earlier)
        real, fake = (
            critic(self._patch(views, before), self._patch(views, now), conditions)
            for before, now in zip(befores, (views.true, painted), strict=True)
        )
        return real, fake

    def _patch(self, views: Views, pictures: Tensor) -> Tensor:
        return views.augmentation.pictures(views.patch(pictures))

    def _maps(self, views: Views, landmarks: Tensor) -> Tensor:
        height, width = views.true.shape[2:]
        with torch.no_grad():
            maps = self._skeleton(landmarks, height // 4, width // 4)
            return views.augmentation.condition(views.patch(maps, scale=4))


def parse_weights(texts: Sequence[str]) -> Weights:
    """The default weights with the changes in `texts`, `name=value` each. Raises ValueError with one line."""
    known = {field.name for field in fields(Weights)}
    changed = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in known:
            raise ValueError(f"--loss {text}: no loss {name!r}; known: {', '.join(sorted(known))}")
        try:
            changed[name] = float(value)
        except ValueError:
            raise ValueError(f"--loss {text}: give a number, such as {name}=0.5") from None
    return replace(Weights(), **changed)
