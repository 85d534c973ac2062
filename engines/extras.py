"""What is known of a person besides the 33 pose landmarks: the points of the hands and the face, as tables.

A frame's extras are one array (POINTS, 4) float32: x, y in pixels of the named frame, z in the same scale,
confidence 0..1. A part that was not seen is all zeros.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

HAND_POINTS = 21
FINGERS = ((0, 1, 2, 3, 4), (0, 5, 6, 7, 8), (0, 9, 10, 11, 12), (0, 13, 14, 15, 16), (0, 17, 18, 19, 20))
"""TABLE of a hand's points from the wrist to the tip: thumb, index, middle, ring, little finger (MediaPipe's
hand landmarks)."""


class Line(NamedTuple):
    """A line through some of the 468 landmarks of MediaPipe's face mesh.

    mesh: their indices. mirror: the name of the line that it becomes in a mirror. A closed line starts on the
    face's middle or at an eye's outer corner, so that backwards it is its own mirror image, or, point by
    point, that of its counterpart.
    """

    mesh: tuple[int, ...]
    closed: bool
    mirror: str


FACE: dict[str, Line] = {
    "oval": Line(
        (10, 297, 284, 389, 454, 361, 397, 379, 400, 152, 176, 150, 172, 132, 234, 162, 54, 67), True, "oval"
    ),
    "left eye": Line((263, 388, 386, 384, 362, 381, 374, 390), True, "right eye"),
    "right eye": Line((33, 161, 159, 157, 133, 154, 145, 163), True, "left eye"),
    "left brow": Line((300, 293, 334, 296, 336), False, "right brow"),
    "right brow": Line((70, 63, 105, 66, 107), False, "left brow"),
    "nose": Line((168, 197, 4, 2), False, "nose"),
    "lips": Line((0, 269, 409, 291, 321, 314, 17, 84, 91, 61, 185, 39), True, "lips"),
    "mouth": Line((13, 311, 308, 402, 14, 178, 78, 81), True, "mouth"),
}
"""TABLE of the face's lines. From mediapipe 0.10.21, python/solutions/face_mesh_connections.py (FACEMESH_*),
every second point where the originals are closer; "lips" is their outer and "mouth" their inner edge. The net
gives no irises."""

FACE_MESH = tuple(index for line in FACE.values() for index in line.mesh)
FACE_POINTS = len(FACE_MESH)
POINTS = 2 * HAND_POINTS + FACE_POINTS

LEFT_HAND = slice(0, HAND_POINTS)
RIGHT_HAND = slice(HAND_POINTS, 2 * HAND_POINTS)
FACE_PART = slice(2 * HAND_POINTS, POINTS)
PARTS = {"left hand": LEFT_HAND, "right hand": RIGHT_HAND, "face": FACE_PART}
"""Where in a frame's extras each part is."""


def face_rows() -> dict[str, tuple[int, ...]]:
    """Where in a frame's extras the points of each of `FACE`'s lines are."""
    rows: dict[str, tuple[int, ...]] = {}
    start = FACE_PART.start
    for name, line in FACE.items():
        rows[name] = tuple(range(start, start + len(line.mesh)))
        start += len(line.mesh)
    return rows


def mirrored_rows() -> tuple[int, ...]:
    """The row of each point's counterpart in a mirror: extras[list(mirrored_rows())]."""
    rows = face_rows()
    result = [*range(HAND_POINTS, 2 * HAND_POINTS), *range(HAND_POINTS)]
    for name, line in FACE.items():
        other = rows[line.mirror]
        if line.mirror == name and line.closed:
            other = (other[0], *reversed(other[1:]))
        result += other
    return tuple(result)


def segments() -> dict[str, tuple[tuple[int, int], ...]]:
    """The strokes between points of a frame's extras, for each hand and each of `FACE`'s lines."""
    strokes = {
        part: tuple(
            (PARTS[part].start + near, PARTS[part].start + far)
            for finger in FINGERS
            for near, far in itertools.pairwise(finger)
        )
        for part in ("left hand", "right hand")
    }
    for name, rows in face_rows().items():
        ends = (*rows, rows[0]) if FACE[name].closed else rows
        strokes[name] = tuple(itertools.pairwise(ends))
    return strokes
