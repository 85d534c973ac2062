"""From footage to a bank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.doll.parts import NAMES
from engines.pack.bank_store import read_bank, write_bank
from tests.packs import HEIGHT_PX, doll_error
from tools.footage.dataset import Footage
from tools.player.bank import make_bank


def test_a_bank_draws_frames_that_were_held_out(footage: Footage) -> None:
    positions, held = footage.split(0.2)
    one, many = (doll_error(footage, make_bank(footage, positions, count), held) for count in (1, 12))
    assert many < one and many < 20


def test_it_is_of_the_frames_that_it_may_be_of(footage: Footage) -> None:
    positions, held = footage.split(0.2)

    class Guarded(Footage):
        def frame(self, position: int) -> NDArray[np.uint8]:
            assert position not in held
            return super().frame(position)

    bank = make_bank(Guarded(**vars(footage)), positions, 12)
    assert len(bank.numbers) == 12 and set(bank.numbers) <= set(footage.indices[positions])
    assert (np.diff(bank.numbers) > 0).all()


def test_the_limbs_are_as_wide_as_the_players(footage: Footage) -> None:
    positions, _ = footage.split(0.2)
    bank = make_bank(footage, positions, 12)
    for name, drawn_px in (("left thigh", 9), ("left shin", 6), ("right forearm", 6)):
        assert bank.widths[NAMES.index(name)] * HEIGHT_PX == pytest.approx(drawn_px / 2, abs=0.8), name
    assert (bank.skirt < 0.3).all(), "he wears trousers"


def test_the_same_footage_gives_the_same_bank(footage: Footage) -> None:
    positions, _ = footage.split(0.2)
    one, other = (make_bank(footage, positions, 4) for _ in range(2))
    for ours, theirs in zip(one.atlas, other.atlas, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_it_can_be_written_and_read(footage: Footage, tmp_path: Path) -> None:
    positions, held = footage.split(0.2)
    bank = make_bank(footage, positions, 6)
    write_bank(bank, tmp_path / "bank.safetensors")
    again = read_bank(tmp_path / "bank.safetensors", footage.body)
    assert doll_error(footage, again, held) == pytest.approx(doll_error(footage, bank, held), abs=2)
