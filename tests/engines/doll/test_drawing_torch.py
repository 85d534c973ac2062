"""The doll as torch is the doll as numpy, and can be learned through."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.doll import drawing, drawing_torch
from engines.doll.bank import Bank
from engines.doll.choice import Chooser, Drawing, in_order
from engines.doll.drawing_torch import TorchDoll
from engines.doll.parts import COUNT
from engines.pack.player_pack import PlayerPack
from engines.skeleton import Landmark as L
from tests.engines.doll.dolls import (
    FRONT,
    HEIGHT,
    SIZE,
    WIDE,
    arm_before_chest,
    bank_of,
    drawn,
    facing,
    moved,
    standing,
)

Frames = NDArray[np.int64]
DEMO = Path(__file__).resolve().parents[3] / "players/demo"
WINDOW = (96, 112)
"""Height and width."""
CORNERS = ((30, 20), (0, 50), (-37, -11))


@lru_cache
def bank(skirt: bool = False) -> Bank:
    poses = (FRONT, WIDE, arm_before_chest(FRONT), standing(80, 140, HEIGHT, arms=2.5))
    return bank_of(*poses, skirt=np.array([1.0, 0.7]) if skirt else None)


@lru_cache
def net(skirt: bool = False) -> TorchDoll:
    return TorchDoll(bank(skirt))


def wrong(landmarks: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Bent limbs, another order."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 4, (33, 4)).astype(np.float32)
    noise[:, 3] = 0
    return landmarks + noise


POSES = np.stack([FRONT, wrong(FRONT, 1), wrong(WIDE, 2), facing(wrong(arm_before_chest(FRONT), 3), 40)])


def theirs(pose: NDArray[np.float32], how: Drawing, corner: tuple[int, int], of: Bank) -> NDArray[np.uint8]:
    return drawn(of, pose, drawing=how, size=WINDOW[::-1], corner=corner)


def ours(
    pose: NDArray[np.float32], how: Drawing, corner: tuple[int, int], of: TorchDoll
) -> NDArray[np.float32]:
    """(h, w, 4) BGRA, levels."""
    order = None if how.order is None else torch.from_numpy(how.order)[None]
    frames, before, share = (torch.from_numpy(each)[None] for each in how[:3])
    with torch.no_grad():
        doll = of(torch.from_numpy(pose)[None], frames, WINDOW, torch.tensor([corner]), before, share, order)
    return np.asarray(doll[0].permute(1, 2, 0)[..., [2, 1, 0, 3]].numpy() * 255)


@pytest.mark.parametrize("skirt", [False, True])
@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("row", range(len(POSES)))
def test_it_is_the_picture_that_the_cpu_draws(row: int, corner: tuple[int, int], skirt: bool) -> None:
    """Some parts fade, in an order that the pose alone would not give."""
    random, pose = np.random.default_rng(10 * row + skirt), POSES[row]
    frames, before = random.integers(0, 4, (2, COUNT))
    share = np.where(random.random(COUNT) < 0.4, random.random(COUNT), 1).astype(np.float32)
    for each in (Drawing.of(frames), Drawing(frames, before, share, in_order(POSES[0], HEIGHT))):
        host, device = theirs(pose, each, corner, bank(skirt)), ours(pose, each, corner, net(skirt))
        assert (host[..., 3] > 0).mean() > 0.045, "the window is meant to show him"
        off = np.abs(device - host)
        assert off.mean() < 1.2  # both interpolate the bends on a grid of their own
        assert (off > 64).mean() < 0.005


@pytest.mark.parametrize("corner", CORNERS[:2])
def test_it_bends_about_several_joints_at_once_alike(
    corner: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of someone half as tall; on grids so fine that they make no difference."""
    for module in (drawing, drawing_torch):
        monkeypatch.setattr(module, "STEP", 0.005)
    pose = moved(FRONT * np.array([0.5, 0.5, 0.5, 1], np.float32), 40, 40)
    frame = Drawing.of(np.zeros(COUNT, np.int64))
    host, device = theirs(pose, frame, corner, bank()), ours(pose, frame, corner, net())
    seen = host[..., 3] > 0
    assert seen.mean() > 0.05 and np.abs(device - host)[seen].mean() < 1


@pytest.mark.skipif(not DEMO.is_dir(), reason="the demo player is not here")
def test_it_is_so_for_the_demo_player(monkeypatch: pytest.MonkeyPatch) -> None:
    """On grids so fine that they make little difference; most parts fade."""
    for module in (drawing, drawing_torch):
        monkeypatch.setattr(module, "STEP", 0.005)
    pack = PlayerPack.load(DEMO)
    device, chooser = TorchDoll(pack.bank), Chooser(pack.bank)
    for pose in pack.poses[::40]:
        middle = pose[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER], :2].mean(axis=0).astype(int)
        corner, how = (int(middle[0]) - 56, int(middle[1]) - 48), chooser(pose)
        host = theirs(pose, how, corner, pack.bank)
        off = np.abs(ours(pose, how, corner, device) - host)
        assert (host[..., 3] > 0).mean() > 0.2 and off.mean() < 2


