"""A bank in a file: what is written is read again, and whatever is wrong with it is one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engines.doll.bank import Bank
from engines.doll.parts import COUNT, NAMES, TORSO
from engines.pack.bank_store import read_bank, write_bank
from tests.engines.doll.dolls import (
    FRONT,
    OWN_WIDTHS,
    WIDE,
    arm_before_chest,
    bank_of,
    body_of,
    drawn,
)
from tools.player.fill import filled

Tensors = dict[str, Tensor]
CROSSED = arm_before_chest(FRONT)
BODY = body_of(FRONT)
PLAIN = bank_of(FRONT, CROSSED, WIDE)
BANK = Bank(filled(PLAIN), OWN_WIDTHS, BODY, skirt=np.array([0.25, 0.5]))
"""The second frame's chest, under the arm, is filled in."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("banks") / "bank.safetensors"
    write_bank(BANK, path)
    return path


@pytest.fixture(scope="module")
def tensors(path: Path) -> Tensors:
    return safetensors.torch.load_file(path)


def refused(tensors: Tensors, folder: Path) -> str:
    """What is said of a bank of `tensors`."""
    path = folder / "damaged.safetensors"
    safetensors.torch.save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    with pytest.raises(ValueError) as raised:
        read_bank(path, BODY)
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


def test_the_bank_that_is_read_draws_the_same_pictures(path: Path) -> None:
    bank = read_bank(path, BODY)
    assert bank.frames == ()
    for pose in (FRONT, CROSSED, WIDE):
        for frame in range(3):
            ours, theirs = (drawn(each, pose, frames=frame).astype(int) for each in (bank, BANK))
            assert np.abs(ours - theirs)[..., :3].mean() < 2 and np.abs(ours - theirs)[..., 3].max() <= 1
            seen = theirs[..., 3] == 255
            assert np.abs(ours - theirs)[seen].mean() < 12  # WebP's colours are lossy at edges


def test_the_numbers_come_back(path: Path) -> None:
    bank = read_bank(path, BODY)
    for name in ("landmarks", "heights", "numbers", "widths", "skirt", "lack", "leaving", "covers", "hidden"):
        np.testing.assert_allclose(getattr(bank, name), getattr(BANK, name), atol=1e-5, err_msg=name)


def test_a_bank_that_is_kept_can_be_written_again(path: Path, tmp_path: Path) -> None:
    bank, again = read_bank(path, BODY, keep=True), tmp_path / "again.safetensors"
    for ours, theirs in zip(bank.frames, BANK.frames, strict=True):
        np.testing.assert_array_equal(ours.view.alpha, theirs.view.alpha)
        np.testing.assert_array_equal(ours.labels.owner, theirs.labels.owner)
        np.testing.assert_array_equal(ours.labels.under, theirs.labels.under)
        assert (ours.body is None) == (theirs.body is None)
    write_bank(bank, again)
    difference = drawn(read_bank(again, BODY), CROSSED).astype(int) - drawn(bank, CROSSED)
    assert np.abs(difference).mean() < 2


def test_what_was_filled_in_comes_back(path: Path) -> None:
    crossed, again = BANK.frames[1], read_bank(path, BODY, keep=True).frames[1].body
    assert again is not None and crossed.body is not None
    hidden = crossed.labels.hidden > 0
    assert np.abs(again.astype(int) - crossed.body)[hidden].mean() < 15
    assert np.abs(again.astype(int) - crossed.view.picture)[hidden].mean() > 40


def test_a_bank_of_one_frame_that_hides_nothing_can_be_kept(tmp_path: Path) -> None:
    bank = bank_of(WIDE)
    write_bank(bank, tmp_path / "one.safetensors")
    again = read_bank(tmp_path / "one.safetensors", BODY)
    assert np.abs(drawn(again, WIDE).astype(int) - drawn(bank, WIDE)).mean() < 2


# --- damage ---


@pytest.mark.parametrize("content", [b"", b"no tensors", bytes(range(256)) * 20])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bank.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="no bank of the player's frames"):
        read_bank(tmp_path / "bank.safetensors", BODY)


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no bank of the player's frames"):
        read_bank(tmp_path / "bank.safetensors", BODY)


REALS = ("landmarks", "heights", "widths", "skirt", "area", "hidden", "astray", "covers")
CODES = ("pictures", "bodies", "labels")
EVERY = (*REALS, "numbers", "boxes", *CODES, *(f"{name}_end" for name in CODES))


def test_the_table_of_names_is_whole(tensors: Tensors) -> None:
    assert set(tensors) == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_a_tensor_that_is_missing_is_named(tensors: Tensors, tmp_path: Path, name: str) -> None:
    said = refused({key: value for key, value in tensors.items() if key != name}, tmp_path)
    assert name in said


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("shape", ["scalar", "empty", "one row less", "one axis more"])
def test_a_tensor_of_another_shape_is_refused(
    tensors: Tensors, tmp_path: Path, name: str, shape: str
) -> None:
    value = tensors[name]
    wrong = {
        "scalar": value.flatten()[0], "empty": value[:0], "one row less": value[:-1],
        "one axis more": value[None],
    }[shape]  # fmt: skip
    if name == "bodies" and shape == "one row less":
        wrong = value[:-20]
    refused({**tensors, name: wrong}, tmp_path)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("kind", [torch.float64, torch.int16, torch.bfloat16, torch.bool, torch.complex64])
def test_a_tensor_of_another_kind_is_refused(
    tensors: Tensors, tmp_path: Path, name: str, kind: torch.dtype
) -> None:
    refused({**tensors, name: tensors[name].to(kind)}, tmp_path)


