from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.packs import paint, standing, textured_plate
from tools.preparing import rules
from tools.preparing.journal import Journal
from tools.preparing.pictures import Pictures
from tools.preparing.refine import Refiner, Shots, find_plate

SIZE = (256, 256)
PX = 190.0
NONE = (np.nan,) * 4


def footage(folder: Path, gains: list[float], others: list[tuple[float, ...]]) -> tuple[Pictures, Shots]:
    """A painted player who walks before a textured plate, in a light that changes."""
    pictures = Pictures(folder)
    poses = [standing(70 + 110 * n / max(len(gains) - 1, 1), 230, PX, arms=0.6) for n in range(len(gains))]
    for number, (pose, gain) in enumerate(zip(poses, gains, strict=True)):
        frame, mask = paint(textured_plate(SIZE), pose, PX)
        pictures.write_frame(number, np.clip(frame * gain, 0, 255).astype(np.uint8))
        pictures.write_soft(number, mask)
    return pictures, Shots(np.arange(len(gains)), np.stack(poses), np.array(others, np.float32), PX)


def refine(
    pictures: Pictures, shots: Shots, plate: NDArray[np.uint8]
) -> tuple[list[str], NDArray[np.float32]]:
    unseen = np.zeros(plate.shape[:2], np.bool_)
    refiner = Refiner(pictures, Journal(pictures.work / "journal"), plate, unseen, None)
    refined = refiner(shots, checkpoint=2)
    assert not refined.extras.any()
    return refined.reasons.tolist(), refined.gains


def test_another_light_is_dropped_and_a_little_of_it_allowed_for(tmp_path: Path) -> None:
    pictures, shots = footage(tmp_path, [1.0, 0.95, 0.88], [NONE] * 3)
    reasons, gains = refine(pictures, shots, textured_plate(SIZE))
    assert reasons == ["", "", rules.OTHER_LIGHT]
    np.testing.assert_allclose(gains[:, 1], [1.0, 0.95, 0.88], atol=0.02)
    same, dimmer = (pictures.mask(number) > 127 for number in (0, 1))
    assert dimmer.sum() == pytest.approx(same.sum(), rel=0.1)
    assert not (tmp_path / "masks/000002.png").exists()
    assert list((tmp_path / "work/thumbs" / rules.OTHER_LIGHT).iterdir())


def test_a_bystander_is_dropped_and_a_poster_is_scenery(tmp_path: Path) -> None:
    box = (215.0, 20.0, 250.0, 100.0)
    pictures, shots = footage(tmp_path, [1.0, 1.0], [box, box])
    frame = pictures.frame(1)
    frame[20:100, 215:250] = 255 - frame[20:100, 215:250]
    pictures.write_frame(1, frame)
    assert refine(pictures, shots, textured_plate(SIZE))[0] == ["", rules.BYSTANDER]


def test_a_person_whom_no_picture_shows_is_missed(tmp_path: Path) -> None:
    pictures, shots = footage(tmp_path, [1.0], [NONE])
    gone = shots.landmarks + np.array([60, 0, 0, 0], np.float32)
    gone[:, :, :2] += np.random.default_rng(0).normal(0, 30, (1, 33, 2))
    gone[..., :2] = gone[..., :2].clip(0, 255)
    alone = Shots(shots.numbers, gone.astype(np.float32), shots.others, 20.0)
    assert refine(pictures, alone, textured_plate(SIZE))[0] == [rules.MISSED]


def test_the_plate_comes_from_where_the_player_is_not(tmp_path: Path) -> None:
    pictures, shots = footage(tmp_path, [1.0] * 12, [NONE] * 12)
    plate, unseen = find_plate(pictures, shots)
    assert unseen.mean() < 0.02
    assert np.abs(plate.astype(int) - textured_plate(SIZE))[~unseen].mean() < 4
