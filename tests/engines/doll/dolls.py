"""Small banks of a player who is drawn, 160x160, in clothes that tell which way is up: what the tests of the
doll share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.body import measure_body
from engines.body import Body, Stance
from engines.doll.bank import Bank, Frame
from engines.doll.choice import Drawing, Frames, choose
from engines.doll.cutting import Bytes, Floats, View, label
from engines.doll.drawing import Doll
from engines.doll.parts import COUNT, NAMES, WIDTHS
from engines.skeleton import DEPTH, LIMBS
from engines.skeleton import Landmark as L
from tests.drawn import standing

SIZE = (160, 160)
HEIGHT = 100.0
OWN_WIDTHS = 0.75 * WIDTHS
"""What the limbs of `dressed` are about as wide as."""
SKIN, TROUSERS = (130, 160, 220), (120, 90, 40)
STRIPES = ((40, 40, 200), (60, 200, 60), (200, 60, 40), (40, 200, 200))
"""Of the shirt, from the shoulders to the hips, BGR."""
MAGENTA, WHITE = (200, 40, 200), (245, 245, 245)
"""The two halves of the head, to the picture's left and right of the face's axis."""
FACE = [L.NOSE, L.LEFT_EYE, L.RIGHT_EYE, L.LEFT_EAR, L.RIGHT_EAR, L.LEFT_MOUTH, L.RIGHT_MOUTH]
LEFT_HAND = NAMES.index("left hand")
_ARMS = [name for name in LIMBS if name.endswith(("arm", "hand"))]
_LEGS = [name for name in LIMBS if name.endswith(("thigh", "shin", "foot"))]


def dressed(landmarks: Floats, height: float = HEIGHT, size: tuple[int, int] = SIZE) -> tuple[Bytes, Bytes]:
    """A person in a striped shirt, arms before the body: picture (h, w, 3) BGR, black around, and mask."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    mask = np.zeros(size[::-1], np.uint8)
    points = landmarks[:, :2].astype(float)

    def strokes(names: Sequence[str], colour: tuple[int, int, int]) -> None:
        for name in names:
            start, end = (
                points[list(ends)].mean(axis=0).round().astype(int).tolist() for ends in LIMBS[name][:2]
            )
            for image, paint in ((picture, colour), (mask, 255)):
                cv2.line(image, start, end, paint, max(2, round(0.08 * LIMBS[name].width * height)))

    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    strokes(_LEGS, TROUSERS)
    strokes(["neck"], SKIN)
    shoulders, hips = points[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER]], points[[L.LEFT_HIP, L.RIGHT_HIP]]
    trunk = np.zeros_like(mask)
    cv2.fillConvexPoly(trunk, cv2.convexHull(np.concatenate([shoulders, hips]).round().astype(np.int32)), 255)
    top, down = shoulders.mean(axis=0), hips.mean(axis=0) - shoulders.mean(axis=0)
    along = ((x - top[0]) * down[0] + (y - top[1]) * down[1]) / (down @ down + 1e-6)
    stripe = np.array(STRIPES, np.uint8)[np.clip(along * len(STRIPES), 0, len(STRIPES) - 1).astype(int)]
    ears = points[[L.RIGHT_EAR, L.LEFT_EAR]]
    middle, across = ears.mean(axis=0), ears[1] - ears[0]
    head = np.hypot(x - middle[0], y - middle[1]) < 0.08 * height
    right = (x - middle[0]) * across[0] + (y - middle[1]) * across[1] > 0
    picture[trunk > 0] = stripe[trunk > 0]
    picture[head] = np.where(right[head, None], np.uint8(WHITE), np.uint8(MAGENTA))
    mask[(trunk > 0) | head] = 255
    strokes(_ARMS, SKIN)
    return picture, mask


def body_of(landmarks: Floats, height: float = HEIGHT) -> Body:
    """A body that is `height` high wherever it stands."""
    stance = Stance(140.0, height)
    return replace(measure_body(np.stack([landmarks] * 30)), near=stance, far=stance)


def view_of(
    landmarks: Floats, *, height: float = HEIGHT, size: tuple[int, int] = SIZE, number: int = 0
) -> View:
    return View(*dressed(landmarks, height, size), landmarks, height, number)


