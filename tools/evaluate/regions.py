"""The parts of a picture that are judged separately: the person, the face and the hands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.body import Body, height_at
from engines.skeleton import Landmark
from tools.scores.pictures import MS_SSIM_SMALLEST, Mask, Window

FACE = range(Landmark.RIGHT_MOUTH + 1)
"""BlazePose's landmarks of the head: nose, eyes, ears, mouth."""
FACE_SHARE = 0.2
"""Side of the face's box in standing heights (ears to ankles): chin to hair."""
HANDS = [[Landmark[f"{side}_{name}"] for name in ("WRIST", "INDEX", "PINKY")] for side in ("LEFT", "RIGHT")]
HAND_SHARE = 0.06
"""Half the side of a hand's box in standing heights: wrist to finger tips, wherever they point."""
FACE_SMALLEST = 16
"""A face with fewer pixels than this to a side is not judged."""

Floats = NDArray[np.float32]


def face_window(landmarks: Floats, body: Body, size: tuple[int, int]) -> Window | None:
    """The square around the head of landmarks (33, 4), cut off at the edge of a picture of `size`.

    Its size follows the body's, so turning the head does not change it. None where hardly any of it lies in
    the picture.
    """
    half = FACE_SHARE * _standing(landmarks, body) / 2
    x, y = landmarks[list(FACE), :2].mean(axis=0)
    rows, columns = _clipped(y - half, y + half, size[1]), _clipped(x - half, x + half, size[0])
    if min(rows.stop - rows.start, columns.stop - columns.start) < FACE_SMALLEST:
        return None
    return rows, columns


def hands_mask(landmarks: Floats, body: Body, size: tuple[int, int]) -> Mask | None:
    """(H, W) of a picture of `size`: the squares around both hands of landmarks (33, 4), sized after the
    body. None where hardly any of them lies in the picture."""
    half = HAND_SHARE * _standing(landmarks, body)
    mask = np.zeros(size[::-1], np.bool_)
    for hand in HANDS:
        x, y = landmarks[hand, :2].mean(axis=0)
        mask[_clipped(y - half, y + half, size[1]), _clipped(x - half, x + half, size[0])] = True
    return mask if mask.sum() >= half**2 else None


def _standing(landmarks: Floats, body: Body) -> float:
    """The body's standing height at its place, pixels."""
    ankles = landmarks[[Landmark.LEFT_ANKLE, Landmark.RIGHT_ANKLE], 1].max()
    return float(height_at(body.near, body.far, ankles))


def person_window(mask: Mask, margin: int = 16) -> Window:
    """The box around `mask` (H, W), not empty; where the picture allows, at least as large as MS-SSIM
    needs."""
    rows, columns = (
        _grown(np.flatnonzero(mask.any(axis=1 - axis)), mask.shape[axis], margin) for axis in (0, 1)
    )
    return rows, columns


def _grown(where: NDArray[np.int64], whole: int, margin: int) -> slice:
    low, high = int(where[0]) - margin, int(where[-1]) + 1 + margin
    missing = max(0, MS_SSIM_SMALLEST - (high - low))
    low = max(0, low - missing // 2)
    high = min(whole, max(high + missing // 2, low + MS_SSIM_SMALLEST))
    return slice(max(0, min(low, high - MS_SSIM_SMALLEST)), high)


def _clipped(low: float, high: float, whole: int) -> slice:
    start, stop = (int(np.clip(round(edge), 0, whole)) for edge in (low, high))
    return slice(start, stop)
