"""The operator points at one of three fans in a real picture, and the real tracker follows that one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.tracking.tracker import PoseTracker
from realtime.performer.fan_picker import Picker
from realtime.transport.people import People
from tools.footage.video import VideoReader

CLIP = Path(__file__).resolve().parents[3] / "assets" / "fan_dance.mp4"
FRAME_NS = 41_666_667
FRAMES = 60


@pytest.fixture(scope="module")
def crowd() -> list[NDArray[np.uint8]]:
    """The bundled fan three times beside himself, each a little later in his dance."""
    reader = VideoReader(CLIP)
    try:
        frames = [picture for (_, picture), _ in zip(reader, range(FRAMES + 20), strict=False)]
    finally:
        reader.close()
    height, width = frames[0].shape[:2]
    middle = slice(width // 2 - height // 4, width // 2 + height // 4)
    return [
        cv2.resize(np.hstack([frames[n + 10 * k][:, middle] for k in range(3)]), None, fx=0.5, fy=0.5)
        for n in range(FRAMES)
    ]


def test_the_fan_who_is_picked_is_followed_and_let_go_again(crowd: list[NDArray[np.uint8]]) -> None:
    tracker, picker = PoseTracker(threads=1), Picker()
    height, width = crowd[0].shape[:2]
    orders = {0: ((), 0), 8: ((0.5 / 3, 0.5), 1), 24: ((2 / 3 + 0.02, 0.1, 0.99, 0.95), 2), 40: ((), 3)}
    place, picks = orders[0]
    where: list[float | None] = []
    for n, frame in enumerate(crowd):
        place, picks = orders.get(n, (place, picks))
        said = picker.step(place, picks, tracker, (width, height), n * FRAME_NS)
        assert said is None
        pose = tracker(frame, n * FRAME_NS)
        people = People.seen(
            tracker.people,
            None if pose is None else pose.person_id,
            None if pose is None else pose.landmarks,
            (width, height),
        )
        hips = [people.landmarks[side][0] for side in (23, 24)] if people.landmarks else []
        where.append(sum(hips) / 2 if hips else None)
    assert len(people.boxes) == 3
    assert all(x is not None and x < 1 / 3 for x in where[12:24]), "the left one"
    assert all(x is not None and x > 2 / 3 for x in where[28:40]), "the right one"
    assert where[-1] is not None and where[-1] > 2 / 3, "nobody else is preferred to him"
