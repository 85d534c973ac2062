"""How much of a pose a player was filmed in."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from engines.doll.choice import Chooser, choose
from engines.doll.cutting import Floats
from engines.doll.likeness import Likeness
from engines.pack.player_pack import PlayerPack
from engines.skeleton import Landmark as L
from realtime.config.show import BUNDLED_PLAYER
from tests.engines.doll.dolls import FRONT, bank_of, facing, turned

BANK = bank_of(FRONT)
ALL = range(33)


def likeness_of(pose: Floats) -> float:
    return Likeness(BANK)(pose, choose(BANK, pose))


def in_picture(pose: Floats, degrees: float) -> Floats:
    """The whole body turned about its hips."""
    return turned(pose, ALL, pose[[L.LEFT_HIP, L.RIGHT_HIP]].mean(axis=0), degrees)


def test_what_was_filmed_is_wholly_alike_wherever_it_stands_and_however_large() -> None:
    assert likeness_of(FRONT) == pytest.approx(1)
    assert likeness_of(FRONT * np.array([0.8, 0.8, 0.8, 1], np.float32)) == pytest.approx(1)
    assert likeness_of(in_picture(FRONT, 12)) == pytest.approx(1), "he may lean"


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_who_lies_or_stands_on_his_hands_was_never_filmed(degrees: float) -> None:
    assert likeness_of(in_picture(FRONT, degrees)) < 0.05


def test_who_shows_his_back_to_a_player_filmed_from_the_front_was_never_filmed() -> None:
    assert likeness_of(facing(FRONT, 180)) < 0.1


def test_a_limb_costs_no_more_than_its_share_of_the_picture() -> None:
    arm = [L.LEFT_ELBOW, L.LEFT_WRIST, L.LEFT_INDEX, L.LEFT_PINKY, L.LEFT_THUMB]
    raised = turned(FRONT, arm, FRONT[L.LEFT_SHOULDER], 140)
    lost = 1 - likeness_of(raised)
    shares = Likeness(BANK).shares
    assert 0 < lost <= shares[[4, 5, 6]].sum() + 1e-6


def test_it_falls_steadily_as_he_turns_away_from_what_was_filmed() -> None:
    found = [likeness_of(in_picture(FRONT, degrees)) for degrees in range(0, 181, 5)]
    assert all(after <= before + 1e-6 for before, after in itertools.pairwise(found))


def test_the_demo_players_own_poses_are_as_filmed_and_upside_down_they_are_not() -> None:
    pack = PlayerPack.load(BUNDLED_PLAYER)
    chooser, likeness = Chooser(pack.bank), Likeness(pack.bank)
    poses = pack.poses[:: max(1, len(pack.poses) // 60)]

    def found(change: float) -> list[float]:
        chooser.reset()
        asked = [in_picture(pose, change) for pose in poses]
        return [likeness(pose, chooser(pose).frames) for pose in asked]

    assert np.median(found(0)) > 0.9, "they were chosen to be as unlike each other as the footage allows"
    assert np.quantile(found(180), 0.95) < 0.2
    assert np.quantile(found(90), 0.95) < 0.4, "in this footage the player leans and bends"
