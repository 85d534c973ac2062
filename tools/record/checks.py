"""Checks whether the picture is good enough to make a player from: focus, light, blur, framing, one person, a
still camera.

Pure: functions of pictures and landmarks; time is an argument. Each check gives a line for the screen.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.skeleton import Landmark as L
from engines.time_units import NS_PER_S
from tools.coverage.posture import Posture
from tools.footage.body_zone import zone

Picture = NDArray[np.uint8]
Landmarks = NDArray[np.float32]


FOCUS_HEIGHT = 400
"""Sharpness is measured on a person with this many pixels from ears to ankles: half of a 720 lines
picture."""
NOISE_PX = 1.2
"""A Gaussian of this many of these pixels first removes the camera's noise, which would look like
sharpness."""
LEAST_CONTRAST = 100.0
"""With less variance of grey levels on the person, it is too dark to tell."""
SHARP = 0.003
"""Least sharpness of a picture in focus. Clips in focus have 0.008 to 0.02, also with noise of five levels or
at 30 % of the light. Blurred by a Gaussian of two of these pixels they have 0.001 to 0.004, of three 0.0004
to 0.0013."""
SHARPNESS_S = 5.0
"""Focus and motion blur are judged over this many seconds."""
STILL, FAST = 0.4, 1.0
"""Speeds, in heights a second: below STILL a person's motion blurs nothing; above FAST arms may be
blurred."""
SMEARED = 0.3
"""Motion blur: fast frames have less than this share of the sharpness of still ones."""
LEAST_FRAMES = 5

WHITE, BLACK = 250, 8
CLIPPED_PERSON, CLIPPED_FRAME = 0.08, 0.15
"""The share of white pixels, on the person and in the frame, from which it is too bright."""
CRUSHED_PERSON, DARK_PERSON = 0.4, 70
"""The share of black pixels on the person from which it is too dark; and the level that the person's
brightest twentieth must reach, in any clothes."""

HEADROOM = 0.3
"""How far raised arms reach above the ears, in heights."""
MARGIN = 0.01

STILL_WIDTH = 640
"""Pictures are scaled to this width to follow the background."""
SHIFTED = 0.002
"""The camera has moved when the background is displaced by this share of the frame's width."""
LEAST_CORNERS = 12


@dataclass(frozen=True)
class Check:
    """ok: None while it cannot be told. text: what was found. todo: what the crew should do."""

    name: str
    ok: bool | None
    text: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.text}" + (f" - {self.todo}" if self.todo else "")


def sharpness(picture: Picture, landmarks: Landmarks) -> float:
    """Variance of the Laplacian on the person over the variance of the person's grey levels; nan where the
    person is too small.

    picture: (H, W, 3) BGR; landmarks: (33, 4) in its pixels. The variance of the Laplacian after Pech-Pacheco
    et al. (2000), divided so that little light does not look like bad focus.
    """
    height, width = picture.shape[:2]
    posture = Posture(landmarks, (width, height))
    low = np.clip(landmarks[:, :2].min(axis=0), 0, None).astype(int)
    high = np.clip(landmarks[:, :2].max(axis=0), None, (width, height)).astype(int)
    if (high - low).min() < 16:
        return float("nan")
    crop = np.asarray(picture[low[1] : high[1], low[0] : high[0]])
    scale = FOCUS_HEIGHT / posture.height_px
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    grey = cv2.resize(
        grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    moved = landmarks.copy()
    moved[:, :2] = (moved[:, :2] - low) * scale
    person = zone(moved, (grey.shape[1], grey.shape[0]), FOCUS_HEIGHT, widen=0.6) > 0
    if not person.any():
        return float("nan")
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), NOISE_PX)
    contrast = float(smooth[person].var())
    if contrast < LEAST_CONTRAST:
        return float("nan")
    return float(cv2.Laplacian(smooth, cv2.CV_32F)[person].var()) / contrast


