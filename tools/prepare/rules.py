"""The reasons for which a frame is dropped: each rule is a small function, each reason a text for the
crew."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.skeleton import Landmark
from engines.time_units import NS_PER_S

NOBODY = "without a person"
HIDDEN = "mostly hidden"
CUT_OFF = "cut off by the frame"
CROWDED = "with someone else close by"
BYSTANDER = "with someone else in the picture"
TRANSITION = "in a dissolve between two shots"
CARD = "a title or a still picture"
TOO_SMALL = "with the player too far away"
SMEARED = "with too much motion blur"
OTHER_LIGHT = "in another light"
MISSED = "with a matte that misses the person"
TOO_CLOSE = "closer together than the frame rate"
DAMAGED = "damaged in the file"

ADVICE = {
    NOBODY: "the player was out of the picture, or too dark or too small to be found",
    HIDDEN: "keep things between the player and the camera out of the way",
    CUT_OFF: "step back or turn the camera: hands and feet must stay in the picture",
    CROWDED: "film the player alone; mirrors and posters count too",
    BYSTANDER: "film the player alone",
    TRANSITION: "nothing to do: what is edited together is used in its parts",
    CARD: "nothing to do",
    TOO_SMALL: "come closer: the player must be at least half as tall as where the player is filmed most",
    SMEARED: "more light, or a shorter exposure (1/250 s)",
    OTHER_LIGHT: "lock the exposure and white balance; avoid flickering lamps and daylight",
    MISSED: "clothes that stand out from the background, and an even light",
    TOO_CLOSE: "nothing to do: the first video's frame rate goes for all",
    DAMAGED: "copy the file from the camera again",
}
"""TABLE of the reasons, with what to do about each."""

LEAST_VISIBLE = 0.5
BEYOND = 0.03
"""A landmark may lie outside of the picture by this share of the player's height: a toe, or an error."""
LEAST_COVERED = 0.8
MOST_GAIN = 1.6
"""A background that is brighter or darker than the plate by more than this factor is in another light."""
MISREAD = 0.04
"""A joint may lie this far off the body, in standing heights: pose nets misread elbows and wrists."""
SMEARED_SHARE = 0.6
"""A person with less fine detail than this share of the usual is blurred."""
NEAR = 0.15
"""Someone within this share of the player's height is close by."""
AROUND_NS = NS_PER_S
"""People are searched once a second: a sighting counts for this long before and after."""


def fault(landmarks: NDArray[np.float32], size: tuple[int, int], others: list[NDArray[np.float32]]) -> str:
    """The fault of a frame with these landmarks (33, 4) and others' boxes (4,); "" if there is none."""
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    if landmarks[Landmark.LEFT_SHOULDER :, 3].mean() < LEAST_VISIBLE:
        return HIDDEN
    beyond = max(*-low, *(high - np.array(size)))
    if beyond > BEYOND * (high[1] - low[1]):
        return CUT_OFF
    reach = around(landmarks, NEAR)
    if any(_meet(reach, tuple(other)) for other in others):
        return CROWDED
    return ""


def around(landmarks: NDArray[np.float32], margin: float) -> tuple[float, float, float, float]:
    """The box around the landmarks, enlarged on each side by a share of its height."""
    (x0, y0), (x1, y1) = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    more = margin * (y1 - y0)
    return float(x0 - more), float(y0 - more), float(x1 + more), float(y1 + more)


def covered(mask: NDArray[np.uint8], landmarks: NDArray[np.float32], standing_px: float) -> float:
    """The share of the visible joints on the mask, or as near to it as a joint may be misread."""
    reach = round(MISREAD * standing_px)
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)) > 0
    joints = landmarks[Landmark.LEFT_SHOULDER :]
    x, y = np.floor(joints[:, 0]).astype(int), np.floor(joints[:, 1]).astype(int)
    height, width = mask.shape
    seen = (joints[:, 3] > 0.5) & (x >= 0) & (y >= 0) & (x < width) & (y < height)
    if not seen.any():
        return 0.0
    wide = cv2.copyMakeBorder(mask, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0) > 127
    on = [
        (wide[row : row + 2 * reach + 1, column : column + 2 * reach + 1] & near).any()
        for column, row in zip(x[seen], y[seen], strict=True)
    ]
    return float(np.mean(on))


def near_in_time(flags: NDArray[np.bool_], times_ns: NDArray[np.int64], within_ns: int) -> NDArray[np.bool_]:
    """(N,): whether any frame within `within_ns` is flagged. times_ns: ascending."""
    flagged = times_ns[flags]
    if not len(flagged):
        return np.zeros_like(flags)
    after = np.searchsorted(flagged, times_ns).clip(0, len(flagged) - 1)
    before = (after - 1).clip(0)
    nearest = np.minimum(np.abs(flagged[after] - times_ns), np.abs(flagged[before] - times_ns))
    return np.asarray(nearest <= within_ns)


def _meet(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
