"""The exponential average of a net in training; this average is judged and shipped."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


class Average(AveragedModel):
    """Follows a net closely at first: decay = min(`decay`, (1 + n) / (10 + n)) at the n-th update.

    torch's own update reads n from the device with every tensor, and waits for it each time. Here the count
    stays on the host.
    """

    n_averaged: torch.Tensor

    def __init__(self, net: nn.Module, decay: float) -> None:
        super().__init__(net, use_buffers=True)
        self._decay = decay

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Takes in the present parameters and buffers of `model`."""
        count = int(self.n_averaged)
        keep = min(self._decay, (1 + count) / (10 + count)) if count else 0.0
        ours = itertools.chain(self.module.parameters(), self.module.buffers())
        theirs = itertools.chain(model.parameters(), model.buffers())
        averages: list[torch.Tensor] = []
        currents: list[torch.Tensor] = []
        for average, current in zip(ours, theirs, strict=True):
            if count and average.is_floating_point():
                averages.append(average)
                currents.append(current)
            else:
                average.copy_(current)
        if averages:
            torch._foreach_lerp_(averages, currents, 1 - keep)
        self.n_averaged += 1
