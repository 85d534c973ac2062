"""The fan's hands and face → the player's, by what the pose landmarks about them became. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.body import MIRRORED
from engines.extras import FACE_PART, LEFT_HAND, POINTS, RIGHT_HAND, mirrored_rows
from engines.skeleton import Landmark as L

Floats = NDArray[np.float32]

ANCHORS: tuple[tuple[slice, tuple[int, ...]], ...] = (
    (LEFT_HAND, (L.LEFT_WRIST, L.LEFT_PINKY, L.LEFT_INDEX, L.LEFT_THUMB)),
    (RIGHT_HAND, (L.RIGHT_WRIST, L.RIGHT_PINKY, L.RIGHT_INDEX, L.RIGHT_THUMB)),
    (FACE_PART, tuple(range(L.NOSE, L.RIGHT_MOUTH + 1))),
)
"""TABLE of parts, and of the pose landmarks that a part moves with. A hand's first one, the wrist, is kept in
place exactly."""
LEAST_SPREAD_PX = 1.0
"""Where a part's landmarks lie closer together than this, they tell no direction and no size."""

_MIRRORED_ROWS = np.array(mirrored_rows())


def retarget_extras(
    extras: Floats, fan: Floats, player: Floats, *, mirror_width: int | None = None, exchanged: bool = False
) -> Floats:
    """Moves each part by the similarity that takes the fan's landmarks about it to the player's.

    extras: (engines.extras.POINTS, 4) in pixels of the fan's frame. fan: the (33, 4) landmarks of the same
    frame, player: what `Retargeter` made of them, pixels of the player's picture. mirror_width: the width of
    the fan's frame where the retargeter mirrors it. exchanged: what the retargeter says of that frame: the
    hands are exchanged too.

    Returns (POINTS, 4) in pixels of the player's picture, z in the same scale; always finite. A part that was
    not seen, or for which no similarity can be told, is all zeros.
    """
    if mirror_width is not None:
        extras, fan = _mirrored(extras, _MIRRORED_ROWS, mirror_width), _mirrored(fan, MIRRORED, mirror_width)
    if exchanged:
        extras, fan = extras[_MIRRORED_ROWS], fan[MIRRORED]
    result = np.zeros((POINTS, 4), np.float32)
    for part, anchors in ANCHORS:
        points, source, target = extras[part], fan[list(anchors), :2], player[list(anchors), :2]
        if not points[:, 3].any() or not all(np.isfinite(each).all() for each in (points, source, target)):
            continue
        is_hand = part is not FACE_PART
        found = _similarity(source.astype(float), target.astype(float), about_first=is_hand)
        if found is None:
            continue
        turn, start, end = found
        moved = turn * (_complex(points[:, :2].astype(float)) - start) + end
        result[part] = np.stack([moved.real, moved.imag, points[:, 2] * abs(turn), points[:, 3]], axis=1)
    return result


def _similarity(
    source: NDArray[np.float64], target: NDArray[np.float64], *, about_first: bool
) -> tuple[complex, complex, complex] | None:
    """The least-squares similarity of (N, 2) `source` → `target` as turn * (x - start) + end in the complex
    plane; None where `source` has no extent. about_first: the first point goes exactly onto its counterpart;
    otherwise the means do (Umeyama 1991, without reflection)."""
    x, y = _complex(source), _complex(target)
    start, end = (x[0], y[0]) if about_first else (x.mean(), y.mean())
    x, y = x - start, y - end
    size = float((np.abs(x) ** 2).sum())
    if size < LEAST_SPREAD_PX**2:
        return None
    return complex((x.conj() * y).sum() / size), complex(start), complex(end)


def _complex(points: NDArray[np.float64]) -> NDArray[np.complex128]:
    return points[..., 0] + 1j * points[..., 1]


def _mirrored(points: Floats, rows: NDArray[np.int_], width: int) -> Floats:
    mirrored = points[rows]
    mirrored[:, 0] = np.where(mirrored[:, 3] > 0, width - mirrored[:, 0], mirrored[:, 0])
    return mirrored
