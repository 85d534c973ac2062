from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.segmenter import PersonSegmenter


@pytest.fixture(scope="module")
def segmenter() -> PersonSegmenter:
    return PersonSegmenter()


def test_a_box_around_the_fan_gives_her_outline(
    segmenter: PersonSegmenter, fan_frames: list[NDArray[np.uint8]]
) -> None:
    box = (390.0, 60.0, 890.0, 720.0)
    mask = segmenter(fan_frames[0], box)
    assert mask.shape == (720, 1280)
    assert mask.dtype == np.float32
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert mask[:, :390].max() == mask[:60].max() == 0
    assert mask[330, 640] > 0.9  # her shirt
    assert mask[330, 800] < 0.1  # the stand behind her
    assert 0.05 < (mask[60:, 390:890] > 0.5).mean() < 0.35


def test_without_a_box_the_whole_frame_is_looked_at(segmenter: PersonSegmenter) -> None:
    assert segmenter(np.zeros((100, 160, 3), np.uint8)).shape == (100, 160)


def test_a_box_is_cut_at_the_frame_and_refused_beyond(segmenter: PersonSegmenter) -> None:
    frame = np.zeros((100, 160, 3), np.uint8)
    assert segmenter(frame, (-50, -50, 80, 500)).shape == (100, 160)
    with pytest.raises(ValueError, match="outside of the 160x100 frame"):
        segmenter(frame, (200, 0, 300, 100))
