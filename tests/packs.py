"""A player who is drawn, not filmed: a small dataset of the body in `tests.drawn`, an untrained pack."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.body import measure_body
from engines.doll.bank import Bank, Frame
from engines.doll.choice import Drawing, choose
from engines.doll.cutting import label
from engines.doll.drawing import Doll
from engines.doll.parts import WIDTHS
from engines.pack.player_pack import write_pack
from engines.painting.shadow import Shadow
from engines.skeleton import LIMBS, Landmark
from tests.drawn import standing, untrained_generator
from tools.footage.dataset import Footage
from tools.player.standby import Paint, write_standby
from tools.player.views import cut_view

SIZE = (128, 128)
HEIGHT_PX = 90.0
FRAMES = 80
GAP = 40
"""The frame number that the dataset lacks."""


def paint(
    plate: NDArray[np.uint8], landmarks: NDArray[np.float32], height: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The person of `landmarks` before `plate` (H, W, 3) BGR, and the mask (H, W), 255 on the person."""
    mask = np.zeros(plate.shape[:2], np.uint8)
    picture = plate.copy()
    for limb in LIMBS.values():
        start, end = (landmarks[list(ends), :2].mean(axis=0).round().astype(int) for ends in limb[:2])
        thickness = max(2, round(0.08 * limb.width * height))
        cv2.line(mask, start.tolist(), end.tolist(), 255, thickness)
        cv2.line(picture, start.tolist(), end.tolist(), limb.colour, thickness)
    corners = (Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER, Landmark.RIGHT_HIP, Landmark.LEFT_HIP)
    trunk = landmarks[list(corners), :2].round().astype(np.int32)
    head = landmarks[Landmark.NOSE, :2].round().astype(int).tolist()
    for image, shirt, skin in ((mask, 255, 255), (picture, (40, 40, 200), (150, 170, 230))):
        cv2.fillConvexPoly(image, trunk, shirt)
        cv2.circle(image, head, round(0.08 * height), skin, -1)
    return picture, mask


def textured_plate(size: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """(H, W, 3): a soft random background, 60..140."""
    small = np.random.default_rng(seed).uniform(60, 140, (size[1] // 16, size[0] // 16, 3)).astype(np.float32)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC).clip(60, 140), np.uint8)


def write_dataset(folder: Path) -> Path:
    """A prepared dataset of `FRAMES` frames, 128x128, without frame number `GAP`."""
    (folder / "frames").mkdir(parents=True)
    (folder / "masks").mkdir()
    plate = textured_plate(SIZE)
    indices = np.array([index for index in range(FRAMES + 1) if index != GAP])
    poses = []
    for index in indices:
        sway = np.sin(index / 6)
        landmarks = standing(64 + 12 * sway, 112 + sway, HEIGHT_PX, arms=0.6 + 0.5 * sway)
        picture, mask = paint(plate, landmarks, HEIGHT_PX)
        cv2.imwrite(str(folder / f"frames/{index:06d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 97])
        cv2.imwrite(str(folder / f"masks/{index:06d}.png"), mask)
        poses.append(landmarks)
    np.save(folder / "landmarks.npy", np.stack(poses))
    np.save(folder / "indices.npy", indices)
    cv2.imwrite(str(folder / "plate.png"), plate)
    (folder / "body.json").write_text(measure_body(np.stack(poses)).to_json(), encoding="utf-8")
    (folder / "dataset.json").write_text(json.dumps({"size": list(SIZE)}), encoding="utf-8")
    return folder


def paint_plainly(footage: Footage) -> Paint:
    """Paints the drawn person over the footage's plate."""

    def draw(landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        out[:] = paint(footage.plate, landmarks, HEIGHT_PX)[0]

    return draw


def bank_of(footage: Footage, positions: Sequence[int] = (5, 20, 40, 60)) -> Bank:
    """Of some frames as they are, neither filled in nor tried."""
    views = [cut_view(footage, position) for position in positions]
    frames = [Frame(view, label(view, 0.75 * WIDTHS)) for view in views]
    return Bank(frames, 0.75 * WIDTHS, footage.body)


def write_nano_pack(
    folder: Path, dataset: Path, *, name: str = "Number 7", seed: int = 0, shadow: Shadow | None = None
) -> Path:
    """An untrained nano pack of 128x128 of the dataset's player; seed: of its weights."""
    footage = Footage.open(dataset)
    standby = folder.with_name(f"{folder.name}.standby.mp4")
    write_standby(footage, np.arange(10), paint_plainly(footage), standby)
    write_pack(
        folder,
        name=name,
        generator=untrained_generator(footage.body.near.height, seed=seed),
        size=footage.size,
        body=footage.body,
        plate=footage.plate,
        poses=footage.landmarks,
        bank=bank_of(footage),
        shadow=shadow,
        standby=standby,
        licences="Drawn for tests.\n",
        notes={"steps": 0},
    )
    standby.unlink()
    return folder


def doll_error(footage: Footage, bank: Bank, positions: NDArray[np.int64]) -> float:
    """How far the doll of `bank` is from the recording where the player is, mean level."""
    doll, wrong = Doll(bank), []
    bgra = np.empty((SIZE[1], SIZE[0], 4), np.uint8)
    for position in positions:
        landmarks = footage.landmarks[position]
        doll.paint(landmarks, Drawing.of(choose(bank, landmarks)), bgra)
        shown = bgra[..., :3] + footage.plate * (1 - bgra[..., 3:] / 255)
        wrong.append(np.abs(shown - footage.frame(position))[footage.mask(position) > 127].mean())
    return float(np.mean(wrong))