def frame_of(view: View) -> Frame:
    return Frame(view, label(view, OWN_WIDTHS))


def bank_of(
    *poses: Floats, numbers: Sequence[int] | None = None, skirt: NDArray[np.float64] | None = None
) -> Bank:
    """numbers: of the frames in the footage; far apart by default."""
    numbers = [1000 * row for row in range(len(poses))] if numbers is None else numbers
    views = [view_of(pose, number=number) for pose, number in zip(poses, numbers, strict=True)]
    return Bank([frame_of(view) for view in views], OWN_WIDTHS, body_of(poses[0]), skirt=skirt)


def moved(landmarks: Floats, x: float, y: float) -> Floats:
    return np.asarray(landmarks + np.array([x, y, 0, 0], np.float32))


def turned(landmarks: Floats, points: Sequence[int], middle: Floats, degrees: float) -> Floats:
    """Some landmarks turned about a place (x, y) in the picture, clockwise as it is seen."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    result = landmarks.copy()
    result[list(points), :2] = (landmarks[list(points), :2] - middle[:2]) @ np.array(
        [[cos, sin], [-sin, cos]]
    )
    result[list(points), :2] += middle[:2]
    return result


def facing(landmarks: Floats, degrees: float) -> Floats:
    """The person turned about the upright axis through the picture's middle."""
    result, radians = landmarks.copy(), np.radians(degrees)
    x, z = landmarks[:, 0] - SIZE[0] / 2, landmarks[:, 2] * DEPTH
    result[:, 0] = SIZE[0] / 2 + x * np.cos(radians) + z * np.sin(radians)
    result[:, 2] = (z * np.cos(radians) - x * np.sin(radians)) / DEPTH
    return result


def open_handed(landmarks: Floats, side: str = "LEFT", *, inwards: bool = False) -> Floats:
    """Index and pinky apart across the hand; inwards: exchanged."""
    wrist, index, pinky = (L[f"{side}_{name}"] for name in ("WRIST", "INDEX", "PINKY"))
    along = landmarks[index, :2] - landmarks[wrist, :2]
    across = np.array([-along[1], along[0]]) / np.hypot(*along) * (-3 if inwards else 3)
    result = landmarks.copy()
    result[index, :2] += across
    result[pinky, :2] -= across
    return result


def drawn(
    bank: Bank,
    landmarks: Floats,
    *,
    frames: Frames | int | None = None,
    drawing: Drawing | None = None,
    size: tuple[int, int] = SIZE,
    corner: tuple[int, int] = (0, 0),
) -> Bytes:
    """The doll (h, w, 4); frames: of each part, or of all; the chosen ones by default."""
    if drawing is None:
        if frames is None:
            frames = choose(bank, landmarks)
        drawing = Drawing.of(np.full(COUNT, frames) if isinstance(frames, int) else frames)
    out = np.full((size[1], size[0], 4), 77, np.uint8)
    Doll(bank).paint(landmarks, drawing, out, corner)
    return out


FRONT: Floats = standing(80, 140, HEIGHT, arms=0.7)
WIDE: Floats = standing(80, 140, HEIGHT, arms=1.3)


def arm_before_chest(landmarks: Floats) -> Floats:
    """The left forearm lies across the trunk, before it."""
    result = landmarks.copy()
    shoulder, hip = landmarks[L.LEFT_SHOULDER, :2], landmarks[L.RIGHT_HIP, :2]
    elbow = shoulder + np.array([4, 0.18 * HEIGHT], np.float32)
    along = (landmarks[L.RIGHT_SHOULDER, :2] + hip) / 2 - elbow
    along /= np.hypot(*along)
    for joint, reach in (
        (L.LEFT_ELBOW, 0.0),
        (L.LEFT_WRIST, 0.16),
        (L.LEFT_THUMB, 0.18),
        (L.LEFT_INDEX, 0.21),
        (L.LEFT_PINKY, 0.21),
    ):
        result[joint, :2] = elbow + reach * HEIGHT * along
        result[joint, 2] = -20
    return result
