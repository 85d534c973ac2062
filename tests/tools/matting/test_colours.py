from __future__ import annotations

import cv2
import numpy as np

from tests.packs import textured_plate
from tools.matting.colours import foreground


def test_no_background_is_left_in_the_colours_of_an_edge() -> None:
    plate = textured_plate((128, 128))
    mask = np.zeros((128, 128), np.uint8)
    cv2.circle(mask, (64, 64), 40, 255, -1)
    alpha = cv2.GaussianBlur(mask, (0, 0), 2).astype(np.float32) / 255
    red = np.array([30, 30, 210], np.float32)
    picture = (red * alpha[..., None] + plate * (1 - alpha[..., None])).round().astype(np.uint8)
    colours = foreground(picture, (alpha * 255).round().astype(np.uint8))
    edge = (alpha > 0.1) & (alpha < 0.9)
    assert np.abs(picture.astype(float) - red)[edge].mean() > 25
    assert np.abs(colours.astype(float) - red)[edge].mean() < 8
    inside = alpha == 1
    np.testing.assert_array_equal(colours[inside], picture[inside])