@pytest.mark.parametrize("name", REALS)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_what_is_no_number_is_refused(tensors: Tensors, tmp_path: Path, name: str, bad: float) -> None:
    wrong = tensors[name].clone()
    wrong.view(-1)[1] = bad
    said = refused({**tensors, name: wrong}, tmp_path)
    assert "no number" in said


@pytest.mark.parametrize("value", [0.0, -1.0, 1e30])
def test_heights_that_cannot_be_are_refused(tensors: Tensors, tmp_path: Path, value: float) -> None:
    heights = tensors["heights"].clone()
    heights[1] = value
    refused({**tensors, "heights": heights}, tmp_path)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_landmarks_beyond_all_bounds_are_no_crash(tensors: Tensors, tmp_path: Path) -> None:
    path = tmp_path / "far.safetensors"
    safetensors.torch.save_file({**tensors, "landmarks": tensors["landmarks"] * 1e30}, path)
    drawn(read_bank(path, BODY), FRONT)


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize(
    "wrong",
    [
        lambda ends: ends.flip(0), lambda ends: ends + 10**6, lambda ends: ends - 10**9,
        lambda ends: torch.full_like(ends, 2**62),
    ],
    ids=["flipped", "too far", "negative", "huge"],
)  # fmt: skip
def test_pictures_that_end_elsewhere_are_refused(
    tensors: Tensors, tmp_path: Path, name: str, wrong: Callable[[Tensor], Tensor]
) -> None:
    ends = tensors[f"{name}_end"]
    damaged = wrong(ends)
    refused({**tensors, f"{name}_end": damaged}, tmp_path)


@pytest.mark.parametrize("name", ["pictures", "labels"])
def test_pictures_that_are_empty_are_refused(tensors: Tensors, tmp_path: Path, name: str) -> None:
    nothing = torch.zeros_like(tensors[f"{name}_end"])
    assert "cannot be read" in refused({**tensors, f"{name}_end": nothing}, tmp_path)


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("share", [0.02, 0.3])
def test_pictures_that_are_cut_short_are_refused(
    tensors: Tensors, tmp_path: Path, name: str, share: float
) -> None:
    """Of the last picture some is left; nothing comes after it."""
    ends = tensors[f"{name}_end"].clone()
    last = int(torch.nonzero(ends == ends[-1])[0])
    begin = int(ends[last - 1]) if last else 0
    ends[last:] = begin + max(1, int(share * (int(ends[-1]) - begin)))
    refused({**tensors, f"{name}_end": ends, name: tensors[name][: int(ends[-1])]}, tmp_path)


def with_label(tensors: Tensors, picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensors:
    """The first frame's labels are `picture`."""
    code = torch.frombuffer(bytearray(cv2.imencode(".png", picture)[1].tobytes()), dtype=torch.uint8)
    end = int(tensors["labels_end"][0])
    return {
        **tensors,
        "labels": torch.cat([code, tensors["labels"][end:]]),
        "labels_end": tensors["labels_end"] + len(code) - end,
    }


def test_labels_that_do_not_fit_are_refused(tensors: Tensors, tmp_path: Path) -> None:
    both = np.bitwise_or(BANK.frames[0].labels.owner, BANK.frames[0].labels.under * np.uint8(16))
    path = tmp_path / "whole.safetensors"
    safetensors.torch.save_file(with_label(tensors, both), path)
    assert len(read_bank(path, BODY).numbers) == 3, "as it is it fits"
    hand = NAMES.index("left hand")
    unknown, arm_below = both.copy(), both.copy()
    unknown[3, 3], arm_below[3, 3] = COUNT | 0xF0, TORSO | hand << 4
    for wrong in (both[1:], both[:, :-1], both[:1, :1], unknown, arm_below):
        assert "labels do not fit" in refused(with_label(tensors, wrong), tmp_path)
    coloured = np.dstack([both] * 3)
    assert "channels" in refused(with_label(tensors, coloured), tmp_path)
    deep = both.astype(np.uint16)
    assert "cannot be read" in refused(with_label(tensors, deep), tmp_path)


@pytest.mark.parametrize(
    "box", [(-1, 0, 20, 20), (0, 0, 5000, 20), (9, 9, 9, 30), (0, 0, 1, 1), (20, 20, 0, 0)]
)
def test_a_filled_piece_that_lies_elsewhere_is_refused(
    tensors: Tensors, tmp_path: Path, box: tuple[int, ...]
) -> None:
    boxes = tensors["boxes"].clone()
    boxes[1] = torch.tensor(box)
    assert "filled piece" in refused({**tensors, "boxes": boxes}, tmp_path)


def test_too_many_frames_are_refused(tensors: Tensors, tmp_path: Path) -> None:
    many = {
        name: value.repeat(1000, *[1] * (value.ndim - 1))
        for name, value in tensors.items()
        if len(value) == 3
    }
    assert "too many" in refused({**tensors, **many}, tmp_path)
    assert refused({**tensors, **{name: value[:0] for name, value in many.items()}}, tmp_path)


@settings(max_examples=60)
@given(data=st.data())
def test_no_flipped_byte_is_a_crash(
    path: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """It is a bank still, with another number or pixel, or it is refused."""
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    damaged = tmp_path_factory.getbasetemp() / "flipped.safetensors"
    damaged.write_bytes(content)
    try:
        with np.errstate(all="ignore"):
            bank = read_bank(damaged, BODY)
    except ValueError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert len(bank.atlas.starts) == len(bank.numbers) >= 1
