"""Batches of crops, and the footage that they are cut from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.doll.bank import Bank
from engines.doll.choice import Drawing, choose
from engines.doll.drawing import Doll
from tests.packs import FRAMES, GAP, SIZE, bank_of
from tests.training_runs import crops_of
from tools.footage.dataset import DatasetError, Footage
from tools.train import crops as module
from tools.train.crops import APART_S, FARTHER, GRID, Crops


def test_a_batch_is_drawn_from_its_seed_and_step_alone(footage: Footage) -> None:
    one, other = crops_of(footage), crops_of(footage)
    _ = other[0], other[1]
    assert all(one[5][name].equal(value) for name, value in other[5].items())
    assert not one[5]["landmarks"].equal(one[6]["landmarks"])
    assert not one[5]["landmarks"].equal(crops_of(footage, seed=4)[5]["landmarks"])


def test_a_batch_has_its_shapes_and_ranges(footage: Footage) -> None:
    batch = crops_of(footage, batch=3)[0]
    picture, quarter = (3, 64, 64), (4, 16, 16)
    assert {name: tuple(value.shape[1:]) for name, value in batch.items()} == {
        "landmarks": (33, 4), "earlier": (33, 4), "doll": (4, 64, 64), "earlier_doll": (4, 64, 64),
        "previous": quarter, "before_previous": quarter, "target": picture, "earlier_target": picture,
        "mask": (1, 64, 64), "plate": picture,
    }  # fmt: skip
    assert all(len(value) == 3 for value in batch.values())
    assert all(value.dtype == torch.float32 for value in batch.values())
    for name in set(batch) - {"landmarks", "earlier"}:
        assert batch[name].min() >= 0 and batch[name].max() <= 1
    assert batch["mask"].any()


def test_noise_moves_each_landmark_alike_in_both_frames_and_hides_none(footage: Footage) -> None:
    positions, _ = footage.split(0.2)
    plain, noisy = (
        Crops(footage, positions, None, batch=2, crop=64, seed=3, noise_px=noise)[4] for noise in (0, 40)
    )
    now, then = (noisy[name] - plain[name] for name in ("landmarks", "earlier"))
    assert now[..., :3].abs().mean() > 2 and now[..., 3].eq(0).all()
    torch.testing.assert_close(then, now, rtol=0, atol=1e-4)


def test_processes_share_a_batch(footage: Footage) -> None:
    whole = crops_of(footage, batch=4)[7]
    for rank in range(2):
        share = crops_of(footage, batch=4, share=(rank, 2))[7]
        assert all(share[name].equal(value[rank::2]) for name, value in whole.items())


def test_the_doll_is_that_of_the_crops_landmarks(footage: Footage) -> None:
    crops = crops_of(footage, crop=128)
    batch, frames, doll = crops[0], crops.draws(0)[0].frames, Doll(bank_of(footage))
    for name, landmarks in (("doll", "landmarks"), ("earlier_doll", "earlier")):
        pose = batch[landmarks][0].numpy()  # the crop is the whole picture
        out = np.empty((128, 128, 4), np.uint8)
        doll.paint(pose, Drawing.of(frames), out)
        drawn = torch.from_numpy(out[..., [2, 1, 0, 3]]).permute(2, 0, 1) / 255
        assert (batch[name][0] - drawn).abs().max() < 1e-6
    assert (batch["doll"][:, 3] - batch["mask"][:, 0]).abs().mean() < 0.05


def test_no_doll_is_drawn_from_frames_filmed_about_when_its_own_was(footage: Footage) -> None:
    positions, _ = footage.split(0.2)
    bank = bank_of(footage, tuple(range(0, 64, 3)))
    crops = Crops(footage, positions, bank, batch=8, crop=64, seed=1)
    gap = 0.1 * (footage.indices[-1] - footage.indices[0])
    assert 6 < gap < APART_S * footage.fps, "the footage is short"
    used, away = set(), []
    for step in range(40):
        for draw in crops.draws(step):
            away.append(np.abs(bank.numbers[draw.frames] - footage.indices[draw.position]).min())
            used |= set(draw.frames.tolist())
    assert min(away) > gap
    assert len(used) > len(bank.numbers) / 2


def test_at_times_a_doll_is_drawn_from_few_frames_of_other_poses(
    footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions, _ = footage.split(0.2)
    left: list[int] = []

    def watched(
        bank: Bank, landmarks: NDArray[np.float32], *, allowed: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        left.append(int(allowed.sum()))
        return choose(bank, landmarks, allowed=allowed)

    monkeypatch.setattr(module, "choose", watched)
    bank = bank_of(footage, tuple(range(0, 64, 2)))
    crops = Crops(footage, positions, bank, batch=8, crop=64, seed=1)
    for step in range(25):
        crops.draws(step)
    few = np.mean(np.array(left) < 0.6 * len(bank.numbers))
    assert FARTHER / 2 < few < 2 * FARTHER and min(left) >= 1


def test_where_all_frames_were_filmed_then_the_farthest_draws_the_doll(footage: Footage) -> None:
    positions, _ = footage.split(0.2)
    crops = Crops(footage, positions, bank_of(footage, (5, 6, 8)), batch=1, crop=64, seed=1)
    draw = crops._draw(5, np.random.default_rng(0))
    assert (draw.frames == 2).all()


def test_crops_are_cut_on_the_grid_inside_the_picture(footage: Footage) -> None:
    plate = torch.from_numpy(footage.plate[..., ::-1].copy()).permute(2, 0, 1) / 255
    corners = set()
    for step in range(12):
        batch = crops_of(footage)[step]
        for item in range(2):
            matches = [
                (x, y)
                for x in range(0, SIZE[0] - 63, GRID)
                for y in range(0, SIZE[1] - 63, GRID)
                if torch.allclose(plate[:, y : y + 64, x : x + 64], batch["plate"][item])
            ]
            assert len(matches) == 1
            corners.add(matches[0])
            (x, y), shift = matches[0], batch["landmarks"][item, 0, :2].numpy()
            near = np.abs(footage.landmarks[:, 0, :2] - (shift + np.array([x, y]))).sum(axis=1)
            position = int(near.argmin())
            assert near[position] < 1e-3, "the landmarks are not moved with the crop"
            truth = footage.frame(position)[y : y + 64, x : x + 64, ::-1].transpose(2, 0, 1) / 255
            assert np.abs(batch["target"][item].numpy() - truth).max() < 1e-6
    assert len(corners) > 4


def test_a_crop_is_never_larger_than_the_picture(footage: Footage) -> None:
    assert crops_of(footage, crop=256)[0]["target"].shape == (2, 3, SIZE[1], SIZE[0])


def test_the_previous_output_comes_from_the_frame_before_alone(footage: Footage) -> None:
    positions, _ = footage.split(0.2)
    seen = {}
    for position in (
        0,
        1,
        2,
        GAP - 1,
        GAP,
        GAP + 1,
        GAP + 2,
    ):  # position GAP is frame GAP + 1: one is missing
        crops = Crops(footage, positions, bank_of(footage), batch=1, crop=SIZE[0], seed=0)
        item = crops._item(crops._draw(position, np.random.default_rng(0)))
        seen[position] = (bool(item["previous"].any()), bool(item["before_previous"].any()))
        if seen[position][0]:
            np.testing.assert_allclose(item["earlier"], footage.landmarks[position - 1])
            alpha = item["previous"][3]
            small = footage.mask(position - 1).reshape(32, 4, 32, 4).mean(axis=(1, 3)) / 255
            assert np.abs(alpha - small).max() < 0.01
            colour = footage.frame(position - 1)[..., ::-1].reshape(32, 4, 32, 4, 3).mean(axis=(1, 3)) / 255
            assert np.abs(item["previous"][:3].transpose(1, 2, 0) - colour * alpha[..., None]).mean() < 0.02
        else:
            np.testing.assert_allclose(item["earlier"], footage.landmarks[position])
    assert seen == {
        0: (False, False), 1: (True, False), 2: (True, True), GAP - 1: (True, True),
        GAP: (False, False), GAP + 1: (True, False), GAP + 2: (True, True),
    }  # fmt: skip


def test_the_end_of_the_footage_is_held_out(footage: Footage) -> None:
    train_positions, held = footage.split(0.2)
    assert train_positions.tolist() == list(range(64)) and held.tolist() == list(range(64, FRAMES))


@pytest.mark.parametrize("name", ["dataset.json", "landmarks.npy", "indices.npy", "body.json", "plate.png"])
@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_damaged_footage_is_refused(dataset_folder: Path, tmp_path: Path, name: str, damage: str) -> None:
    folder = tmp_path / "hurt"
    folder.mkdir()
    for path in dataset_folder.glob("*.*"):
        shutil.copy(path, folder)
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(b"\x93garbage")
    with pytest.raises(DatasetError, match="hurt"):
        Footage.open(folder)


def test_a_picture_that_cannot_be_read_is_named(dataset_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(dataset_folder, tmp_path / "hurt"))
    (folder / "frames/000003.jpg").write_bytes(b"")
    (folder / "masks/000003.png").unlink()
    footage = Footage.open(folder)
    with pytest.raises(DatasetError, match=r"frames/000003\.jpg"):
        footage.frame(3)
    with pytest.raises(DatasetError, match=r"masks/000003\.png"):
        footage.mask(3)
