"""A trained player on disk: one folder that can be copied to the arena. `tools.train` writes it, the show
loads it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from engines.body import Body
from engines.doll.bank import Bank
from engines.pack.bank_cache import kept_bank
from engines.pack.bank_store import write_bank
from engines.pack.manifest import FILES, FORMAT, MANIFEST, PackError, PackManifest, sha256_of
from engines.pack.rights import Rights, with_rights
from engines.painting.generator import FIELDS, VARIANTS, Generator
from engines.painting.shadow import Shadow
from engines.plans.atomic_folder import new_folder
from engines.skeleton import LANDMARKS

__all__ = ["FILES", "MANIFEST", "PackError", "PlayerPack", "write_pack"]


@dataclass(frozen=True)
class PlayerPack:
    """A verified player pack.

    size: (width, height) of the player's picture, pixels. plate: (H, W, 3) uint8 BGR, the still background.
    poses: (N, 33, 4) float32, trained poses in order of time, for calibrating INT8. bank: the frames from
    which the doll is drawn, which is an input of the generator. shadow: the player's shadow on the plate's
    floor, or None. digest: SHA-256 of the manifest without the rights. The manifest holds the
    sums of all other files, so the digest changes whenever any of them does.
    """

    folder: Path
    name: str
    variant: str
    size: tuple[int, int]
    body: Body
    plate: NDArray[np.uint8]
    poses: NDArray[np.float32]
    bank: Bank
    shadow: Shadow | None
    digest: str

    @property
    def standby(self) -> Path:
        """The video that is shown while nobody dances."""
        return self.folder / "standby.mp4"

    @classmethod
    def load(cls, folder: Path) -> PlayerPack:
        """Reads a pack and verifies each of its files. Raises PackError."""
        said = PackManifest.load(folder)
        folder, (width, height), manifest = said.folder, said.size, said.folder / MANIFEST
        if said.variant not in VARIANTS:
            known = ", ".join(VARIANTS)
            raise PackError(f"{manifest} names the unknown variant {said.variant!r}; known: {known}")
        try:
            shadow = None if said.shadow is None else _shadow(said.shadow)
        except (KeyError, TypeError, ValueError) as error:
            raise PackError(f"{manifest} cannot be read: {error}") from error
        try:
            body = Body.from_json((folder / "body.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise PackError(f"{folder / 'body.json'}: {error}") from error
        if _png_size(folder / "plate.png") != (width, height):
            raise PackError(f"{folder / 'plate.png'} is not a picture of {width}x{height}")
        plate = cv2.imread(str(folder / "plate.png"), cv2.IMREAD_COLOR)
        if plate is None or plate.shape != (height, width, 3):
            raise PackError(f"{folder / 'plate.png'} is not a picture of {width}x{height}")
        poses = _tensors(folder / "poses.safetensors").get("landmarks")
        if poses is None or poses.ndim != 3 or poses.shape[1:] != (LANDMARKS, 4) or len(poses) < 1:
            raise PackError(f"{folder / 'poses.safetensors'} holds no landmarks (N, {LANDMARKS}, 4)")
        return cls(
            folder=folder,
            name=said.name,
            variant=said.variant,
            size=said.size,
            body=body,
            plate=np.asarray(plate, np.uint8),
            poses=poses.float().numpy(),
            bank=_read_bank(folder / "bank.safetensors", body, said),
            shadow=shadow,
            digest=said.digest,
        )

    def generator(self) -> Generator:
        """The trained net, folded for inference, on the CPU in float32. Raises PackError."""
        path = self.folder / "generator.safetensors"
        generator = Generator(self.variant, self.body.near.height).fold()
        weights = {name: value.float() for name, value in _tensors(path).items()}
        for name in ("fields.weight", "fields.bias"):  # older packs have two more, unused fields
            if name in weights and len(weights[name]) == sum(FIELDS) + 2:
                weights[name] = weights[name][2:]
        try:
            generator.load_state_dict(weights)
        except RuntimeError as error:
            raise PackError(f"{path} does not fit the variant {self.variant}: {error}") from error
        return generator


def write_pack(
    folder: Path,
    *,
    name: str,
    generator: Generator,
    size: tuple[int, int],
    body: Body,
    plate: NDArray[np.uint8],
    poses: NDArray[np.float32],
    bank: Bank,
    shadow: Shadow | None,
    standby: Path,
    licences: str,
    notes: Mapping[str, str | int | float],
    rights: Rights | None = None,
) -> None:
    """Writes a pack beside `folder` and moves it there once it is complete, replacing an older pack.

    generator: trained, not yet folded. poses: (N, 33, 4). notes: how the pack was made, kept in the manifest
    for people. rights: to the player's likeness, if known. Raises FileExistsError where `folder` holds
    something else.
    """
    with new_folder(folder, MANIFEST) as part:
        weights = {key: value.half().contiguous() for key, value in generator.fold().state_dict().items()}
        safetensors.torch.save_file(weights, part / "generator.safetensors")
        safetensors.torch.save_file({"landmarks": torch.from_numpy(poses)}, part / "poses.safetensors")
        write_bank(bank, part / "bank.safetensors")
        (part / "body.json").write_text(body.to_json(), encoding="utf-8")
        if not cv2.imwrite(str(part / "plate.png"), plate):
            raise OSError(f"cannot write {part / 'plate.png'}")
        shutil.copyfile(standby, part / "standby.mp4")
        (part / "LICENSES.md").write_text(licences, encoding="utf-8")
        lines = [
            f"format = {FORMAT}",
            f"name = {_toml(name)}",
            f'variant = "{generator.variant}"',
            f"size = [{size[0]}, {size[1]}]",
            *(["\n[shadow]", *_numbers(shadow._asdict())] if shadow is not None else []),
            "\n[sha256]",
            *(f'"{file}" = "{sha256_of(part / file)}"' for file in FILES),
            "\n[made]",
            *(f"{key} = {_toml(value)}" for key, value in notes.items()),
        ]
        manifest = with_rights("\n".join(lines) + "\n", rights)
        (part / MANIFEST).write_text(manifest, encoding="utf-8")
        for path in part.rglob("*.*"):
            path.chmod(0o644)  # safetensors writes for its owner alone; a pack is copied about


def _numbers(table: Mapping[str, float]) -> list[str]:
    return [f"{key} = {value:.4f}" for key, value in table.items()]


def _shadow(table: Mapping[str, float]) -> Shadow:
    """The manifest's shadow table as a `Shadow`. Raises KeyError, TypeError, ValueError where it is not
    one."""
    shadow = Shadow(*(float(table[name]) for name in Shadow._fields))
    if not shadow.is_sound():
        raise ValueError(f"{shadow} cannot be drawn")
    return shadow


def _read_bank(path: Path, body: Body, said: PackManifest) -> Bank:
    try:
        return kept_bank(path, body, said.sums[path.name], said.slug)
    except ValueError as error:
        raise PackError(f"{path}: {error}") from error


def _toml(value: str | int | float) -> str:
    """A TOML literal. A string's is the same as in JSON, and Python writes nan and inf as TOML does."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _png_size(path: Path) -> tuple[int, int] | None:
    """(width, height) by its head, before memory is taken for it; None where it is no PNG."""
    with path.open("rb") as file:
        head = file.read(24)
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise PackError(f"{path} cannot be read: {error}") from error
