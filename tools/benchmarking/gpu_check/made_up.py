"""Makes the subjects of the check on the fly: an untrained player of any size, and footage for training."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.body import Body, Stance
from engines.doll.bank import Bank, Frame
from engines.doll.cutting import View, label
from engines.pack.bank_store import read_bank
from engines.pack.player_pack import PlayerPack, write_pack
from engines.painting.generator import Generator
from engines.pose.tracking.tracker import PoseTracker
from tools.benchmarking.gpu_check.record import CheckError
from tools.footage.dataset import Footage

Picture = NDArray[np.uint8]
FRAME_NS = 33_333_333
FIRST = 120
"""The first frame with the player; before it, the player's video shows the empty scene."""
DIFFERENT = 30
"""A pixel that differs from the plate by this, levels of all three channels together, belongs to the
player."""


class Fit(NamedTuple):
    """How a picture is fitted into another one: scaled to its height, in its middle. x: where it begins,
    pixels; negative where its sides are cut off."""

    scale: float
    x: int

    @classmethod
    def of(cls, own: tuple[int, int], size: tuple[int, int]) -> Fit:
        """The fit of a picture of `own` (width, height) into one of `size`."""
        scale = size[1] / own[1]
        return cls(scale, round((size[0] - scale * own[0]) / 2))

    def points(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Landmarks (..., 4), x, y, z and visibility, pixels."""
        moved = points * np.array([self.scale, self.scale, self.scale, 1], np.float32)
        moved[..., 0] += self.x
        return moved

    def body(self, body: Body) -> Body:
        def stance(each: Stance) -> Stance:
            return Stance(self.scale * each.ankle_y, self.scale * each.height)

        low, high = (self.scale * x + self.x for x in body.x_range)
        return replace(body, near=stance(body.near), far=stance(body.far), x_range=(low, high))

    def view(self, view: View) -> View:
        """A piece of the picture: it is only enlarged."""
        size = [max(1, round(self.scale * side)) for side in view.alpha.shape[::-1]]
        picture, alpha = (
            np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_LINEAR), np.uint8)
            for each in (view.picture, view.alpha)
        )
        landmarks = view.landmarks * np.array([self.scale, self.scale, self.scale, 1], np.float32)
        return View(picture, alpha, landmarks, self.scale * view.height, view.number)

    def picture(self, picture: Picture, around: Picture) -> Picture:
        """`picture` over `around`, which has the whole size."""
        height, width = around.shape[:2]
        wide = cv2.resize(picture, (round(self.scale * picture.shape[1]), height))
        whole, cut = around.copy(), max(-self.x, 0)
        shown = wide[:, cut : cut + width]
        begin = max(self.x, 0)
        whole[:, begin : begin + shown.shape[1]] = shown[:, : width - begin]
        return whole


def enlarged(plate: Picture, size: tuple[int, int]) -> Picture:
    """A plate of `size` (width, height) with `plate` in its middle; its edges are repeated beside it."""
    (width, height), fit = size, Fit.of((plate.shape[1], plate.shape[0]), size)
    beside = max(fit.x, 0)
    padded = cv2.copyMakeBorder(
        cv2.resize(plate, (round(fit.scale * plate.shape[1]), height)), 0, 0, beside, beside + 1,
        cv2.BORDER_REPLICATE,
    )  # fmt: skip
    cut = max(-fit.x, 0)
    return np.ascontiguousarray(padded[:, cut : cut + width], np.uint8)


def make_pack(
    folder: Path, pack: PlayerPack, variant: str, size: tuple[int, int], *, seed: int = 0, count: int = 16
) -> Path:
    """An untrained player of `size` (width, height) in `folder`, with the poses and `count` frames of
    `pack`."""
    fit = Fit.of(pack.size, size)
    torch.manual_seed(seed)
    body = fit.body(pack.body)
    write_pack(
        folder,
        name=f"Made up {seed}",
        generator=Generator(variant, body.near.height),
        size=size,
        body=body,
        plate=enlarged(pack.plate, size),
        poses=fit.points(pack.poses),
        bank=enlarged_bank(pack, fit, count),
        shadow=pack.shadow,
        standby=pack.standby,
        licences=(pack.folder / "LICENSES.md").read_text(encoding="utf-8"),
        notes={"steps": 0},
    )
    return folder


def enlarged_bank(pack: PlayerPack, fit: Fit, count: int) -> Bank:
    """At most `count` frames of the pack's bank, evenly spread, each enlarged."""
    bank = read_bank(pack.folder / "bank.safetensors", pack.body, keep=True)
    rows = np.linspace(0, len(bank.frames) - 1, min(count, len(bank.frames))).astype(int)
    views = [fit.view(bank.frames[row].view) for row in rows]
    return Bank([Frame(view, label(view, bank.widths)) for view in views], bank.widths, fit.body(pack.body))


def frames(video: Path, count: int, size: tuple[int, int] | None = None, *, first: int = 0) -> list[Picture]:
    """`count` pictures from number `first` on, (H, W, 3) BGR, of `size` (width, height). Raises
    CheckError."""
    found = [
        picture if size is None else np.asarray(cv2.resize(picture, size), np.uint8)
        for picture in islice(_read(video), first, first + count)
    ]
    if len(found) < count:
        raise CheckError(f"OpenCV reads {len(found)} of {count} frames of {video}")
    return found


def there_and_back(pictures: Sequence[Picture]) -> Iterator[Picture]:
    """The pictures forth and back, endlessly and without a jump, so that a tracker loses nobody."""
    while True:
        yield from pictures
        yield from pictures[-2:0:-1]


def make_footage(
    folder: Path, pack: PlayerPack, video: Path, count: int, size: tuple[int, int], tracker: PoseTracker
) -> Footage:
    """A dataset of `count` frames of `video` from `FIRST` on, filmed as for `pack`, in pictures of `size`
    (width, height). Landmarks are by `tracker`; the mask is what differs from the plate."""
    (folder / "frames").mkdir(parents=True)
    (folder / "masks").mkdir()
    fit, plate = Fit.of(pack.size, size), enlarged(pack.plate, size)
    landmarks, indices = [], []
    for index, picture in enumerate(frames(video, count, first=FIRST)):
        pose = tracker(picture, index * FRAME_NS)
        if pose is None:
            continue
        whole = fit.picture(picture, plate)
        cv2.imwrite(str(folder / f"frames/{index:06d}.jpg"), whole, [cv2.IMWRITE_JPEG_QUALITY, 95])
        cv2.imwrite(str(folder / f"masks/{index:06d}.png"), _mask(whole, plate))
        landmarks.append(fit.points(pose.landmarks))
        indices.append(index)
    if len(indices) < count // 2:
        raise CheckError(f"the player is found in {len(indices)} of {count} frames of {video}")
    np.save(folder / "landmarks.npy", np.stack(landmarks))
    np.save(folder / "indices.npy", np.array(indices))
    cv2.imwrite(str(folder / "plate.png"), plate)
    (folder / "body.json").write_text(fit.body(pack.body).to_json(), encoding="utf-8")
    (folder / "dataset.json").write_text(json.dumps({"size": list(size)}), encoding="utf-8")
    return Footage.open(folder)


def _mask(picture: Picture, plate: Picture) -> Picture:
    """(H, W), 255 where the picture differs."""
    apart = cv2.GaussianBlur(cv2.absdiff(picture, plate), (5, 5), 0).astype(np.int32).sum(axis=2)
    mask = np.where(apart > DIFFERENT, 255, 0).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)), np.uint8)


def _read(video: Path) -> Iterator[Picture]:
    clip = cv2.VideoCapture(str(video))
    while True:
        there, picture = clip.read()
        if not there:
            break
        yield np.asarray(picture, np.uint8)
    clip.release()
