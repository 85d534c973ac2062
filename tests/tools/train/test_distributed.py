"""Several processes train as one does: the same gradients, statistics and weights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engines.painting.generator import Generator
from tools.train.distributed import BatchNorm, Process, process_group, wrap

ROOT = Path(__file__).resolve().parents[3]
STEPS = Path(__file__).with_name("distributed_steps.py")
CPU = torch.device("cpu")


def alone() -> Process:
    return Process(0, 1, CPU)


def run(arguments: list[str], folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *arguments, str(STEPS), str(folder)],
        env=environment, capture_output=True, encoding="utf-8", timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Tensor]]:
    """What one process, and two under torchrun, made of the same batches."""
    folder = tmp_path_factory.mktemp("distributed")
    run([], folder)
    run(["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"], folder)
    return {path.stem: torch.load(path, weights_only=True) for path in folder.iterdir()}


@pytest.mark.parametrize("net", ["small", "generator"])
@pytest.mark.parametrize("rank", [0, 1])
def test_two_processes_take_the_steps_of_one(
    results: dict[str, dict[str, Tensor]], net: str, rank: int
) -> None:
    one, of_two = results["0_of_1"], results[f"{rank}_of_2"]
    names = [name for name in one if name.startswith(net)]
    assert set(one) == set(of_two)
    assert sum(".gradient.2." in name for name in names) > 8
    assert any("running_var" in name for name in names)
    for name in names:
        if net == "small":
            torch.testing.assert_close(of_two[name], one[name], rtol=1e-7, atol=1e-9, msg=name)
        else:  # in float32 rounding moves what lies at a ReLU's corner
            apart = (of_two[name] - one[name]).float().norm() / (one[name].float().norm() + 1e-3)
            assert apart < 5e-3, name


def test_a_discriminator_with_a_penalty_takes_the_steps_of_one(results: dict[str, dict[str, Tensor]]) -> None:
    one = {name: value for name, value in results["0_of_1"].items() if name.startswith("discriminator")}
    assert sum(".gradient." in name for name in one) == 10
    for name, value in one.items():
        torch.testing.assert_close(results["0_of_2"][name], value, rtol=1e-4, atol=1e-6, msg=name)
        assert torch.equal(results["0_of_2"][name], results["1_of_2"][name])


def test_the_weights_moved(results: dict[str, dict[str, Tensor]]) -> None:
    one = results["0_of_1"]
    torch.manual_seed(0)
    first = nn.Conv2d(3, 8, 3, padding=1)
    assert (one["small.0.weight"] - first.weight.double()).abs().max() > 1e-3


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    net = Generator("nano", 60.0)
    with process_group() as process:
        assert (process.rank, process.world, process.first) == (0, 1, True)
        assert not torch.distributed.is_initialized()
        assert wrap(net, process) is net
    assert not any(isinstance(module, BatchNorm) for module in net.modules())


def test_a_group_of_one_is_left_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(KeyError), process_group() as process:
        assert torch.distributed.is_initialized()
        assert process.world == 1
        raise KeyError  # whatever goes wrong inside
    assert not torch.distributed.is_initialized()


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Process]:
    """A real group of this process alone, taken for one of many by `wrap`."""
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield Process(0, 2, CPU)
    torch.distributed.destroy_process_group()


def test_the_shared_batch_norm_is_torchs_own_in_one_process(group: Process) -> None:
    torch.manual_seed(0)
    own = nn.BatchNorm2d(3)
    nn.init.normal_(own.weight)
    shared = BatchNorm.of(own)
    assert shared.weight is own.weight and shared.running_mean is own.running_mean
    other = nn.BatchNorm2d(3)
    other.load_state_dict({name: value.clone() for name, value in own.state_dict().items()})
    for _ in range(2):
        x = torch.randn(2, 3, 4, 5) * 3 + 1
        torch.testing.assert_close(shared(x), other(x))
    torch.testing.assert_close(shared.state_dict(), other.state_dict())
    shared.eval(), other.eval()
    torch.testing.assert_close(shared(x), other(x))


def test_a_wrapped_generator_keeps_its_parameters_and_is_folded_as_before(group: Process) -> None:
    net = Generator("nano", 60.0)
    before = dict(net.named_parameters())
    wrapped = wrap(net, group)
    assert isinstance(wrapped, DistributedDataParallel)
    assert all(before[name] is parameter for name, parameter in net.named_parameters())
    inputs = torch.rand(1, 33, 4) * 32, torch.rand(1, 4, 8, 8), torch.rand(1, 4, 32, 32)
    wrapped(*inputs)
    net.eval()
    with torch.no_grad():
        expected = net(*inputs).rgb
        net.fold()
        torch.testing.assert_close(net(*inputs).rgb, expected, rtol=1e-4, atol=1e-4)
    assert not any(isinstance(module, BatchNorm) for module in net.modules())
