from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from engines.pack import player_pack as module
from engines.pack.player_pack import FILES, MANIFEST, PackError, PlayerPack, write_pack
from engines.painting.generator import Generator
from engines.painting.shadow import Shadow
from tests.packs import SIZE, bank_of, standing, untrained_generator, write_nano_pack
from tools.footage.dataset import Footage


@pytest.fixture
def folder(pack_folder: Path, tmp_path: Path) -> Path:
    """A pack to damage."""
    return Path(shutil.copytree(pack_folder, tmp_path / "drawn"))


def edit(folder: Path, old: str, new: str) -> None:
    manifest = folder / MANIFEST
    text = manifest.read_text(encoding="utf-8")
    assert old in text
    manifest.write_text(text.replace(old, new), encoding="utf-8")


def write_again(folder: Path, dataset: Path, generator: Generator) -> None:
    footage = Footage.open(dataset)
    write_pack(
        folder, name="another", generator=generator, size=footage.size, body=footage.body,
        plate=footage.plate, poses=footage.landmarks, bank=bank_of(footage, (5,)),
        shadow=None, standby=folder / "standby.mp4", licences="", notes={},
    )  # fmt: skip


def test_round_trip(pack_folder: Path, dataset_folder: Path) -> None:
    footage = Footage.open(dataset_folder)
    pack = PlayerPack.load(pack_folder)
    assert (pack.name, pack.variant, pack.size) == ("Number 7", "nano", SIZE)
    assert pack.body == footage.body
    np.testing.assert_array_equal(pack.plate, footage.plate)
    np.testing.assert_array_equal(pack.poses, footage.landmarks)
    assert pack.standby.stat().st_size > 0
    bank = bank_of(footage)
    np.testing.assert_array_equal(pack.bank.landmarks, bank.landmarks)
    np.testing.assert_array_equal(pack.bank.numbers, bank.numbers)
    assert pack.bank.frames == (), "the frames themselves are not kept"
    assert {path.name for path in pack_folder.iterdir()} == {MANIFEST, *FILES}
    assert not list(pack_folder.parent.glob(".*")), "unfinished work is left beside the pack"


@torch.inference_mode()
def test_the_generator_comes_back(pack_folder: Path) -> None:
    pack = PlayerPack.load(pack_folder)
    before = untrained_generator(pack.body.near.height).fold()
    inputs = (
        torch.from_numpy(standing(64, 112, 90))[None],
        torch.rand(1, 4, 32, 32),
        torch.rand(1, 4, 128, 128),
    )
    assert (pack.generator()(*inputs).rgb - before(*inputs).rgb).abs().max() < 0.05  # stored in float16


def test_a_shadow_comes_back(tmp_path: Path, dataset_folder: Path, pack_folder: Path) -> None:
    assert PlayerPack.load(pack_folder).shadow is None
    folder = write_nano_pack(tmp_path / "shadow", dataset_folder, shadow=Shadow(-0.5, 0.2, 0.02, 0.3))
    assert PlayerPack.load(folder).shadow == Shadow(-0.5, 0.2, 0.02, 0.3)
    for old, new in (("up = 0.2000", "up = 0.0"), ("up = 0.0", "up = nan"), ("up = nan", "")):
        edit(folder, old, new)
        with pytest.raises(PackError, match=r"player\.toml cannot be read: .*up"):
            PlayerPack.load(folder)


def test_a_name_may_hold_any_letters(tmp_path: Path, dataset_folder: Path) -> None:
    name = 'Zoë "Z" \\ 李 🏀'
    folder = write_nano_pack(tmp_path / "zoe", dataset_folder, name=name)
    assert PlayerPack.load(folder).name == name


def test_the_digest_changes_with_any_file(folder: Path, pack_folder: Path, dataset_folder: Path) -> None:
    digest = PlayerPack.load(pack_folder).digest
    assert PlayerPack.load(folder).digest == digest
    generator = untrained_generator(90)
    with torch.no_grad():
        generator.head.bias += 1
    write_again(folder, dataset_folder, generator)
    assert PlayerPack.load(folder).digest != digest


