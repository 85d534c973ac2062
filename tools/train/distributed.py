"""Training on several processes, as torchrun starts them: gloo on CPUs, NCCL on GPUs.

    torchrun --nproc-per-node 2 -m tools.train ...

Every process draws the same batch and keeps its share of it, so that a step is the step that one process
would take with the whole batch. Two things make that exact: DistributedDataParallel averages the gradients,
and `BatchNorm` takes its statistics over all processes. (torch's SyncBatchNorm runs on GPUs only, and is no
BatchNorm2d, so that the generator would not be folded.)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


class Process(NamedTuple):
    """This process among `world` of them; the first (rank 0) writes the files."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        return self.rank == 0

    def first_says(self, value: float) -> float:
        """The first process's `value`: clocks differ, and all must decide alike."""
        if self.world == 1:
            return value
        said = torch.tensor([value], dtype=torch.float64)  # between hosts: no GPU is waited for
        torch.distributed.broadcast(said, 0)
        return float(said)


@contextmanager
def process_group() -> Iterator[Process]:
    """Joins the processes that torchrun started, by its environment variables, until the block is left.

    Without torchrun it is the only process, and no group is made.
    """
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda", local_rank) if on_gpu else torch.device("cpu")
    if "WORLD_SIZE" not in os.environ:
        yield Process(0, 1, device)
        return
    if on_gpu:
        torch.cuda.set_device(device)
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
    try:
        yield Process(torch.distributed.get_rank(), torch.distributed.get_world_size(), device)
    finally:
        torch.distributed.destroy_process_group()


def wrap(module: nn.Module, process: Process) -> nn.Module:
    """`module` (on the process's device) as all processes train it; itself where there is one process.

    Its BatchNorm2d become `BatchNorm` in place, with their parameters kept: optimizer, averages and
    checkpoints go on with `module`, and only its forward pass in training is called through the result. All
    processes start from the first one's weights.

    The gradients are those of one process where the loss is a mean over the rows. A loss that divides by
    something that differs from share to share, such as a mask's sum, is weighed a little differently.
    """
    if process.world == 1:
        return module
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, BatchNorm.of(child))
    ids = [process.device.index] if process.device.type == "cuda" else None
    # Buffers are computed alike everywhere; to send them anew would write to what a backward pass waits for.
    return DistributedDataParallel(module, device_ids=ids, forward_sync_buffers=False)


def average_gradients(module: nn.Module, process: Process) -> None:
    """Replaces every gradient by its mean over the processes, in place; between backward and the update.

    For discriminators, instead of `wrap`: they are called several times a step, which DistributedDataParallel
    does not follow. All processes must have drawn the same initial weights (the same seed), and give the same
    parameters a gradient: one without, of a critic that had nothing to judge in this step, stays without.
    """
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    if process.world == 1 or not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= process.world
    for gradient, mean in zip(gradients, flat.split([each.numel() for each in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


class BatchNorm(nn.BatchNorm2d):
    """BatchNorm2d whose statistics in training are those of the whole batch, over all processes.

    Every process must have as many rows, and call it as often, as the others.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> BatchNorm:
        """With the very parameters and buffers of `norm`, so that an optimizer that has them keeps them."""
        shared = cls(norm.num_features, norm.eps, norm.momentum)
        shared.weight, shared.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers():
            shared.register_buffer(name, buffer)
        return shared.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:
        """(B / world, C, H, W) → the same shape and type."""
        if not self.training:
            return super().forward(input)
        x = input.to(self.weight.dtype)
        mean = _mean_of_all(x.mean(dim=(0, 2, 3)))
        centred = x - mean[:, None, None]
        variance = _mean_of_all(centred.square().mean(dim=(0, 2, 3)))
        self._track(mean, variance, x.numel() // x.shape[1])
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, values: int) -> None:
        """As BatchNorm2d does: the running variance is the unbiased one."""
        every = values * torch.distributed.get_world_size()
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (every / (every - 1)), self.momentum)


class _SumOfAll(torch.autograd.Function):
    """The sum over all processes. Each one's value is in every sum, so the gradient is a sum too."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        total = slopes[0].clone()
        torch.distributed.all_reduce(total)
        return total


def _mean_of_all(value: Tensor) -> Tensor:
    total: Tensor = _SumOfAll.apply(value)
    return total / torch.distributed.get_world_size()
