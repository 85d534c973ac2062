"""The place of each frame in the dataset's picture: without camera motion, and with the player of one size in
all frames.

`prepare` calls `place` once all frames are scanned and aligned. Frames of the main scene are shown as its
camera saw them. If the player leaves that view, because the camera panned along, the view follows in one jump
and stays there. Frames of other scenes, and frames whose background does not tell where they belong, are
scaled to show the player as large as in the main scene, and moved so that the player stands where players
stand there. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.body import standing_height
from engines.skeleton import Landmark

HAIR, REACH = 0.16, 0.08
"""How far the player may extend beyond the landmarks, up and to the other sides, in standing heights."""
ABOUT_FRAMES = 15
"""For frames without a scene, size and place are medians over this many frames before and after."""
MOST_ENLARGED = 2.0
"""A frame that would have to be enlarged by more is left out: the player is too far away."""

SLACK, BACK = 0.02, 0.05
"""The view moves once the player is outside of it by more than SLACK of its side, and moves back to its usual
place once the player is inside of that by BACK: it does not flutter between two places."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Placement:
    """One row for each frame.

    maps (N, 3, 3): pixels of the frame → pixels of its scene, in which the player has the dataset's size.
    views (N, 2) int: the top left corner, in the scene, of the part that the dataset's picture shows. own
    (N,): whether the picture shows the main scene at its usual place, so that the dataset's plate is behind
    the player. scenes (N,): as in the alignment. scales (N,): how much the frame was enlarged.
    """

    maps: Floats
    views: NDArray[np.int64]
    own: NDArray[np.bool_]
    scenes: NDArray[np.int64]
    scales: Floats

    def to_picture(self, row: int) -> Floats:
        """(3, 3): pixels of a frame → pixels of the dataset's picture."""
        x, y = self.views[row]
        return np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]], np.float64) @ self.maps[row]


def pixels_per_metre(landmarks: NDArray[np.float32], world: NDArray[np.float32]) -> Floats:
    """(N,): how large the body is in the picture, in any pose: the scale that brings world landmarks (N, 33,
    3), metres, closest to the landmarks (N, 33, 4) in the picture, by least squares."""
    body = slice(Landmark.LEFT_SHOULDER, None)
    weight = landmarks[:, body, 3:].astype(np.float64) + 1e-3
    flat, metres = landmarks[:, body, :2].astype(np.float64), world[:, body, :2].astype(np.float64)
    total = weight.sum(axis=1, keepdims=True)
    flat = flat - (weight * flat).sum(axis=1, keepdims=True) / total
    metres = metres - (weight * metres).sum(axis=1, keepdims=True) / total
    return np.asarray(
        (weight * flat * metres).sum(axis=(1, 2)) / np.maximum((weight * metres**2).sum(axis=(1, 2)), 1e-9)
    )


def place(
    landmarks: NDArray[np.float32],
    world: NDArray[np.float32],
    scenes: NDArray[np.int64],
    matrices: Floats,
    shots: NDArray[np.int64],
    size: tuple[int, int],
) -> Placement:
    """The places of the usable frames. landmarks (N, 33, 4), world (N, 33, 3). scenes, matrices, shots: as in
    `tools.alignment.solve.Alignment`, of the same frames. size (width, height): of the pictures."""
    count = len(landmarks)
    maps = matrices.astype(np.float64).copy()
    found, numbers = np.unique(scenes[scenes >= 0], return_counts=True)
    main = int(found[np.argmax(numbers)]) if len(found) else -1
    sizes = pixels_per_metre(landmarks, world) * _magnification(maps)
    placed = mapped(landmarks, maps)
    feet = _feet(placed)
    in_main = scenes == main
    usual_size, usual_feet = float(np.median(sizes[in_main])), np.median(feet[in_main], axis=0)
    if main < 0:
        usual_feet[0] = size[0] / 2
    for scene in (int(each) for each in found if each != main):
        rows = scenes == scene
        scale = usual_size / float(np.median(sizes[rows]))
        maps[rows] = _similarity(scale, np.median(feet[rows], axis=0), usual_feet) @ maps[rows]
    lost = np.flatnonzero(scenes < 0)
    breaks = np.flatnonzero((np.diff(lost) > 1) | (np.diff(shots[lost]) != 0)) + 1
    for run in np.split(lost, breaks) if len(lost) else ():
        smooth_size, smooth_feet = _median(sizes[run]), _median(feet[run])
        for row, px, foot in zip(run, smooth_size, smooth_feet, strict=True):
            maps[row] = _similarity(usual_size / px, foot, usual_feet) @ maps[row]
    placed = mapped(landmarks, maps)
    views = _views(placed, _shown(maps, size), scenes, shots, size)
    own = in_main & (main >= 0) & (views == 0).all(axis=1)
    return Placement(maps, views, own, scenes.copy(), _magnification(maps).reshape(count))


