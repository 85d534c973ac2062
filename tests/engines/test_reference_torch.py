"""The doll as torch is the doll as numpy, and can be learned through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.body_parts import NAMES, TABLE, directions, distance
from engines.player_pack import PackError, PlayerPack
from engines.reference import SWITCH, References
from engines.reference_torch import TorchReferences
from tests.packs import SIZE
from tools.footage import Footage

DEMO = Path(__file__).resolve().parents[2] / "players/demo"
CORNER = (16, 32)
WINDOW = (80, 96)
"""Height and width of the window."""


@pytest.fixture(scope="module")
def references(pack_folder: Path) -> References:
    return PlayerPack.load(pack_folder).references


@pytest.fixture(scope="module")
def net(references: References) -> TorchReferences:
    return TorchReferences(references)


@pytest.fixture(scope="module")
def poses(dataset_folder: Path) -> NDArray[np.float32]:
    landmarks = Footage.open(dataset_folder).landmarks[[3, 30, 50, 75]]
    random = np.random.default_rng(0)
    landmarks[1:, :, :3] += random.normal(0, 3, (3, 33, 3))  # bent limbs, another order, other views
    return landmarks.astype(np.float32)


def dolls(net: TorchReferences, landmarks: torch.Tensor) -> torch.Tensor:
    corner = torch.tensor([CORNER]).expand(len(landmarks), 2)
    out: torch.Tensor = net(landmarks, net.choose(landmarks), WINDOW, corner)
    return out


def difference(
    references: References, poses: NDArray[np.float32], corner: tuple[int, int]
) -> tuple[float, float]:
    """Between the dolls of `poses` from both: mean absolute, in levels, and PSNR, dB."""
    chosen = np.stack([references.choose(pose) for pose in poses])
    theirs = np.empty((len(poses), *WINDOW, 4), np.uint8)
    for pose, views, out in zip(poses, chosen, theirs, strict=True):
        references.paint(pose, views, out, corner)
    corners = torch.tensor([corner]).expand(len(poses), 2)
    ours = TorchReferences(references)(torch.from_numpy(poses), torch.from_numpy(chosen), WINDOW, corners)
    levels = ours.permute(0, 2, 3, 1)[..., [2, 1, 0, 3]].numpy() * 255
    assert (theirs[..., 3] > 0).mean() > 0.05, "the window is meant to show him"
    off = levels - theirs
    return float(np.abs(off).mean()), float(10 * np.log10(255**2 / np.square(off).mean()))


def test_it_is_the_picture_that_the_cpu_paints(references: References, poses: NDArray[np.float32]) -> None:
    off, psnr = difference(references, poses, CORNER)
    assert off < 0.5 and psnr > 40


@pytest.mark.skipif(not DEMO.is_dir(), reason="the demo player is not here")
def test_it_is_so_for_the_demo_player() -> None:
    try:
        pack = PlayerPack.load(DEMO)
    except PackError as error:
        pytest.skip(str(error))
    off, psnr = difference(pack.references, pack.poses[::40], (200, 150))
    assert off < 1 and psnr > 38


def test_a_batch_is_its_rows(net: TorchReferences, poses: NDArray[np.float32]) -> None:
    landmarks = torch.from_numpy(poses)
    rows = torch.cat([dolls(net, row[None]) for row in landmarks])
    torch.testing.assert_close(dolls(net, landmarks), rows, atol=1e-5, rtol=0)


def test_autocast_moves_nothing(net: TorchReferences, poses: NDArray[np.float32]) -> None:
    landmarks = torch.from_numpy(poses[:1])
    with torch.autocast("cpu", torch.bfloat16):
        again = dolls(net, landmarks)
    assert again.equal(dolls(net, landmarks))


def test_it_chooses_the_same_views(
    references: References, net: TorchReferences, poses: NDArray[np.float32]
) -> None:
    landmarks = torch.from_numpy(poses)
    random = np.random.default_rng(1)
    for current in (None, random.integers(0, len(references.views), (len(poses), len(NAMES)))):
        ours = net.choose(landmarks, None if current is None else torch.from_numpy(current)).numpy()
        for row, pose in enumerate(poses):
            shown = None if current is None else current[row]
            theirs = references.choose(pose, shown)
            cost = distance(references.directions, directions(pose.astype(float), TABLE)) + references.penalty
            if shown is not None:
                cost[shown, np.arange(len(NAMES))] -= SWITCH
            parts = np.arange(len(NAMES))  # views may be equally good
            np.testing.assert_allclose(cost[ours[row], parts], cost[theirs, parts], atol=1e-5)


def test_a_shifted_player_is_found_by_descent(net: TorchReferences, poses: NDArray[np.float32]) -> None:
    landmarks = torch.from_numpy(poses[:1])
    truth = dolls(net, landmarks)
    shift = torch.tensor([[3.0, -2.0]], requires_grad=True)
    adam = torch.optim.Adam([shift], lr=0.3)
    for _ in range(25):
        adam.zero_grad()
        moved = torch.cat([landmarks[..., :2] + shift, landmarks[..., 2:]], dim=-1)
        (dolls(net, moved) - truth).square().mean().backward()
        adam.step()
    assert shift.detach().abs().max() < 0.3


def test_its_gradient_is_that_of_finite_differences(net: TorchReferences, poses: NDArray[np.float32]) -> None:
    landmarks = torch.from_numpy(poses[1:2]).requires_grad_()
    chosen, corner = net.choose(landmarks), torch.tensor([CORNER])
    weight = torch.rand(1, 4, *WINDOW, generator=torch.Generator().manual_seed(0))
    weight = torch.nn.functional.avg_pool2d(weight, 9, 1, 4)

    def total(pose: torch.Tensor) -> torch.Tensor:
        return (net(pose, chosen, WINDOW, corner) * weight).sum()

    (slope,) = torch.autograd.grad(total(landmarks), landmarks)
    assert torch.isfinite(slope).all() and slope[..., :2].abs().max() > 0
    direction, step = slope / slope.norm(), 0.05
    direction[..., 2:] = 0
    with torch.no_grad():
        rise = total(landmarks + step * direction) - total(landmarks - step * direction)
    assert float(rise) / (2 * step) == pytest.approx(float((slope * direction).sum()), rel=0.1)


def test_landmarks_that_fall_together_have_finite_gradients(net: TorchReferences) -> None:
    landmarks = torch.full((1, 33, 4), 60.0, requires_grad=True)
    dolls(net, landmarks).sum().backward()
    assert landmarks.grad is not None and torch.isfinite(landmarks.grad).all()


def test_it_is_exported(net: TorchReferences, poses: NDArray[np.float32]) -> None:
    landmarks, corner = torch.from_numpy(poses[:1]), torch.tensor([CORNER])
    inputs = (landmarks, net.choose(landmarks), WINDOW, corner)
    program = torch.export.export(net, inputs).module()
    torch.testing.assert_close(program(*inputs), net(*inputs))
    assert program(*inputs).shape == (1, 4, *WINDOW)
    assert max(WINDOW) <= max(SIZE)
