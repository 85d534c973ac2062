from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.extras import FACE_PART, LEFT_HAND, PARTS, POINTS, segments
from engines.extras_maps import CHANNELS, ExtrasMaps
from engines.skeleton import LIMBS, VISIBLE, WITH_EXTRAS, Landmark, Skeleton, fitted
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


def ring(part: slice, x: float, y: float, radius: float) -> Tensor:
    """(1, POINTS, 4): nothing but one part, its points on a circle."""
    extras = torch.zeros(1, POINTS, 4)
    count = part.stop - part.start
    angle = torch.arange(count) / count * 2 * np.pi
    extras[0, part, 0] = x + radius * angle.cos()
    extras[0, part, 1] = y + radius * angle.sin()
    extras[0, part, 3] = 1
    return extras


def with_extras(extras: Tensor) -> Tensor:
    """(B, channels of the extras, 32, 32)"""
    skeleton = Skeleton(BODY_PX, extras=True)
    body = torch.zeros(len(extras), 33, 4)
    return skeleton(torch.cat([body, extras], dim=1), 32, 32)[:, 3 * COUNT :]


def test_without_extras_nothing_changes_and_with_them_the_limbs_come_first() -> None:
    plain, full = Skeleton(BODY_PX), Skeleton(BODY_PX, extras=True)
    assert (plain.channels, plain.points) == (3 * COUNT, 33)
    assert (full.channels, full.points) == (3 * COUNT + 7, 33 + POINTS)
    assert not plain.state_dict() and not full.state_dict()  # packs keep no weights of it
    landmarks = torch.from_numpy(standing(64, 120, 100))[None]
    maps = full(torch.cat([landmarks, ring(LEFT_HAND, 40, 40, 10)], dim=1), 32, 32)
    assert maps.shape[1] == full.channels
    assert maps[:, : plain.channels].equal(plain(landmarks, 32, 32))


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_drawn_in_its_own_channels(part: str) -> None:
    maps = with_extras(ring(PARTS[part], 64, 64, 24))[0]
    used = {
        "left hand": [0, 1], "right hand": [2, 3], "face": [4, 5, 6],
    }[part]  # fmt: skip
    drawn = [index for index in range(len(maps)) if maps[index].abs().max() > 0.1]
    assert drawn == used
    assert maps[:, :4].abs().max() < 0.01 or part != "face"


def test_a_finger_is_a_thin_capsule_that_tells_the_place_along_it() -> None:
    extras = torch.zeros(1, POINTS, 4)
    extras[0, LEFT_HAND, 3] = 1
    for finger in range(5):  # five fingers on one line along row 16, from column 5 to 25
        extras[0, 1 + 4 * finger : 5 + 4 * finger, 0] = 22 + 20 * torch.arange(1.0, 5.0)
    extras[0, 0, 0] = 22
    extras[0, LEFT_HAND, 1] = 66
    capsule, along = with_extras(extras)[0, :2]
    assert torch.allclose(capsule[16, 5:26], torch.ones(21), atol=1e-5)
    assert torch.allclose(along[16, 5:26], torch.linspace(-1, 1, 21), atol=1e-4)
    assert capsule[17, 15] == pytest.approx(np.exp(-(4**2) / (2 * 2.5**2)), rel=1e-3)  # the least width


def test_a_part_that_was_not_seen_is_not_drawn() -> None:
    assert not with_extras(torch.zeros(2, POINTS, 4)).any()
    faint = ring(FACE_PART, 64, 64, 20)
    faint[..., 3] *= 0.1
    assert torch.allclose(with_extras(faint), with_extras(ring(FACE_PART, 64, 64, 20)) * 0.4, atol=1e-6)


def test_gradients_reach_every_point_of_the_extras() -> None:
    generator = torch.Generator().manual_seed(0)
    extras = torch.rand(1, POINTS, 4, generator=generator) * torch.tensor([120.0, 120.0, 1.0, 0.0])
    extras[..., 3] = 1
    extras.requires_grad_()
    with_extras(extras).square().sum().backward()
    assert extras.grad is not None and torch.isfinite(extras.grad).all()
    assert (extras.grad[0, :, :2].abs().sum(dim=-1) > 0).float().mean() > 0.9


def test_every_stroke_belongs_to_one_channel() -> None:
    listed = [name for channel in CHANNELS.values() for name in channel.strokes]
    assert sorted(listed) == sorted(segments())
    assert ExtrasMaps.channels == 7


def test_maps_of_extras_export_with_the_skeleton() -> None:
    skeleton = Skeleton(BODY_PX, extras=True).eval()

    class Maps(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.skeleton = skeleton

        def forward(self, points: Tensor) -> Tensor:
            result: Tensor = self.skeleton(points, 16, 16)
            return result

    points = torch.rand(1, skeleton.points, 4) * 64
    exported = torch.export.export(Maps(), (points,)).module()
    torch.testing.assert_close(exported(points), skeleton(points, 16, 16))


def test_the_stick_figure_takes_hands_and_face() -> None:
    extras = ring(LEFT_HAND, 60, 60, 20)[0].numpy()
    extras[FACE_PART] = ring(FACE_PART, 150, 60, 30)[0, FACE_PART].numpy()
    extras[FACE_PART.start] = np.nan
    picture = np.zeros((240, 240, 3), np.uint8)
    draw_stick_figure(picture, np.concatenate([np.zeros((33, 4), np.float32), extras]))
    assert picture[30:90, 30:90].any() and picture[20:100, 110:190].any()
    assert not picture[120:].any()


def test_extras_that_are_not_wanted_are_cut_off_and_missing_ones_are_not_seen() -> None:
    points = np.random.default_rng(0).random((WITH_EXTRAS, 4), np.float32)
    assert (fitted(points, WITH_EXTRAS) == points).all()
    assert (fitted(points, 33) == points[:33]).all()
    filled = fitted(points[:33], WITH_EXTRAS)
    assert (filled[:33] == points[:33]).all() and not filled[33:].any()


@pytest.mark.parametrize("extras", [False, True])
def test_autocast_moves_no_limb(extras: bool) -> None:
    skeleton = Skeleton(400.0, extras=extras)
    points = torch.rand(2, skeleton.points, 4, generator=torch.Generator().manual_seed(0))
    points = points * torch.tensor([512.0, 512.0, 100.0, 1.0])
    plain = skeleton(points, 128, 128)
    with torch.autocast("cpu", torch.bfloat16):
        lowered = skeleton(points, 128, 128)
    assert lowered.dtype == torch.float32 and plain.std() > 0.01
    assert torch.equal(lowered, plain)