def test_a_batch_is_its_rows() -> None:
    landmarks, frames = torch.from_numpy(POSES), torch.arange(4)[:, None].expand(4, COUNT)
    corners = torch.tensor([(20, 10), (30, 20), (0, 50), (-5, 7)])
    rows = [net()(landmarks[[row]], frames[[row]], WINDOW, corners[[row]]) for row in range(len(landmarks))]
    torch.testing.assert_close(net()(landmarks, frames, WINDOW, corners), torch.cat(rows), atol=1e-5, rtol=0)


def test_a_window_is_a_piece_of_the_whole() -> None:
    landmarks, frames = torch.from_numpy(POSES[:1]), torch.zeros(1, COUNT, dtype=torch.int64)
    whole = net()(landmarks, frames, SIZE[::-1], torch.zeros(1, 2))
    piece = net()(landmarks, frames, WINDOW, torch.tensor([[30, 20]]))
    there = whole[..., 20 : 20 + WINDOW[0], 30 : 30 + WINDOW[1]]
    assert (piece - there).abs().mean() < 2e-3


def test_autocast_moves_nothing() -> None:
    landmarks, frames = torch.from_numpy(POSES[1:2]), torch.zeros(1, COUNT, dtype=torch.int64)
    corner = torch.zeros(1, 2)
    with torch.autocast("cpu", torch.bfloat16):
        again = net()(landmarks, frames, WINDOW, corner)
    assert again.equal(net()(landmarks, frames, WINDOW, corner))


# --- learning ---


def chosen() -> torch.Tensor:
    return torch.ones(1, COUNT, dtype=torch.int64)


def test_its_gradient_is_that_of_finite_differences() -> None:
    landmarks = torch.from_numpy(POSES[2:3]).requires_grad_()
    corner = torch.tensor([CORNERS[0]])
    weight = torch.rand(1, 4, *WINDOW, generator=torch.Generator().manual_seed(0))
    weight = torch.nn.functional.avg_pool2d(weight, 9, 1, 4)

    def total(pose: torch.Tensor) -> torch.Tensor:
        return (net()(pose, chosen(), WINDOW, corner) * weight).sum()

    (slope,) = torch.autograd.grad(total(landmarks), landmarks)
    assert torch.isfinite(slope).all() and slope[..., :2].abs().max() > 0
    direction, step = slope / slope.norm(), 0.05
    direction[..., 2:] = 0
    with torch.no_grad():
        rise = total(landmarks + step * direction) - total(landmarks - step * direction)
    assert float(rise) / (2 * step) == pytest.approx(float((slope * direction).sum()), rel=0.1)


def test_a_shifted_player_is_found_by_descent() -> None:
    landmarks, corner = torch.from_numpy(POSES[:1]), torch.tensor([CORNERS[0]])
    truth = net()(landmarks, chosen(), WINDOW, corner)
    shift = torch.tensor([[3.0, -2.0]], requires_grad=True)
    adam = torch.optim.Adam([shift], lr=0.3)
    for _ in range(30):
        adam.zero_grad()
        there = torch.cat([landmarks[..., :2] + shift, landmarks[..., 2:]], dim=-1)
        (net()(there, chosen(), WINDOW, corner) - truth).square().mean().backward()
        adam.step()
    assert shift.detach().abs().max() < 0.3


@pytest.mark.parametrize("place", [60.0, 1e6])
def test_landmarks_that_fall_together_have_finite_gradients(place: float) -> None:
    landmarks = torch.full((1, 33, 4), place, requires_grad=True)
    doll = net()(landmarks, chosen(), WINDOW, torch.zeros(1, 2))
    assert torch.isfinite(doll).all() and doll.any() == (place < 100)
    doll.sum().backward()
    assert landmarks.grad is not None and torch.isfinite(landmarks.grad).all()


def test_far_from_the_window_nothing_is_drawn() -> None:
    landmarks = torch.from_numpy(np.stack([moved(FRONT, 5000, 0), moved(FRONT, 0, -1e6)]))
    doll = net()(landmarks, chosen().expand(2, -1), WINDOW, torch.zeros(2, 2))
    assert not doll.any()


def test_it_is_exported() -> None:
    landmarks, corner = torch.from_numpy(POSES[:1]), torch.tensor([CORNERS[0]])
    share, order = torch.full((1, COUNT), 0.5), torch.arange(COUNT)[None]
    inputs = (landmarks, chosen(), WINDOW, corner, torch.zeros_like(chosen()), share, order)
    program = torch.export.export(net(), inputs).module()
    torch.testing.assert_close(program(*inputs), net()(*inputs))
    assert program(*inputs).shape == (1, 4, *WINDOW)
