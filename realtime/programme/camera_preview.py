"""Draws who is in the camera's picture into it: what the operator sees as the camera's preview."""

from __future__ import annotations

import cv2
import numpy as np

from realtime.pictures.picture import ACCENT, INK, Picture, placed
from realtime.transport.people import People

VISIBLE = 0.5
FONT = cv2.FONT_HERSHEY_SIMPLEX

BONES = (
    (11, 12), (11, 23), (12, 24), (23, 24),
    (11, 13), (13, 15), (12, 14), (14, 16),
    (23, 25), (25, 27), (27, 31), (24, 26), (26, 28), (28, 32),
)  # fmt: skip
"""Pairs of landmarks that are drawn as lines: trunk, arms and legs of MediaPipe's POSE_CONNECTIONS."""


SECOND = (255, 190, 60)
"""Colour of a duet's second fan, BGR: blue beside the first one's orange."""


def draw_people(people: People, picture: Picture) -> None:
    """The floor and its mark, boxes, and the fan's bones, in place; of a duet both, with their numbers. The
    camera's picture lies in `picture` as `place` puts it."""
    x, y, width, height = placed(people.size, picture.shape[1::-1])
    line = max(1, min(width, height) // 240)

    def pixel(right: float, down: float) -> tuple[int, int]:
        return x + round(_near(right) * width), y + round(_near(down) * height)

    if people.floor:
        corners = np.array([pixel(*corner) for corner in people.floor], np.int32)
        cv2.polylines(picture, [corners], isClosed=True, color=INK, thickness=line, lineType=cv2.LINE_AA)
    if people.mark is not None:
        cv2.drawMarker(picture, pixel(*people.mark), INK, cv2.MARKER_CROSS, 12 * line, line)
    fans = {people.followed: ("1", ACCENT), people.second: ("2", SECOND)}
    for number, x0, y0, x1, y1 in people.boxes:
        name, colour = fans.get(int(number), ("", INK))
        cv2.rectangle(picture, pixel(x0, y0), pixel(x1, y1), colour, line)
        if name and people.second is not None:
            left, top = pixel(x0, y0)
            cv2.putText(picture, name, (left + 4 * line, top + 26 * line), FONT, line, colour, 2 * line)
    for landmarks, colour in ((people.landmarks, ACCENT), (people.second_landmarks, SECOND)):
        for bone in BONES if len(landmarks) > max(max(BONES)) else ():
            near, far = (landmarks[end] for end in bone)
            if min(near[2], far[2]) >= VISIBLE:
                cv2.line(picture, pixel(*near[:2]), pixel(*far[:2]), colour, 2 * line, cv2.LINE_AA)


def _near(share: float) -> float:
    """No farther from the picture than OpenCV can draw to."""
    return min(max(share, -10.0), 10.0)
