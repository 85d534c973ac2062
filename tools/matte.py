"""Person mattes from a still camera: the segmentation net, the skeleton and the empty plate together.

The 256-pixel segmentation misses thin and raised arms before a busy background; a difference from the
plate finds them but takes shadows too. So: difference inside a zone about the skeleton, less what looks
like a shadow, with the net's sure pixels filled in.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.skeleton import LIMBS, Landmark

SURE = 0.85
"""Above this the segmentation net is believed by itself."""
UNSURE = 0.5
"""Below this it is not asked where the frame is as the plate."""
BONE_OFF = 0.02
"""A bone lies on the body where something changed no further from it than this, in standing heights."""
NOISE, CHANGED = 10, 24
"""Differences from the plate, of 255: up to the one it is noise, from the other on something stands there."""
ALIKE = 25
"""Person and plate whose colours are no further apart than this, of 255, cannot be told by their colours."""


def zone(
    landmarks: NDArray[np.float32], size: tuple[int, int], standing_px: float, widen: float = 1.0
) -> NDArray[np.uint8]:
    """(H, W) uint8, 255 where the body of `landmarks` (33, 4) can be: thick limbs, a torso and a head.

    size (width, height); standing_px: the standing height from ears to ankles, pixels.
    """
    mask = np.zeros((size[1], size[0]), np.uint8)
    for limb in LIMBS.values():
        start = landmarks[list(limb.start), :2].mean(axis=0)
        end = landmarks[list(limb.end), :2].mean(axis=0)
        thickness = max(1, round(0.15 * limb.width * standing_px * widen))
        cv2.line(mask, _point(start), _point(end), 255, thickness)
    torso = landmarks[
        [Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER, Landmark.RIGHT_HIP, Landmark.LEFT_HIP], :2
    ]
    cv2.fillConvexPoly(mask, cv2.convexHull(torso.round().astype(np.int32)), 255)
    head = landmarks[[Landmark.LEFT_EAR, Landmark.RIGHT_EAR], :2].mean(axis=0)
    neck = landmarks[[Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER], :2].mean(axis=0)
    crown = head + 0.35 * (head - neck)
    cv2.circle(mask, _point(crown), round(0.13 * standing_px * widen), 255, -1)
    for wrist, elbow in (
        (Landmark.LEFT_WRIST, Landmark.LEFT_ELBOW),
        (Landmark.RIGHT_WRIST, Landmark.RIGHT_ELBOW),
    ):
        fingers = landmarks[wrist, :2] + 0.3 * (landmarks[wrist, :2] - landmarks[elbow, :2])
        cv2.circle(mask, _point(fingers), round(0.08 * standing_px * widen), 255, -1)
    return mask


def matte(
    frame: NDArray[np.uint8],
    plate: NDArray[np.uint8],
    segmentation: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    standing_px: float,
    unseen: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """(H, W) uint8 alpha of the person in `frame` (H, W, 3) BGR before `plate`.

    segmentation (H, W) uint8, the net's mask. unseen (H, W): where the plate is only a guess; there the net
    decides alone. Shadows on the floor are left out: they are no part of the person, and where the player
    composes person and plate there is none.
    """
    if unseen is None:
        unseen = np.zeros(frame.shape[:2], np.bool_)
    size = (frame.shape[1], frame.shape[0])
    x, y, width, height = cv2.boundingRect(zone(landmarks, size, standing_px, widen=1.2))
    near = (slice(y, y + height), slice(x, x + width))
    alpha = np.zeros(frame.shape[:2], np.uint8)
    if width and height:
        shifted = landmarks - np.array([x, y, 0, 0], np.float32)
        alpha[near] = _matte(frame[near], plate[near], segmentation[near], shifted, standing_px, unseen[near])
    return alpha


def _matte(
    frame: NDArray[np.uint8],
    plate: NDArray[np.uint8],
    segmentation: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    standing_px: float,
    unseen: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    size = (frame.shape[1], frame.shape[0])
    wide, surely_not_floor = zone(landmarks, size, standing_px), zone(landmarks, size, standing_px, widen=0.6)
    floor = round(float(landmarks[[Landmark.LEFT_KNEE, Landmark.RIGHT_KNEE], 1].max()))
    if 0 <= floor < size[1]:  # about the feet shadow and leg lie close together
        surely_not_floor[floor:] = zone(landmarks, size, standing_px, widen=0.3)[floor:]
    f, p = (cv2.GaussianBlur(picture, (0, 0), 0.8).astype(np.float32) for picture in (frame, plate))
    difference = np.abs(f - p).max(axis=2)
    changed = np.clip((difference - NOISE) / (CHANGED - NOISE), 0, 1)
    believed = np.clip((segmentation.astype(np.float32) / 255 - 0.4) / 0.3, 0, 1)
    changed = np.where(unseen, believed, changed) * (wide > 0)
    shadow = _shadow(f, p) & ~unseen & (surely_not_floor == 0) & (segmentation < 255 * SURE)
    changed[shadow] = 0
    sure = (segmentation > 255 * SURE) & (cv2.dilate(wide, np.ones((9, 9))) > 0) & (changed > 0.2)
    # The scene cannot be on the bones, unless they are off the body: a known plate, and nothing tells of him.
    inner = zone(landmarks, size, standing_px, widen=0.25) > 0
    inner &= unseen | (believed > 0) | _near(changed > 0.5, BONE_OFF * standing_px)
    scene = ((difference < NOISE) & (segmentation < 255 * UNSURE) & ~inner & ~unseen).astype(np.uint8)
    scene = cv2.morphologyEx(scene, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0  # between fingers, legs
    solid = np.where(sure | inner, 1.0, changed).astype(np.float32)
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((5, 5)))
    solid = _whole(np.where(scene, 0, solid), inner, scene)
    radius = max(2, round(standing_px / 100))
    alpha = _edge(frame.astype(np.float32), plate.astype(np.float32), solid, sure, unseen, radius)
    alpha[shadow] = 0
    alpha = _whole(np.where(scene, 0, alpha), inner, scene, least=0.1)
    return (alpha * 255).round().astype(np.uint8)


def _edge(
    frame: NDArray[np.float32],
    plate: NDArray[np.float32],
    solid: NDArray[np.float32],
    sure: NDArray[np.bool_],
    unseen: NDArray[np.bool_],
    radius: int,
) -> NDArray[np.float32]:
    """`solid` with a band about its outline solved anew: `radius` pixels outwards and twice as many inwards,
    or half of that where the segmentation net is `sure`.

    There frame = alpha * person + (1 - alpha) * plate holds with the plate known and the person's colour
    taken from the nearest pixel inside, so alpha is the share of the way from the one to the other. Where the
    two colours are too close to tell, or the frame is no mixture of them, or the plate is `unseen`, a guided
    filter decides.
    """
    deep, half, wide = (
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * each + 1,) * 2)
        for each in (2 * radius, radius + 1, radius)
    )
    person = (solid > 0.5).astype(np.uint8)  # with what is mixed only a little, so the band lies inwards
    inside, outside = cv2.erode(person, deep), cv2.dilate(person, wide) == 0
    if not inside.any():
        return solid
    _, labels = cv2.distanceTransformWithLabels(
        1 - inside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((labels.max() + 1, 3), np.float32)
    known = inside > 0
    blurred = cv2.blur(frame, (3, 3))
    colours[labels[known]] = blurred[known]
    way = colours[labels] - plate
    length = (way**2).sum(axis=2)
    share = np.clip(((frame - plate) * way).sum(axis=2) / np.maximum(length, 1), 0, 1)
    soft = cv2.ximgproc.guidedFilter(frame / 255, solid, radius=radius, eps=1e-4)
    off = ((frame - plate - share[..., None] * way) ** 2).sum(axis=2)  # no mixture of the two: a seam, a line
    told = np.where(unseen, 0, length / (length + ALIKE**2) * ALIKE**2 / (ALIKE**2 + off))
    alpha = told * share + (1 - told) * np.clip(soft, 0, 1)
    alpha = np.clip((alpha - 0.05) / 0.9, 0, 1)  # noise is not transparency
    alpha[known | (sure & (cv2.erode(person, half) > 0))] = 1
    alpha[outside] = 0
    return alpha.astype(np.float32)


def _shadow(f: NDArray[np.float32], p: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Darker than the plate by the same share in every channel."""
    ratio = (f + 4) / (p + 4)
    return (ratio.max(axis=2) < 0.97) & (ratio.min(axis=2) > 0.35) & (np.ptp(ratio, axis=2) < 0.12)


def _near(there: NDArray[np.bool_], distance: float) -> NDArray[np.bool_]:
    """(H, W): no further than `distance`, pixels, from where it is `there`."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(distance) + 1,) * 2)
    return np.asarray(cv2.dilate(there.astype(np.uint8), disc) > 0)


def _whole(
    solid: NDArray[np.float32], bones: NDArray[np.bool_], scene: NDArray[np.bool_], least: float = 0.3
) -> NDArray[np.float32]:
    """Keeps the largest connected piece of what is above `least` and those that lie on `bones`, and fills
    small holes, not where the `scene` is seen through them."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((solid > least).astype(np.uint8))
    if count < 2:
        return solid
    keep = np.zeros(count, np.bool_)
    keep[labels[bones]] = True
    keep[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))] = True
    keep[0] = False
    solid = np.where(keep[labels], solid, 0).astype(np.float32)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((solid <= least).astype(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < 40
    small[0] = False
    solid[small[labels] & ~scene] = 1
    return solid


def _point(xy: NDArray[np.float32]) -> tuple[int, int]:
    x, y = np.clip(xy.round(), -10_000, 10_000)
    return int(x), int(y)
