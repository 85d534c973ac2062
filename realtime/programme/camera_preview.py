"""Draws who is in the camera's picture into it: what the operator sees as the camera's preview."""

from __future__ import annotations

import cv2
import numpy as np

from realtime.pictures.picture import ACCENT, INK, Picture, placed
from realtime.transport.people import People

VISIBLE = 0.5

BONES = (
    (11, 12), (11, 23), (12, 24), (23, 24),
    (11, 13), (13, 15), (12, 14), (14, 16),
    (23, 25), (25, 27), (27, 31), (24, 26), (26, 28), (28, 32),
)  # fmt: skip
"""Pairs of landmarks that are drawn as lines: trunk, arms and legs of MediaPipe's POSE_CONNECTIONS."""


def draw_people(people: People, picture: Picture) -> None:
    """The floor and its mark, boxes, and the fan's bones, in place; the camera's picture lies in `picture` as
    `place` puts it."""
    x, y, width, height = placed(people.size, picture.shape[1::-1])
    line = max(1, min(width, height) // 240)

    def pixel(right: float, down: float) -> tuple[int, int]:
        return x + round(_near(right) * width), y + round(_near(down) * height)

    if people.floor:
        corners = np.array([pixel(*corner) for corner in people.floor], np.int32)
        cv2.polylines(picture, [corners], isClosed=True, color=INK, thickness=line, lineType=cv2.LINE_AA)
    if people.mark is not None:
        cv2.drawMarker(picture, pixel(*people.mark), INK, cv2.MARKER_CROSS, 12 * line, line)
    for number, x0, y0, x1, y1 in people.boxes:
        colour = ACCENT if number == people.followed else INK
        cv2.rectangle(picture, pixel(x0, y0), pixel(x1, y1), colour, line)
    for bone in BONES if len(people.landmarks) > max(max(BONES)) else ():
        near, far = (people.landmarks[end] for end in bone)
        if min(near[2], far[2]) >= VISIBLE:
            cv2.line(picture, pixel(*near[:2]), pixel(*far[:2]), ACCENT, 2 * line, cv2.LINE_AA)


def _near(share: float) -> float:
    """No farther from the picture than OpenCV can draw to."""
    return min(max(share, -10.0), 10.0)
