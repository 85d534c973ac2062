"""A jointed figure that can be put into any posture, to show people what to dance.

It is drawn orthographically from joint angles. Lengths are in heights from ears to ankles, after the segment
lengths of Drillis and Contini (1966), as in Winter, "Biomechanics and Motor Control of Human Movement",
figure 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.skeleton import DEPTH
from engines.skeleton import Landmark as L

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

TORSO, NECK, HALF_SHOULDERS, HALF_HIPS = 0.33, 0.15, 0.12, 0.08
UPPER_ARM, FOREARM, HAND = 0.18, 0.16, 0.06
THIGH, SHIN, FOOT = 0.27, 0.25, 0.1
HALF_EARS, FACE = 0.045, 0.065
"""Half the distance between the ears, and how far the nose lies in front of their middle."""


@dataclass(frozen=True)
class Segment:
    """The direction of a bone, degrees. out: from straight down, away from the body, to its side (180 is up);
    ahead: from there towards where the body faces."""

    out: float = 0.0
    ahead: float = 0.0


@dataclass(frozen=True)
class Mannequin:
    """A posture; by default standing and facing the camera, arms hanging. Angles in degrees.

    turn: to the figure's own left (90: its left side is away from the camera). lean: to its own left. bow:
    forwards. head_turn, nod: of the head alone; to its own left, downwards. hop: the feet's height above the
    floor, in heights. x: the hips' place across the frame, 0..1. size: heights from ears to ankles over the
    frame's height. floor: the ankles' place down the frame, 0..1.
    """

    left_arm: tuple[Segment, Segment] = (Segment(12), Segment(8))
    right_arm: tuple[Segment, Segment] = (Segment(12), Segment(8))
    left_leg: tuple[Segment, Segment] = (Segment(4), Segment(0))
    right_leg: tuple[Segment, Segment] = (Segment(4), Segment(0))
    turn: float = 0.0
    lean: float = 0.0
    bow: float = 0.0
    head_turn: float = 0.0
    nod: float = 0.0
    hop: float = 0.0
    x: float = 0.5
    size: float = 0.5
    floor: float = 0.88

    def landmarks(self, frame_size: tuple[int, int]) -> NDArray[np.float32]:
        """(33, 4) as the pose net gives them: the figure in a frame of (width, height) pixels, visible."""
        points = self._body() @ _about_y(self.turn).T
        width, height = frame_size
        scale = self.size * height
        floor = max(points[L.LEFT_ANKLE, 1], points[L.RIGHT_ANKLE, 1]) + self.hop
        landmarks = np.ones((33, 4), np.float32)
        landmarks[:, 0] = self.x * width + points[:, 0] * scale
        landmarks[:, 1] = self.floor * height + (points[:, 1] - floor) * scale
        landmarks[:, 2] = points[:, 2] * scale / DEPTH
        return landmarks

    def _body(self) -> Floats:
        """(33, 3), from the middle of the hips: right in the picture, down, away from the camera."""
        points = np.zeros((33, 3))
        trunk = _about_z(self.lean) @ _about_x(self.bow)
        shoulders = trunk @ np.array([0.0, -TORSO, 0.0])
        for side, shift, arm, leg in (
            (1, 0, self.left_arm, self.left_leg),
            (-1, 1, self.right_arm, self.right_leg),
        ):
            shoulder = shoulders + trunk @ np.array([side * HALF_SHOULDERS, 0.0, 0.0])
            elbow = shoulder + UPPER_ARM * _direction(arm[0], side)
            along = _direction(arm[1], side)
            wrist = elbow + FOREARM * along
            hip = np.array([side * HALF_HIPS, 0.0, 0.0])
            knee = hip + THIGH * _direction(leg[0], side)
            ankle = knee + SHIN * _direction(leg[1], side)
            for joint, place in (
                (L.LEFT_SHOULDER, shoulder), (L.LEFT_ELBOW, elbow), (L.LEFT_WRIST, wrist),
                (L.LEFT_INDEX, wrist + HAND * along), (L.LEFT_PINKY, wrist + HAND * along),
                (L.LEFT_THUMB, wrist + HAND / 2 * along), (L.LEFT_HIP, hip), (L.LEFT_KNEE, knee),
                (L.LEFT_ANKLE, ankle), (L.LEFT_HEEL, ankle + np.array([0.0, 0.02, 0.02])),
                (L.LEFT_TOE, ankle + FOOT * np.array([0.5 * side, 0.25, -0.8])),
            ):  # fmt: skip
                points[joint + shift] = place
        head = trunk @ _about_y(self.head_turn) @ _about_x(self.nod)
        middle = shoulders + trunk @ np.array([0.0, -NECK, 0.0])
        points[:11] = middle + _FACE @ head.T
        return points


GROUND, FLOOR, TRUNK = (45, 37, 32), (88, 76, 66), (205, 205, 210)
LEFT, RIGHT = (80, 175, 255), (255, 170, 70)
"""Colours, BGR, as for the sides in `engines.skeleton`."""
FAR_SHADE = 0.6
"""Brightness of limbs behind the trunk."""


def portrait(figure: Mannequin, size: tuple[int, int]) -> Picture:
    """(H, W, 3) BGR of `size` (width, height): the figure on a floor, as the camera sees it."""
    picture = np.full((size[1], size[0], 3), GROUND, np.uint8)
    floor = round((figure.floor + 0.02) * size[1])
    cv2.line(picture, (0, floor), (size[0], floor), FLOOR, 2, cv2.LINE_AA)
    points = figure.landmarks(size)[:, :3]
    height = figure.size * size[1]
    limbs = [
        (side, colour, joints, width)
        for side, colour in ((0, LEFT), (1, RIGHT))
        for joints, width in (
            ((L.LEFT_SHOULDER, L.LEFT_ELBOW, L.LEFT_WRIST, L.LEFT_INDEX), 0.055),
            ((L.LEFT_HIP, L.LEFT_KNEE, L.LEFT_ANKLE, L.LEFT_TOE), 0.075),
        )
    ]
    depth = [float(points[[joint + side for joint in joints], 2].mean()) for side, _, joints, _ in limbs]
    order = sorted(range(len(limbs)), key=lambda number: -depth[number])
    behind = [number for number in order if depth[number] > 0]
    for number in behind:
        _limb(picture, points, limbs[number], height, FAR_SHADE)
    trunk = points[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER, L.RIGHT_HIP, L.LEFT_HIP], :2].round().astype(np.int32)
    cv2.fillConvexPoly(picture, trunk, TRUNK, cv2.LINE_AA)
    cv2.polylines(picture, [trunk], True, TRUNK, max(2, round(0.06 * height)), cv2.LINE_AA)
    ears = points[[L.LEFT_EAR, L.RIGHT_EAR]].mean(axis=0)
    shoulders = points[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER]].mean(axis=0)
    cv2.line(picture, _pixel(shoulders), _pixel(ears), TRUNK, max(2, round(0.05 * height)), cv2.LINE_AA)
    cv2.circle(picture, _pixel(ears), round(0.07 * height), TRUNK, -1, cv2.LINE_AA)
    if points[L.NOSE, 2] < ears[2] + 1:
        cv2.circle(picture, _pixel(points[L.NOSE]), max(2, round(0.02 * height)), GROUND, -1, cv2.LINE_AA)
    for number in order:
        if number not in behind:
            _limb(picture, points, limbs[number], height, 1.0)
    return picture


def _limb(
    picture: Picture,
    points: NDArray[np.float32],
    limb: tuple[int, tuple[int, int, int], tuple[L, ...], float],
    height: float,
    shade: float,
) -> None:
    side, colour, joints, width = limb
    line = points[[joint + side for joint in joints], :2].round().astype(np.int32)
    shaded = tuple(round(value * shade) for value in colour)
    cv2.polylines(picture, [line], False, shaded, max(2, round(width * height)), cv2.LINE_AA)


def _pixel(point: NDArray[np.float32]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _face() -> Floats:
    """(11, 3): the face's landmarks from the middle of the ears."""
    face = np.zeros((11, 3))
    face[L.NOSE] = (0.0, 0.015, -FACE)
    for shift, side in ((0, 1), (3, -1)):
        face[1 + shift : 4 + shift] = [(side * out, -0.02, -0.85 * FACE) for out in (0.012, 0.02, 0.028)]
    for left, place in ((L.LEFT_EAR, (HALF_EARS, 0.0, 0.0)), (L.LEFT_MOUTH, (0.015, 0.04, -0.85 * FACE))):
        face[left], face[left + 1] = place, (-place[0], *place[1:])
    return face


_FACE = _face()


def _direction(segment: Segment, side: int) -> Floats:
    out, ahead = np.radians([segment.out, segment.ahead])
    return np.array([side * np.sin(out) * np.cos(ahead), np.cos(out) * np.cos(ahead), -np.sin(ahead)])


def _about_x(degrees: float) -> Floats:
    """Rotation that tips up towards ahead, and ahead towards down."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(degrees: float) -> Floats:
    """Rotation that turns from the camera to the right of the picture."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])


def _about_z(degrees: float) -> Floats:
    """Rotation that tips up towards the right of the picture."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
