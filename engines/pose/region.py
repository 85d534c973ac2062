"""The rotated square that the landmark net looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MARGIN = 1.25
"""Side of the region over the circle's diameter: scale_x and scale_y of RectTransformationCalculator in
MediaPipe's pose_detection_to_roi and pose_landmarks_to_roi."""

BODY_WIDTH = 0.45
"""Width of a body's box over its height: elbows included, outstretched arms not."""


@dataclass(frozen=True)
class Region:
    """A square in a frame: centre and side in pixels, `angle` in radians (clockwise on the screen)."""

    x: float
    y: float
    side: float
    angle: float

    @classmethod
    def around(cls, centre: NDArray[np.float32], rim: NDArray[np.float32]) -> Region:
        """The square around a body's circle, turned so that `centre` → `rim` points up.

        centre: (2,) pixels, the middle of the hips; rim: (2,) pixels, a point on the circle that holds
        the body. MediaPipe's AlignmentPointsRectsCalculator with target angle 90 degrees.
        """
        dx, dy = float(rim[0] - centre[0]), float(rim[1] - centre[1])
        angle = normalized(math.pi / 2 - math.atan2(-dy, dx))
        return cls(float(centre[0]), float(centre[1]), 2 * math.hypot(dx, dy) * MARGIN, angle)

    @property
    def circle_box(self) -> NDArray[np.float32]:
        """(4,) x0, y0, x1, y1 of the body's circle, without the margin."""
        radius = self.side / MARGIN / 2
        return np.array([self.x - radius, self.y - radius, self.x + radius, self.y + radius], np.float32)

    @property
    def body_box(self) -> NDArray[np.float32]:
        """(4,) x0, y0, x1, y1 of an upright rectangle around a body that fills the circle and is turned as
        the region is: as high as the circle, less than half as wide."""
        radius = self.side / MARGIN / 2
        wide, high = BODY_WIDTH * radius, radius
        cos, sin = abs(math.cos(self.angle)), abs(math.sin(self.angle))
        dx, dy = wide * cos + high * sin, wide * sin + high * cos
        return np.array([self.x - dx, self.y - dy, self.x + dx, self.y + dy], np.float32)

    def meets(self, width: int, height: int) -> bool:
        """Whether the region is finite, neither tiny nor huge, and has its centre in or near the frame."""
        if not all(math.isfinite(value) for value in (self.x, self.y, self.side, self.angle)):
            return False
        reach = self.side / 2
        return (
            8.0 <= self.side <= 8.0 * max(width, height)
            and -reach < self.x < width + reach
            and -reach < self.y < height + reach
        )

    def to_frame(self, size: int) -> NDArray[np.float64]:
        """(2, 3) affine map from pixels of a crop of `size` x `size` to pixels of the frame.

        As in MediaPipe's image_to_tensor_converter_opencv, corners are mapped to corners, without a half
        pixel.
        """
        step = self.side / size
        cos, sin = math.cos(self.angle) * step, math.sin(self.angle) * step
        half = size / 2
        return np.array([[cos, -sin, self.x - (cos - sin) * half], [sin, cos, self.y - (sin + cos) * half]])


def normalized(angle: float) -> float:
    """The same angle in -pi..pi."""
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))
