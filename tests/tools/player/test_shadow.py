"""Finding the shadow in footage."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.painting.shadow import Floor, Shadow
from tools.footage.dataset import Footage
from tools.player.shadow import find_shadow


def shaded(folder: Path, *shadows: Shadow, blinds: bool = False) -> Footage:
    """The dataset in `folder` with his shadows in its frames; blinds: a dark bar wanders through the room."""
    footage = Footage.open(folder)
    noise = np.random.default_rng(0)
    for position, index in enumerate(footage.indices):
        frame, mask = footage.frame(position), footage.mask(position)
        ground = footage.plate
        for shadow in shadows:
            floor = Floor(ground, shadow, footage.body.near.height)
            floor.cast(mask, footage.landmarks[position])
            ground = floor.picture
        scene = ground.astype(float)
        if blinds:
            scene[:, position : position + 20] *= 0.6
        scene += noise.normal(0, 2, scene.shape)
        frame = np.where(mask[..., None] > 0, frame, scene.clip(0, 255)).astype(np.uint8)
        cv2.imwrite(str(folder / f"frames/{index:06d}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return footage


@pytest.fixture
def folder(dataset_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(dataset_folder, tmp_path / "dataset"))


@pytest.mark.parametrize("true", [Shadow(-0.5, 0.2, 0.02, 0.4), Shadow(0.7, 0.12, 0.01, 0.25)])
def test_the_light_is_found(folder: Path, true: Shadow) -> None:
    footage = shaded(folder, true)
    found = find_shadow(footage, np.arange(len(footage.indices)))
    assert found is not None
    assert found.across == pytest.approx(true.across, abs=0.12)
    assert found.up == pytest.approx(true.up, abs=0.06)
    assert found.strength == pytest.approx(true.strength, rel=0.35)


def test_of_two_lamps_the_stronger_is_drawn(folder: Path) -> None:
    weak, strong = Shadow(0.6, 0.15, 0.02, 0.15), Shadow(-0.5, 0.2, 0.02, 0.3)
    footage = shaded(folder, weak, strong)
    found = find_shadow(footage, np.arange(len(footage.indices)))
    assert found is not None and found.across == pytest.approx(strong.across, abs=0.12)


@pytest.mark.parametrize("blinds", [False, True])
def test_where_nobody_throws_a_shadow_none_is_found(folder: Path, blinds: bool) -> None:
    footage = shaded(folder, blinds=blinds)
    assert find_shadow(footage, np.arange(len(footage.indices))) is None
