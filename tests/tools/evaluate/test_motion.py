"""What moves along the flow is no error; what appears, flickers or is hidden is told apart."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from tools.evaluate.motion import Flow, change, is_still, warp_error

HEIGHT, WIDTH = 200, 240


def scene(x: int, *, levels: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A textured square at x before a textured background, brighter by `levels`; and its mask."""
    random = np.random.default_rng(0)

    def texture(height: int, width: int) -> np.ndarray:
        small = random.uniform(60, 180, (height // 5, width // 5, 3)).astype(np.float32)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255)

    picture, person = texture(HEIGHT, WIDTH), texture(80, 80)
    picture[60:140, x : x + 80] = person + levels
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[60:140, x : x + 80] = True
    return picture.clip(0, 255).astype(np.uint8), mask


def test_motion_alone_is_hardly_an_error() -> None:
    (before, before_mask), (after, mask) = scene(80), scene(85)
    motion = Flow()(before, after, mask | before_mask)
    assert motion.valid[mask[motion.window]].mean() > 0.8
    moved = warp_error(before, after, motion, mask)
    assert moved < 3 < 0.2 * change(before, after, mask)


def test_what_flickers_is_an_error_of_its_size() -> None:
    (before, before_mask), (after, mask) = scene(80), scene(85)
    motion = Flow()(before, after, mask | before_mask)
    brighter, _ = scene(85, levels=20)
    added = warp_error(before, brighter, motion, mask) - warp_error(before, after, motion, mask)
    assert added == pytest.approx(20, abs=3)


def test_what_cannot_be_followed_is_not_judged() -> None:
    (before, _), (_, mask) = scene(80), scene(85)
    noise = np.random.default_rng(1).integers(0, 256, before.shape, np.uint8)
    motion = Flow()(before, noise, mask)
    hopeless = type(motion)(motion.window, motion.source, np.zeros_like(motion.valid))
    assert math.isnan(warp_error(before, noise, hopeless, mask))


def test_still_and_change() -> None:
    pose = np.zeros((33, 4), np.float32)
    moved = pose.copy()
    moved[:, 0] = 0.9
    assert is_still(pose, moved)
    moved[:, 1] = 0.9
    assert not is_still(pose, moved)
    dark, mask = np.zeros((4, 4, 3), np.uint8), np.eye(4, dtype=bool)
    assert change(dark, dark + 7, mask) == 7