@pytest.mark.parametrize("file", FILES)
def test_a_flipped_bit_is_found(folder: Path, file: str) -> None:
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(data)
    with pytest.raises(PackError, match=f"{file} is corrupt"):
        PlayerPack.load(folder)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(PackError, match=f"{file} is missing"):
        PlayerPack.load(folder)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 5", "format = 4", "is of format 4; this version of dancecam reads 5"),
        ("format = 5", "format = 6", "is of format 6; this version of dancecam reads 5"),
        ("format = 5", "", "cannot be read.*format"),
        (
            "format = 5",
            "format = 2",
            r"make the pack anew with python -m tools\.train DATASET .* --restart",
        ),
        ('"bank.safetensors" =', '"views.safetensors" =', r"no SHA-256 for bank\.safetensors"),
        ('"nano"', '"giant"', "unknown variant 'giant'; known: nano"),
        ("[128, 128]", "[128, 122]", "128x122 is not in multiples of 4"),
        ("[128, 128]", "[0, 128]", "0x128"),
        ("[128, 128]", "[128]", "cannot be read"),
        ("[128, 128]", '"big"', "cannot be read"),
        ("[128, 128]", "[128, 256]", r"plate\.png is not a picture of 128x256"),
        ('"nano"', '"tiny"', r"generator\.safetensors does not fit the variant tiny"),
        ("[sha256]", "[sums]", "cannot be read.*sha256"),
        ('"plate.png" =', '"picture.png" =', r"no SHA-256 for plate\.png"),
        ("name =", "name", "cannot be read"),
    ],
)
def test_a_wrong_manifest_is_refused(folder: Path, old: str, new: str, said: str) -> None:
    edit(folder, old, new)
    with pytest.raises(PackError, match=said):
        PlayerPack.load(folder).generator()


def test_a_manifest_of_garbage_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(bytes(range(256)))
    with pytest.raises(PackError, match=MANIFEST):
        PlayerPack.load(folder)


def test_another_folder_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no player pack"):
        PlayerPack.load(tmp_path)
    with pytest.raises(PackError, match=r"nowhere is no player pack.*tools\.train"):
        PlayerPack.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("body.json", b"{}", r"body\.json: not a body"),
        ("plate.png", b"no picture", r"plate\.png is not a picture"),
        ("poses.safetensors", b"no tensors", r"poses\.safetensors cannot be read"),
        ("generator.safetensors", b"no tensors", r"generator\.safetensors cannot be read"),
        ("bank.safetensors", b"no tensors", r"bank\.safetensors: no bank of the player's frames"),
        (
            "bank.safetensors",
            safetensors.torch.save({"heights": torch.ones(3)}),
            r"bank\.safetensors: no bank of the player's frames \('pictures'\)",
        ),
    ],
)
def test_a_file_that_was_wrong_from_the_start_is_named(
    folder: Path, file: str, content: bytes, said: str
) -> None:
    before = module.sha256_of(folder / file)
    (folder / file).write_bytes(content)
    edit(folder, before, module.sha256_of(folder / file))
    with pytest.raises(PackError, match=said):
        PlayerPack.load(folder).generator()


def test_a_new_pack_replaces_the_old_one(folder: Path, dataset_folder: Path) -> None:
    (folder / "stray.txt").write_text("of the old pack", encoding="utf-8")
    write_again(folder, dataset_folder, untrained_generator(90))
    pack = PlayerPack.load(folder)
    assert pack.name == "another" and len(pack.bank.numbers) == 1
    assert not (folder / "stray.txt").exists()


@pytest.mark.parametrize("step", ["shutil.copyfile", "safetensors.torch.save_file", "sha256_of"])
def test_a_write_that_fails_leaves_the_old_pack(
    folder: Path, dataset_folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    digest = PlayerPack.load(folder).digest
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(f"engines.pack.player_pack.{step}", full)
        write_again(folder, dataset_folder, untrained_generator(90))
    assert PlayerPack.load(folder).digest == digest
    write_again(folder, dataset_folder, untrained_generator(90))  # what was left is in nobody's way
    assert PlayerPack.load(folder).name == "another"
