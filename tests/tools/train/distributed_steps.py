"""Run by test_distributed.py, alone or under torchrun: a few steps of training, written to a file.

python distributed_steps.py FOLDER: writes FOLDER/RANK_of_WORLD.pt
"""

import sys
from pathlib import Path

import torch
from torch import nn

from engines.painting.generator import Generator
from tools.train.adversarial import hinge_discriminator
from tools.train.discriminators import PatchDiscriminator
from tools.train.distributed import Process, average_gradients, process_group, wrap

BATCH, STEPS = 4, 3


def share(batch: dict[str, torch.Tensor], process: Process) -> dict[str, torch.Tensor]:
    """The rows that `Crops` would make for this process."""
    return {name: rows[process.rank :: process.world] for name, rows in batch.items()}


def small_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1),
    )  # fmt: skip


def discriminator_steps(process: Process) -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    net = PatchDiscriminator(width=4)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(STEPS):
        random = torch.Generator().manual_seed(step)
        batch = share(
            {name: torch.rand(BATCH, 3, 32, 32, generator=random) for name in ("real", "fake")}, process
        )
        loss = hinge_discriminator(net(batch["real"]).logits, net(batch["fake"]).logits)
        optimizer.zero_grad()
        loss.backward()
        average_gradients(net, process)
        optimizer.step()
    return {f"discriminator.{key}": value for key, value in net.state_dict().items()} | {
        f"discriminator.gradient.2.{key}": each.grad for key, each in net.named_parameters()
    }


def main() -> None:
    torch.set_num_threads(1)
    with process_group() as process:
        torch.manual_seed(process.rank)  # the first process's weights are to win
        nets = {"small": small_net(), "generator": Generator("nano", 60.0)}
        results = {}
        for name, net in nets.items():
            # In float64 what differs is wrong. The generator warps in float32: small steps, little rounding.
            kind = torch.float64 if name == "small" else torch.float32
            net.to(kind)
            optimizer: torch.optim.Optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)
            if name == "small":
                optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
            trained = wrap(net, process)
            for step in range(STEPS):
                random = torch.Generator().manual_seed(step)
                whole = {"target": torch.rand(BATCH, 4, 32, 32, generator=random, dtype=kind)}
                if name == "generator":
                    whole["landmarks"] = torch.rand(BATCH, 33, 4, generator=random, dtype=kind) * 32
                    whole["previous"] = torch.rand(BATCH, 4, 8, 8, generator=random, dtype=kind)
                    whole["doll"] = torch.rand(BATCH, 4, 32, 32, generator=random, dtype=kind)
                    batch = share(whole, process)
                    painting = trained(batch["landmarks"], batch["previous"], batch["doll"])
                    loss = (painting.rgb - batch["target"][:, :3]).abs().mean()
                    loss = loss + painting.alpha_logits.square().mean()
                else:
                    batch = share(whole, process)
                    loss = trained(batch["target"][:, :3]).square().mean()
                optimizer.zero_grad()
                loss.backward()
                for key, parameter in net.named_parameters():
                    results[f"{name}.gradient.{step}.{key}"] = parameter.grad.clone()
                optimizer.step()
            results |= {f"{name}.{key}": value for key, value in net.state_dict().items()}
        results |= discriminator_steps(process)
    torch.save(results, Path(sys.argv[1]) / f"{process.rank}_of_{process.world}.pt")


if __name__ == "__main__":
    main()
