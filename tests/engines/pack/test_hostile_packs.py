"""A player pack that is damaged, or made to harm, is refused in one line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.body import Body
from engines.pack.manifest import MANIFEST, MOST_BYTES, PackError, PackManifest, sha256_of
from engines.pack.player_pack import PlayerPack
from tests.mutations import changed, damaged

fuzzed = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def folder(pack_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(pack_folder, tmp_path_factory.mktemp("hostile") / "drawn"))


@pytest.fixture
def text(folder: Path, pack_folder: Path) -> str:
    for path in pack_folder.iterdir():
        shutil.copyfile(path, folder / path.name)
    return (folder / MANIFEST).read_text(encoding="utf-8")


def refused(folder: Path) -> str:
    with pytest.raises(PackError) as caught:
        PackManifest.load(folder)
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    return line


@fuzzed
@given(draw=st.data())
def test_a_manifest_is_read_or_refused(folder: Path, text: str, draw: st.DataObject) -> None:
    (folder / MANIFEST).write_bytes(damaged(text.encode(), draw))
    try:
        pack = PackManifest.load(folder)
    except PackError as error:
        assert len(str(error).splitlines()) == 1, repr(str(error))
        return
    assert max(pack.size) <= 8192
    assert pack.slug


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("size = [128, 128]", "size = [inf, 128]", "cannot be read"),
        ("size = [128, 128]", "size = [1000000, 128]", "larger than 8192"),
        ("size = [128, 128]", f"size = [{'1' * 5000}, 128]", "cannot be read"),
        ("format = 5", "format = " + "[" * 50_000, "cannot be read"),
        ("format = 5", "format = " + "{a=" * 50_000, "cannot be read"),
        ("format = 5", 'format = "5\\nit is all well"', "is of format"),
        ('name = "Number 7"', 'name = "\\u001b[2J"', "the name must be one line"),
        ('name = "Number 7"', 'name = ""', "the name must be one line"),
        ('name = "Number 7"', f'name = "{"a" * 300}"', "the name must be one line"),
        ("[sha256]", "[sha257]", "cannot be read"),
        ('"body.json" = "', '"body.json" = 1 # "', "is corrupt"),
    ],
)
def test_what_cannot_be_is_one_line(folder: Path, text: str, old: str, new: str, words: str) -> None:
    assert old in text
    (folder / MANIFEST).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert words in refused(folder)


def test_a_manifest_that_is_far_too_large_is_not_read(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text + "#" * MOST_BYTES, encoding="utf-8")
    assert "is no manifest: it is larger than" in refused(folder)


def signed(folder: Path, text: str, name: str, content: bytes) -> None:
    """A file of the pack replaced by somebody who can write its manifest too."""
    (before,) = re.findall(f'"{name}" = "([0-9a-f]{{64}})"', text)
    (folder / name).write_bytes(content)
    (folder / MANIFEST).write_text(text.replace(before, sha256_of(folder / name)), encoding="utf-8")


@settings(fuzzed, max_examples=60)
@given(draw=st.data())
def test_a_body_is_read_or_refused(folder: Path, text: str, draw: st.DataObject) -> None:
    data = json.loads((folder / "body.json").read_text(encoding="utf-8"))
    made = json.dumps(changed(data, draw))
    try:
        Body.from_json(made)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("content", [b"[" * 100_000, b"", b"\xff", b"[]", b"1" + b"0" * 5000])
def test_odd_bodies_are_one_line(folder: Path, text: str, content: bytes) -> None:
    signed(folder, text, "body.json", content)
    with pytest.raises(PackError, match=r"body\.json") as caught:
        PlayerPack.load(folder)
    assert len(str(caught.value).splitlines()) == 1


@settings(fuzzed, max_examples=60)
@given(draw=st.data())
def test_poses_that_are_cut_off_and_damaged_are_refused(
    folder: Path, text: str, pack_folder: Path, draw: st.DataObject
) -> None:
    content = (pack_folder / "poses.safetensors").read_bytes()[:4000]
    signed(folder, text, "poses.safetensors", damaged(content, draw))
    with pytest.raises(PackError) as caught:
        PlayerPack.load(folder)
    assert len(str(caught.value).splitlines()) == 1


def test_a_plate_that_is_far_larger_than_it_says_is_not_decoded(
    folder: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "imread", lambda *_: pytest.fail("it was decoded"))
    bomb = cv2.imencode(".png", np.zeros((4000, 4000, 3), np.uint8))[1].tobytes()
    for content in (bomb, b"", b"BM" + bomb[2:]):
        signed(folder, text, "plate.png", content)
        with pytest.raises(PackError, match=r"plate\.png is not a picture of 128x128"):
            PlayerPack.load(folder)


def test_poses_of_another_kind_are_one_line(folder: Path, text: str) -> None:
    for array in (np.zeros((2, 33, 4), np.int64), np.zeros((0, 33, 4), np.float32), np.zeros(3, np.float32)):
        signed(folder, text, "poses.safetensors", safetensors.numpy.save({"landmarks": array}))
        if array.shape == (2, 33, 4):
            assert PlayerPack.load(folder).poses.dtype == np.float32
            continue
        with pytest.raises(PackError, match="holds no landmarks"):
            PlayerPack.load(folder)
