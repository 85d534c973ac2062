from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.body import MIRRORED
from engines.skeleton import Landmark as L
from tests.packs import standing
from tools.dance.repair import GROUPS, spikes, torso_px, unswap

FPS = 30
HEIGHT = 100.0


def walk(frames: int = 60, fps: int = FPS) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Someone who sways and swings his arms; (N, 33, 4), seconds (N,)."""
    seconds = np.arange(frames) / fps
    swing = np.sin(2 * np.pi * 0.8 * seconds)
    run = np.stack([standing(200 + 10 * s, 160, HEIGHT, arms=0.8 + 0.7 * s) for s in swing])
    return run, seconds


def test_the_torso_is_the_unit() -> None:
    run, _ = walk()
    assert torso_px(run) == pytest.approx(33, abs=0.5)


@pytest.mark.parametrize("frames", [1, 2])
def test_a_joint_that_jumps_away_and_returns_is_found_and_nothing_else(frames: int) -> None:
    run, seconds = walk()
    assert not spikes(run, seconds, torso_px(run)).any()
    run[20 : 20 + frames, L.LEFT_WRIST, 1] -= 40
    found = spikes(run, seconds, torso_px(run))
    assert np.argwhere(found).tolist() == [[20 + offset, L.LEFT_WRIST] for offset in range(frames)]


def test_what_stays_away_is_no_spike_nor_is_a_fast_limb_at_a_low_rate() -> None:
    run, seconds = walk()
    run[20:, L.LEFT_WRIST, 1] -= 25
    assert not spikes(run, seconds, torso_px(run)).any()
    run, seconds = walk(fps=10)
    run[20, L.LEFT_WRIST, 1] -= 25
    assert not spikes(run, seconds, torso_px(run)).any()


def test_a_run_of_a_frame_or_two_has_no_spikes() -> None:
    run, seconds = walk(2)
    assert not spikes(run, seconds, torso_px(run)).any()
    assert not spikes(run[:1], seconds[:1], torso_px(run)).any()


@pytest.mark.parametrize("group", GROUPS)
def test_a_brief_exchange_of_left_and_right_is_undone(group: str) -> None:
    run, seconds = walk()
    columns = np.array(GROUPS[group][1])
    broken = run.copy()
    broken[30:34, columns] = run[30:34][:, MIRRORED[columns]]
    broken[50, columns] = run[50][MIRRORED[columns]]
    assert np.abs(broken - run).max() > 10
    np.testing.assert_array_equal(unswap(broken, seconds, torso_px(run)), run)


def test_a_sound_run_and_a_lasting_turn_are_left_alone() -> None:
    run, seconds = walk()
    np.testing.assert_array_equal(unswap(run, seconds, torso_px(run)), run)
    run[30:] = run[30:][:, MIRRORED]
    np.testing.assert_array_equal(unswap(run, seconds, torso_px(run)), run)


def test_at_a_low_rate_a_quick_step_is_no_exchange() -> None:
    run, seconds = walk(fps=10)
    columns = np.array(GROUPS["legs"][1])
    run[30:32, columns] = run[30:32][:, MIRRORED[columns]]
    np.testing.assert_array_equal(unswap(run, seconds, torso_px(run)), run)
