"""Training in several processes started by torchrun: gloo on CPUs, NCCL on GPUs.

    torchrun --nproc-per-node 2 -m tools.train ...

Every process draws the same batch and keeps its share of it, so that a step equals that of one process with
the whole batch. Two things make that exact: DistributedDataParallel averages the gradients, and `BatchNorm`
computes its statistics over all processes. (torch's SyncBatchNorm runs only on GPUs, and is no BatchNorm2d,
so the generator would not be folded.)
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
    """This process, one of `world`. The first (rank 0) writes the files."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        return self.rank == 0

    def first_says(self, value: float) -> float:
        """The first process's `value`: clocks differ, but all must decide alike."""
        if self.world == 1:
            return value
        said = torch.tensor([value], dtype=torch.float64)  # on the host: no GPU is waited for
        torch.distributed.broadcast(said, 0)
        return float(said)


@contextmanager
def process_group() -> Iterator[Process]:
    """Joins the processes that torchrun started, by its environment variables, until the block ends.

    Without torchrun this is the only process, and no group is made.
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
    """`module` (on the process's device), wrapped for training in all processes; itself where there is one
    process.

    Its BatchNorm2d are replaced by `BatchNorm` in place, with their parameters kept: optimizer, averages and
    checkpoints still use `module`, and only the forward pass in training is called through the result. All
    processes start with the first one's weights.

    The gradients equal those of one process where the loss is a mean over the rows. A loss divided by
    something that differs between the shares, such as a mask's sum, is weighed slightly differently.
    """
    if process.world == 1:
        return module
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, BatchNorm.of(child))
    ids = [process.device.index] if process.device.type == "cuda" else None
    # Buffers are equal everywhere; sending them again would write to what a backward pass waits for.
    return DistributedDataParallel(module, device_ids=ids, forward_sync_buffers=False)


def average_gradients(module: nn.Module, process: Process) -> None:
    """Replaces every gradient by its mean over the processes, in place; call it between backward and the
    update.

    It is for discriminators, instead of `wrap`: they are called several times a step, which
    DistributedDataParallel does not support. All processes must have drawn the same initial weights (the same
    seed), and must have gradients for the same parameters. A parameter without a gradient, of a critic that
    had nothing to judge in this step, stays without.
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

    Every process must have as many rows, and call it as many times, as the others.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> BatchNorm:
        """Shares the parameters and buffers of `norm`, so that its optimizer keeps them."""
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
    """The sum over all processes. Each value is in every process's sum, so the gradient is a sum too."""

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
