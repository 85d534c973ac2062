"""The shadow on the floor of a player's plate."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.doll.choice import Drawing, choose
from engines.doll.drawing import Doll
from engines.pack.player_pack import PlayerPack
from engines.painting.shadow import Floor, Shadow
from engines.painting.shadow_torch import TorchFloor
from engines.rendering.renderer import Renderer
from tests.drawn import standing
from tests.packs import SIZE, textured_plate, write_nano_pack

BIG, STANDING_PX = (256, 192), 100.0
PLATE = np.full((BIG[1], BIG[0], 3), 200, np.uint8)
POSE = standing(120, 150, STANDING_PX)


def pole(x: int = 120, foot: int = 150, height: int = 100, width: int = 24) -> NDArray[np.uint8]:
    """The outline of a pole that stands on `foot`."""
    outline = np.zeros(PLATE.shape[:2], np.uint8)
    outline[foot - height : foot, x - width // 2 : x + width // 2] = 255
    return outline


def darkness(floor: Floor) -> NDArray[np.float64]:
    """(H, W): the share of light that is missing."""
    return 1 - floor.picture[..., 0] / 200


@pytest.mark.parametrize("across", [-0.8, 0.0, 0.5])
@pytest.mark.parametrize("up", [-0.3, 0.25, 0.5])
def test_a_pole_throws_a_line_from_its_foot(across: float, up: float) -> None:
    floor = Floor(PLATE, Shadow(across, up, 0.0, 0.4), STANDING_PX)
    foot = Shadow(across, up, 0.0, 0.4).floor(POSE, STANDING_PX)
    assert floor.cast(pole(foot=round(foot)), POSE)
    dark = darkness(floor)
    for above in (30, 60, 90):
        x, y = 120 + across * above, foot - up * above
        if 4 <= x < BIG[0] - 4 and 4 <= y < BIG[1] - 4:
            assert dark[round(y), round(x)] > 0.2, f"the shadow of what is {above} px above the floor"
    assert dark[20:40].max() == 0, "none where nothing is thrown"
    assert dark.max() == pytest.approx(0.4, abs=0.02)


def test_the_soles_are_below_the_landmarks() -> None:
    assert Shadow(0, 0.2, 0.05, 0.4).floor(POSE, STANDING_PX) == pytest.approx(
        Shadow(0, 0.2, 0.0, 0.4).floor(POSE, STANDING_PX) + 5
    )


def test_the_shadow_moves_and_leaves_nothing_behind() -> None:
    plate = textured_plate(BIG)
    floor, fresh = (Floor(plate, Shadow(0.5, 0.3, 0.02, 0.4), STANDING_PX) for _ in range(2))
    floor.cast(pole(60), standing(60, 150, STANDING_PX))
    before = floor.picture.copy()
    floor.cast(pole(160), standing(160, 150, STANDING_PX))
    fresh.cast(pole(160), standing(160, 150, STANDING_PX))
    np.testing.assert_array_equal(floor.picture, fresh.picture)
    assert (before != floor.picture).any()
    floor.cast(np.zeros_like(pole()), POSE)
    np.testing.assert_array_equal(floor.picture, plate)


def test_a_window_throws_what_the_whole_picture_does() -> None:
    whole, part = (Floor(PLATE, Shadow(0.5, 0.3, 0.02, 0.4), STANDING_PX) for _ in range(2))
    whole.cast(pole(), POSE)
    part.cast(np.ascontiguousarray(pole()[32:160, 80:176]), POSE, (80, 32))
    np.testing.assert_allclose(whole.picture.astype(int), part.picture, atol=1)


def test_without_a_shadow_the_plate_is_itself() -> None:
    floor = Floor(PLATE, None, STANDING_PX)
    assert not floor.cast(pole(), POSE) and floor.picture is PLATE


@pytest.mark.parametrize("corner", [(0, 0), (64, 32)])
@pytest.mark.parametrize("shadow", [Shadow(-0.5, 0.2, 0.02, 0.3), Shadow(0.7, -0.4, 0.0, 0.6)])
def test_torch_lays_down_the_same(shadow: Shadow, corner: tuple[int, int]) -> None:
    plate = textured_plate(BIG)
    x, y = corner
    outline = np.ascontiguousarray(pole()[y : y + 160, x : x + 128])
    floor = Floor(plate, shadow, STANDING_PX)
    floor.cast(outline, POSE, corner)
    ours = TorchFloor(torch.from_numpy(plate), shadow, STANDING_PX)(
        torch.from_numpy(outline)[None, None] / 255,
        torch.from_numpy(POSE)[None],
        torch.tensor([corner]).float(),
    ).numpy()
    off = np.abs(ours.astype(int) - floor.picture)
    assert (floor.picture != plate).any() and off.mean() < 0.1 and off.max() <= 8


@pytest.mark.parametrize(
    "shadow",
    [
        Shadow(0.5, 0.0, 0.02, 0.4), Shadow(math.nan, 0.2, 0.02, 0.4), Shadow(0.5, 0.2, 0.02, 0.0),
        Shadow(0.5, 0.2, 0.02, 1.1), Shadow(math.inf, 0.2, 0.02, 0.4),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_not_sound(shadow: Shadow) -> None:
    assert not shadow.is_sound() and Shadow(0.5, 0.2, 0.02, 0.4).is_sound()


def test_on_air_it_lies_on_the_plate_beside_the_player(tmp_path: Path, dataset_folder: Path) -> None:
    folder = write_nano_pack(tmp_path / "shaded", dataset_folder, shadow=Shadow(-0.8, 0.15, 0.02, 0.5))
    pack = PlayerPack.load(folder)
    renderer, out = Renderer(pack, backend="torch"), np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    renderer(standing(80, 112, 60), out)
    doll = np.empty((*out.shape[:2], 4), np.uint8)
    pose = standing(80, 112, 60)
    Doll(pack.bank).paint(pose, Drawing.of(choose(pack.bank, pose)), doll)
    off_him = cv2.dilate(doll[..., 3], np.ones((15, 15))) == 0
    darker = (pack.plate.astype(int) - out).min(axis=2) > 15
    assert (darker & off_him).sum() > 50, "a shadow"
    rows, columns = np.nonzero(darker & off_him)
    assert columns.max() < 80 and rows.min() > 90, "to the left of him, on the floor"
    renderer(standing(40, 112, 60), out)
    away = np.s_[:, 70:]
    np.testing.assert_array_equal(out[away], pack.plate[away])
