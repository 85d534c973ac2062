from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.skeleton import LIMBS, VISIBLE, Landmark, Skeleton
from engines.stick_figure import draw_stick_figure
from tests.packs import standing

BODY_PX = 100.0
COUNT = len(LIMBS)
ARM = list(LIMBS).index("left forearm")


def arm(start: tuple[float, float], end: tuple[float, float]) -> Tensor:
    """(1, 33, 4): nobody but the left forearm."""
    landmarks = torch.zeros(1, 33, 4)
    landmarks[0, Landmark.LEFT_ELBOW] = torch.tensor([*start, 0.0, 1.0])
    landmarks[0, Landmark.LEFT_WRIST] = torch.tensor([*end, 0.0, 1.0])
    return landmarks


def draw(landmarks: Tensor) -> Tensor:
    """(B, 3, limbs, 32, 32)"""
    return Skeleton(BODY_PX)(landmarks, 32, 32).unflatten(1, (3, COUNT))


def test_a_capsule_is_one_on_its_axis_and_falls_off() -> None:
    # The centre of the quarter-size pixel (row, column) lies at 4 * (place + 0.5).
    capsule = draw(arm((22, 66), (106, 66)))[0, 0, ARM]  # along row 16, from column 5 to 26
    assert torch.allclose(capsule[16, 5:27], torch.ones(22), atol=1e-5)
    profile = capsule[16:, 15]
    assert (profile.diff() <= 0).all() and profile[2] < profile[1] < profile[0]
    deviation_px = 0.04 * LIMBS["left forearm"].width * BODY_PX
    assert profile[1].item() == pytest.approx(np.exp(-(4**2) / (2 * deviation_px**2)), rel=1e-3)
    assert capsule[16, 1] < 0.01 and capsule[16, 30] < 0.01  # beyond both ends
    assert torch.allclose(capsule[:, 15], capsule[:, 20], atol=1e-5)


def test_the_second_map_tells_the_place_along_the_limb() -> None:
    maps = draw(arm((22, 66), (106, 66)))[0]
    along = maps[1, ARM, 16, 5:27] / maps[0, ARM, 16, 5:27]
    assert torch.allclose(along, torch.linspace(-1, 1, 22), atol=1e-4)


def test_the_third_map_tells_the_depth_against_the_hips() -> None:
    landmarks = arm((22, 66), (106, 66))
    landmarks[0, [Landmark.LEFT_ELBOW, Landmark.LEFT_WRIST], 2] = 10.0
    landmarks[0, [Landmark.LEFT_HIP, Landmark.RIGHT_HIP], 2] = 20.0
    maps = draw(landmarks)[0]
    assert (maps[2, ARM, 16, 15] / maps[0, ARM, 16, 15]).item() == pytest.approx(-10 / BODY_PX * 4)


def test_a_limb_fades_with_its_less_visible_end() -> None:
    landmarks = arm((22, 66), (106, 66))
    seen = {}
    for visibility in (1.0, VISIBLE, VISIBLE / 2, 0.0):
        landmarks[0, Landmark.LEFT_WRIST, 3] = visibility
        seen[visibility] = draw(landmarks)[0, :, ARM]
    assert seen[VISIBLE].equal(seen[1.0])
    assert torch.allclose(seen[VISIBLE / 2], seen[1.0] / 2)
    assert not seen[0.0].any()


def test_each_person_of_a_batch_is_drawn_alone() -> None:
    left = torch.from_numpy(standing(40, 120, 100))
    right = torch.from_numpy(standing(90, 120, 100, arms=1.0))
    both = draw(torch.stack([left, right]))
    assert torch.allclose(both[0], draw(left[None])[0]) and torch.allclose(both[1], draw(right[None])[0])
    assert not torch.allclose(both[0], both[1], atol=0.1)


@pytest.mark.parametrize("arms", [0.0, 1.5])
def test_gradients_reach_the_landmarks(arms: float) -> None:
    landmarks = torch.from_numpy(standing(64, 120, 100, arms=arms))[None].requires_grad_()
    draw(landmarks).square().sum().backward()
    assert landmarks.grad is not None and torch.isfinite(landmarks.grad).all()
    used = sorted({joint for limb in LIMBS.values() for joint in (*limb.start, *limb.end)})
    assert (landmarks.grad[0, used, :2].abs().sum(dim=-1) > 0).all()


def test_gradients_are_finite_where_a_limb_has_no_length() -> None:
    landmarks = arm((50, 50), (50, 50)).requires_grad_()
    maps = draw(landmarks)
    maps.sum().backward()
    assert torch.isfinite(maps).all()
    assert landmarks.grad is not None and torch.isfinite(landmarks.grad).all()


def test_the_stick_figure_is_drawn_in_its_colours() -> None:
    picture = np.zeros((240, 240, 3), np.uint8)
    draw_stick_figure(picture, standing(120, 220, 190))
    colours = {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}
    assert {limb.colour for limb in LIMBS.values()} <= colours


def test_the_stick_figure_survives_bad_landmarks() -> None:
    landmarks = standing(120, 220, 190)
    landmarks[Landmark.LEFT_ELBOW] = np.nan
    landmarks[Landmark.RIGHT_WRIST, :2] = 1e12, -1e12
    landmarks[Landmark.LEFT_KNEE, 0] = -np.inf
    landmarks[Landmark.RIGHT_ANKLE, 3] = 0
    picture = np.zeros((240, 240, 3), np.uint8)
    draw_stick_figure(picture, landmarks)
    assert picture.any()
    nothing = np.zeros_like(picture)
    draw_stick_figure(nothing, np.full((33, 4), np.nan, np.float32))
    assert not nothing.any()


def test_packs_keep_no_weights_of_it() -> None:
    assert not Skeleton(BODY_PX).state_dict()


def test_autocast_moves_no_limb() -> None:
    skeleton = Skeleton(400.0)
    landmarks = torch.rand(2, 33, 4, generator=torch.Generator().manual_seed(0))
    landmarks = landmarks * torch.tensor([512.0, 512.0, 100.0, 1.0])
    plain = skeleton(landmarks, 128, 128)
    with torch.autocast("cpu", torch.bfloat16):
        lowered = skeleton(landmarks, 128, 128)
    assert lowered.dtype == torch.float32 and plain.std() > 0.01
    assert torch.equal(lowered, plain)