def mapped(landmarks: NDArray[np.float32], maps: Floats) -> NDArray[np.float32]:
    """landmarks (N, 33, 4) through maps (N, 3, 3); z is scaled accordingly."""
    flat = landmarks[..., :2].astype(np.float64)
    moved = flat @ maps[:, :2, :2].transpose(0, 2, 1) + maps[:, None, :2, 2]
    depth = (flat * maps[:, None, 2, :2]).sum(axis=2) + maps[:, None, 2, 2]
    result = landmarks.copy()
    result[..., :2] = moved / depth[..., None]
    result[..., 2] *= _magnification(maps)[:, None]
    return result


def _magnification(maps: Floats) -> Floats:
    """(N,): the enlargement by each map."""
    return np.asarray(np.sqrt(np.abs(np.linalg.det(maps[:, :2, :2]))))


def _feet(landmarks: NDArray[np.float32]) -> Floats:
    """(N, 2): x of the hips, y of the lowest point."""
    hips = landmarks[:, [Landmark.LEFT_HIP, Landmark.RIGHT_HIP], 0].mean(axis=1)
    lowest = landmarks[:, Landmark.LEFT_SHOULDER :, 1].max(axis=1)
    return np.column_stack([hips, lowest]).astype(np.float64)


def _similarity(scale: float, start: Floats, end: Floats) -> Floats:
    """(3, 3): scales, and brings the point `start` to `end`."""
    shift = end - scale * start
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1]], np.float64)


def _median(values: Floats) -> Floats:
    """(N, ...) → (N, ...): the median over ABOUT_FRAMES before and after."""
    count = len(values)
    return np.stack(
        [
            np.median(values[max(0, row - ABOUT_FRAMES) : min(count, row + ABOUT_FRAMES + 1)], axis=0)
            for row in range(count)
        ]
    )


def _shown(maps: Floats, size: tuple[int, int]) -> Floats:
    """(N, 2, 2): the top left and bottom right corners of what each frame shows."""
    right, bottom = size
    corners = np.array([(0, 0, 1), (right, 0, 1), (right, bottom, 1), (0, bottom, 1)], np.float64)
    moved = corners @ maps.transpose(0, 2, 1)
    flat = moved[..., :2] / moved[..., 2:]
    return np.stack([flat.min(axis=1), flat.max(axis=1)], axis=1)


def _views(
    landmarks: NDArray[np.float32],
    shown: Floats,
    scenes: NDArray[np.int64],
    shots: NDArray[np.int64],
    size: tuple[int, int],
) -> NDArray[np.int64]:
    """(N, 2): the top left corners of the views. A view stays while the player is in it; the first is the
    scene's own."""
    standing = float(np.median(standing_height(landmarks)))
    low = landmarks[..., :2].min(axis=1) - np.array([REACH, HAIR]) * standing
    high = landmarks[..., :2].max(axis=1) + REACH * standing
    low, high = np.maximum(low, shown[:, 0]), np.minimum(high, shown[:, 1])  # there is no more of the player
    views = np.zeros((len(landmarks), 2), np.int64)
    view, before = np.zeros(2, np.int64), (-2, -2)
    for row in range(len(landmarks)):
        if (scenes[row], shots[row]) != before:
            view, before = np.zeros(2, np.int64), (int(scenes[row]), int(shots[row]))
        for axis, side in enumerate(size):
            first, last = float(low[row, axis]), float(high[row, axis])
            at = int(view[axis])
            if at and first >= BACK * side and last <= (1 - BACK) * side:
                view[axis] = 0
            elif first < at - SLACK * side or last > at + (1 + SLACK) * side:
                view[axis] = round((first + last - side) / 2)
        views[row] = view
    return views
