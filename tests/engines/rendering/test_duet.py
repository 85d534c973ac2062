"""Two players in one picture: who is in front, what is behind them, and layers."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pack.player_pack import PlayerPack
from engines.painting.compositing import Composed
from engines.painting.shadow import Floor, Shadow
from engines.rendering.duet import FIRST, LIFTED, NEARER, SECOND, Duet, Front
from engines.rendering.renderer import LayerRenderer, Painted, PoseRenderer, Renderer
from tests.packs import SIZE, standing

HEIGHT = 96
PLATE = np.full((HEIGHT, 128, 3), 100, np.uint8)
SIDE = 24
Picture = NDArray[np.uint8]
Pose = NDArray[np.float32]


class Block:
    """A player of one colour, a square that stands on the pose's feet, half covered at its left edge."""

    likeness = 1.0

    def __init__(self, grey: int, shadow: Shadow | None = None) -> None:
        self.size = (PLATE.shape[1], PLATE.shape[0])
        self.floor = Floor(PLATE, shadow, 40)
        self.spent_ns = {"doll": 1, "compositing": 2}
        self.resets = 0
        self._grey = grey

    def reset(self) -> None:
        self.resets += 1

    def paint(self, landmarks: Pose) -> Painted:
        x, y = (int(value) for value in landmarks[0, :2])
        rows, columns = slice(y - SIDE, y), slice(x - SIDE // 2, x + SIDE // 2)
        alpha = np.ones((SIDE, SIDE), np.float32)
        alpha[:, 0] = 0.5
        self.floor.cast(np.full((SIDE, SIDE), 255, np.uint8), landmarks, (columns.start, rows.start))
        colours = np.full((SIDE, SIDE, 3), self._grey, np.uint8)
        return Painted(rows, columns, Composed(colours, alpha, np.zeros((4, 1, 1), np.float32)))


def at(x: int, y: int) -> Pose:
    pose = np.zeros((33, 4), np.float32)
    pose[:, :2] = (x, y)
    return pose


def duet_of(first: Block, second: Block) -> Duet:
    return Duet(cast(PoseRenderer, first), cast(PoseRenderer, second))


@pytest.mark.parametrize(("feet", "seen"), [((80, 70), 30), ((70, 80), 220), ((72, 72), 220)])
def test_who_stands_nearer_is_in_front(feet: tuple[int, int], seen: int) -> None:
    duet = duet_of(Block(30), Block(220))
    out = np.zeros_like(PLATE)
    duet([at(60, feet[0]), at(60, feet[1])], out)
    assert (out[66, 60] == seen).all()
    assert (out[10, 10] == 100).all(), "the plate"
    assert duet.spent_ns["doll"] == 2 and duet.spent_ns["compositing"] >= 4


def test_one_who_is_missing_is_not_painted_and_the_other_one_is() -> None:
    duet = duet_of(Block(30, Shadow(0.3, 0.3, 0.0, 0.5)), Block(220))
    out = np.zeros_like(PLATE)
    duet([at(40, 60), at(90, 60)], out)
    assert (out[50, 40] == 30).all() and (out[50, 90] == 220).all()
    duet([None, at(90, 60)], out)
    alone = np.zeros_like(PLATE)
    duet_of(Block(30, Shadow(0.3, 0.3, 0.0, 0.5)), Block(220))([None, at(90, 60)], alone)
    np.testing.assert_array_equal(out, alone, "nothing is left of the first one, nor of the shadow")
    assert (out[50, 90] == 220).all() and (out[:, :64] == 100).all()


def test_both_throw_their_shadows_by_the_first_ones_lamp() -> None:
    shadow = Shadow(0.0, -0.4, 0.0, 0.5)  # towards the camera
    away = Shadow(0.5, 0.4, 0.0, 0.5)
    duet = duet_of(Block(30, shadow), Block(220, away))
    out = np.zeros_like(PLATE)
    duet([at(30, 60), at(90, 60)], out)
    assert (out[63, [30, 90]] < 80).all() and (out[63, [10, 60, 120]] == 100).all()
    duet([at(30, 60), None], out)
    assert (out[63, 30] < 80).all() and (out[63, 90] == 100).all()
    duet = duet_of(Block(30), Block(220, away))
    duet([at(30, 60), at(90, 60)], out)
    assert set(np.unique(out)) <= {30, 65, 100, 160, 220}, "in a scene without shadows there is none"


def test_duets_that_share_the_second_player_do_not_disturb_each_other() -> None:
    towards, away = Shadow(0.0, -0.4, 0.0, 0.5), Shadow(0.5, 0.4, 0.0, 0.5)
    second = Block(220, away)
    one, other = duet_of(Block(30, towards), second), duet_of(Block(60), second)
    poses = [at(30, 60), at(90, 60)]
    out = np.zeros_like(PLATE)
    for _ in range(2):
        one(poses, out)
        assert (out[63, [30, 90]] < 80).all(), "by its own lamp"
        other(poses, out)
        assert not (out < 60).any(), "in a scene without shadows"


def test_a_new_first_player_forgets_who_was_in_front() -> None:
    duet = duet_of(Block(30), Block(220))
    out = np.zeros_like(PLATE)
    duet([at(60, 80), at(60, 60)], out)
    assert (out[58, 60] == 30).all()
    duet([at(60, 64), at(60, 70)], out)
    assert (out[62, 60] == 30).all(), "a jump"
    duet.reset()
    duet([at(60, 64), at(60, 70)], out)
    assert (out[62, 60] == 220).all()


def test_the_smaller_of_two_pictures_is_shaded_up_to_its_edge() -> None:
    floor = Floor(PLATE, Shadow(0.0, -0.4, 0.0, 0.5), 40)
    floor.cast(np.full((SIDE, SIDE), 255, np.uint8), at(30, 90), (18, 66))
    whole, cut = PLATE.copy(), PLATE[:94, :30].copy()
    floor.shade(whole)
    floor.shade(cut)
    assert (whole[92, 20:40] < 100).any()
    np.testing.assert_array_equal(cut[:92, :28], whole[:92, :28])


def test_layers_are_laid_on_each_other_straight() -> None:
    duet = duet_of(Block(30), Block(220))
    out = np.full((*PLATE.shape[:2], 4), 7, np.uint8)
    duet([at(60, 70), at(70, 80)], out)
    assert not out[:, :40].any(), "all 0 where nobody is"
    assert out[50, 48].tolist() == [30, 30, 30, 128], "straight: half of it is there, in its own colour"
    assert out[60, 58].tolist() == [125, 125, 125, 255], "the second one's edge over the first one"
    assert out[60, 70].tolist() == [220, 220, 220, 255]
    assert out[78, 58].tolist() == [220, 220, 220, 128]


def test_a_jump_changes_nothing_and_a_step_does() -> None:
    front = Front(1000)
    clear = 1000 * NEARER + 1
    assert front.step([500.0, 500.0]) == SECOND
    assert front.step([500 + clear, 500.0]) == FIRST
    assert front.step([500.0, 500.0]) == FIRST, "not clear"
    for _ in range(12):  # a jump of half a second
        assert front.step([300.0, 500.0]) == FIRST
    pictures = round(2 * clear / (1000 * LIFTED)) + 12
    assert [front.step([500.0 - clear, 500.0]) for _ in range(pictures)][-1] == SECOND
    assert front.step([None, 500.0]) == SECOND
    assert front.step([500 + clear, 500.0]) == FIRST, "who comes is taken as standing"


def test_real_players_are_those_that_dance_alone(pack_folder: Path) -> None:
    pack = PlayerPack.load(pack_folder)
    left, right = standing(30, 100, 40), standing(90, 100, 40)
    duet = Duet(Renderer(pack, backend="torch"), Renderer(pack, backend="torch"))
    alone = Renderer(pack, backend="torch")
    out, truth = (np.empty((*SIZE[::-1], 3), np.uint8) for _ in range(2))
    duet([left, None], out)
    alone(left, truth)
    np.testing.assert_array_equal(out, truth)
    duet([left, right], out)
    alone(left, truth)
    np.testing.assert_array_equal(out[:, :50], truth[:, :50])
    alone.reset()
    alone(right, truth)
    np.testing.assert_array_equal(out[:, 70:], truth[:, 70:])


def test_of_real_layers_the_one_alone_is_that_of_the_layer_renderer(pack_folder: Path) -> None:
    pack = PlayerPack.load(pack_folder)
    duet = Duet(LayerRenderer(pack, backend="torch"), LayerRenderer(pack, backend="torch"))
    out, truth = (np.empty((*SIZE[::-1], 4), np.uint8) for _ in range(2))
    duet([None, standing(60, 100, 40)], out)
    LayerRenderer(pack, backend="torch")(standing(60, 100, 40), truth)
    assert np.abs(out.astype(int) - truth).max() <= 1
    assert ((out[..., 3] == 0) == (truth[..., 3] == 0)).all()