class Sharpness:
    """Tells a lens out of focus from a shutter time that is too long, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, float, float]] = deque()
        self._last: tuple[int, Landmarks] | None = None

    def add(self, picture: Picture, landmarks: Landmarks, t_ns: int) -> tuple[Check, Check]:
        """Adds a frame. Returns the checks of focus and of motion blur."""
        height = Posture(landmarks, (picture.shape[1], picture.shape[0])).height_px
        speed = float("nan")
        if self._last is not None and t_ns > self._last[0]:
            seconds = (t_ns - self._last[0]) / NS_PER_S
            moved = np.hypot(*(landmarks - self._last[1])[L.LEFT_SHOULDER :, :2].T)
            speed = float(np.percentile(moved, 75)) / height / seconds
        self._last = (t_ns, landmarks.copy())
        value = sharpness(picture, landmarks)
        if np.isfinite(value):
            self._seen.append((t_ns, value, speed))
        while self._seen and t_ns - self._seen[0][0] > SHARPNESS_S * NS_PER_S:
            self._seen.popleft()
        return self._focus(), self._blur()

    def _focus(self) -> Check:
        if len(self._seen) < LEAST_FRAMES:
            return Check("focus", None, "looking")
        best = float(np.percentile([value for _, value, _ in self._seen], 80))
        if best < SHARP:
            return Check("focus", False, "too soft", "focus on the player and lock the focus")
        return Check("focus", True, "OK")

    def _blur(self) -> Check:
        still = [value for _, value, speed in self._seen if speed < STILL]
        fast = [value for _, value, speed in self._seen if speed > FAST]
        if min(len(still), len(fast)) < LEAST_FRAMES:
            return Check("motion blur", None, "needs fast moves")
        if np.median(fast) < SMEARED * np.median(still):
            return Check("motion blur", False, "too blurred", "shutter 1/250 s or shorter, more light")
        return Check("motion blur", True, "OK")


def exposure(picture: Picture, landmarks: Landmarks | None) -> Check:
    """Judges the person, if there is one, and the whole frame. picture: (H, W, 3) BGR."""
    scale = min(1.0, 360 / picture.shape[0])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    if landmarks is not None:
        moved = landmarks.copy()
        moved[:, :2] *= scale
        size = (small.shape[1], small.shape[0])
        person = zone(moved, size, Posture(moved, size).height_px, widen=0.6) > 0
        if person.any():
            levels = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)[person]
            if (levels >= WHITE).mean() > CLIPPED_PERSON:
                return Check("exposure", False, "player too bright", "close the iris or dim the key light")
            if (levels <= BLACK).mean() > CRUSHED_PERSON or np.percentile(levels, 95) < DARK_PERSON:
                return Check("exposure", False, "player too dark", "open the iris or add light")
    if (small.min(axis=2) >= WHITE).mean() > CLIPPED_FRAME:
        return Check("exposure", False, "picture too bright", "keep lamps and windows out of the frame")
    return Check("exposure", True, "OK")


def framing(landmarks: Landmarks | None, frame_size: tuple[int, int]) -> Check:
    """Whether the feet are in the frame, with room for raised arms. frame_size (width, height)."""
    if landmarks is None:
        return Check("framing", False, "nobody there", "the player steps into the picture")
    width, height = frame_size
    feet = landmarks[L.LEFT_ANKLE :, :2]
    if feet[:, 1].max() > (1 - MARGIN) * height:
        return Check("framing", False, "feet cut off", "step back or tilt the camera down")
    x = landmarks[:, 0]
    if x.min() < MARGIN * width or x.max() > (1 - MARGIN) * width:
        return Check("framing", False, "cut off at the side", "stay nearer to the middle")
    ears = float(landmarks[[L.LEFT_EAR, L.RIGHT_EAR], 1].mean())
    if landmarks[:, 1].min() < MARGIN * height or ears < 0:
        return Check("framing", False, "cut off at the top", "step back or tilt the camera up")
    if ears < HEADROOM * Posture(landmarks, frame_size).height_px:
        return Check("framing", False, "no room for raised arms", "step back or tilt the camera up")
    return Check("framing", True, "OK")


def alone(people: int) -> Check:
    if people > 1:
        return Check("alone", False, f"{people} people", "one person in the picture, nobody behind")
    return Check("alone", True, "OK") if people else Check("alone", None, "nobody there")


class StillCamera:
    """Follows the background from the first picture on, by corners outside the person (Lucas-Kanade)."""

    def __init__(self) -> None:
        self._first: Picture | None = None
        self._corners: NDArray[np.float32] = np.zeros((0, 1, 2), np.float32)

    def add(self, picture: Picture, landmarks: Landmarks | None) -> Check:
        """picture: (H, W, 3) BGR, always of the same size. It begins with the first picture that shows a
        person."""
        scale = STILL_WIDTH / picture.shape[1]
        grey = cv2.cvtColor(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY
        )
        if landmarks is None:
            return Check("camera", None, "looking")
        free = _free(grey, landmarks, scale)
        if self._first is None or self._first.shape != grey.shape:
            found = cv2.goodFeaturesToTrack(grey, 200, 0.01, 8, mask=free.astype(np.uint8))
            self._first = np.asarray(grey, np.uint8)
            self._corners = np.zeros((0, 1, 2), np.float32) if found is None else found
        if len(self._corners) < LEAST_CORNERS:
            return Check("camera", None, "the background is too plain to tell")
        there, status, _ = cv2.calcOpticalFlowPyrLK(self._first, grey, self._corners, None)
        back, status_back, _ = cv2.calcOpticalFlowPyrLK(grey, self._first, there, None)
        sure = (status & status_back).ravel().astype(bool)
        sure &= np.hypot(*(back - self._corners)[:, 0].T) < 0.5
        places = np.clip(there[:, 0].round().astype(int), 0, (grey.shape[1] - 1, grey.shape[0] - 1))
        sure &= free[places[:, 1], places[:, 0]]
        if sure.sum() < LEAST_CORNERS:
            return Check("camera", None, "the background is hidden")
        shift = np.median((there - self._corners)[sure, 0], axis=0)
        share = float(np.hypot(*shift)) / STILL_WIDTH
        if share > SHIFTED:
            pixels = share * picture.shape[1]
            return Check("camera", False, f"moved {pixels:.0f} px", "fix the tripod, start a new take")
        return Check("camera", True, "still")


def _free(grey: NDArray[np.uint8], landmarks: Landmarks, scale: float) -> NDArray[np.bool_]:
    """(H, W): where the person and their surroundings are not."""
    moved = landmarks.copy()
    moved[:, :2] *= scale
    size = (grey.shape[1], grey.shape[0])
    return zone(moved, size, Posture(moved, size).height_px, widen=2.0) == 0
