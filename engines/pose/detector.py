"""Finds people in a frame: letterbox, the pose detection net, anchors, weighted non-maximum suppression.

Constants are those of MediaPipe 0.10.21, modules/pose_detection/pose_detection_cpu, as expanded in its wheel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.pose.convert import load_net
from engines.pose.cropped_net import open_cropped_net
from engines.pose.device_frame import Frame
from engines.pose.region import Region
from engines.pose.tflite_net import ImageNet

SIZE = 224
STRIDES = ((8, 2), (16, 2), (32, 6))
"""(stride, anchors a cell): MediaPipe's options 8, 16, 32, 32, 32, with two anchors for each layer of a
stride."""
SCORE_LIMIT = 100.0
MIN_SCORE = 0.5
MIN_OVERLAP = 0.3

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Detection:
    """One person found.

    box: (4,) x0, y0, x1, y1 of the head and shoulders as the net sees them, pixels of the frame.
    keypoints: (4, 2) pixels: middle of the hips, rim of the body's circle, middle of the shoulders, rim
    of the upper body's circle. score: 0..1.
    """

    box: Floats
    keypoints: Floats
    score: float

    @property
    def region(self) -> Region:
        return Region.around(self.keypoints[0], self.keypoints[1])


class Window(NamedTuple):
    """A square part of a frame: centre and side, pixels."""

    x: float
    y: float
    side: float


class Detector:
    """Finds every person that the pose detection net sees in a frame, the most certain one first.

    One detector serves one thread.
    """

    def __init__(self, *, backend: str = "auto", threads: int = 1, min_score: float = MIN_SCORE) -> None:
        module = ImageNet(load_net("pose_detection"), -1.0, 1.0)
        self._net = open_cropped_net(
            module, SIZE, ["boxes", "scores"], replicate=False, backend=backend, threads=threads
        )
        self.backend = self._net.backend
        self._anchors = anchors()
        self._min_logit = float(np.log(min_score / (1 - min_score)))

    def __call__(self, frame: Frame, window: Window | None = None) -> list[Detection]:
        """frame: (H, W, 3) uint8 BGR. window: the part to look at, by default the whole frame.

        People are larger in a part, and the net finds some of those it overlooks in the whole frame: it was
        made to find the most prominent person.
        """
        height, width = frame.shape[:2]
        x, y, side = window if window is not None else (width / 2, height / 2, max(width, height))
        step = side / SIZE
        left, top = x - side / 2, y - side / 2
        outputs = self._net(frame, np.array([[step, 0, left], [0, step, top]]))
        boxes = np.asarray(outputs["boxes"], np.float32)[0]
        logits = np.asarray(outputs["scores"], np.float32)[0, :, 0]
        points, scores = decode(boxes, logits, self._anchors, self._min_logit)
        points *= side
        points += np.array([left, top], np.float32)
        return suppress(points, scores)


def anchors() -> Floats:
    """(2254, 2) centres of the anchors, 0..1 of the letterboxed picture (SsdAnchorsCalculator)."""
    layers = []
    for stride, count in STRIDES:
        cells = SIZE // stride
        centre = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(centre, centre), -1).reshape(-1, 2)  # row by row: x runs first
        layers.append(np.repeat(grid, count, 0))
    return np.concatenate(layers)


def decode(boxes: Floats, logits: Floats, centres: Floats, min_logit: float) -> tuple[Floats, Floats]:
    """Turns the net's raw values into candidates above the least score.

    boxes: (N, 12), x, y, w, h of the box and x, y of the four keypoints, pixels of the net's picture,
    relative to the anchor. logits: (N,). centres: (N, 2). Returns points (M, 6, 2), 0..1 of the picture: two
    corners of the box, then the keypoints; and scores (M,), 0..1. Values that are not finite are left out.
    """
    keep = np.flatnonzero((logits >= min_logit) & np.isfinite(boxes).all(1))
    raw = boxes[keep].reshape(-1, 6, 2) / SIZE
    points = raw + centres[keep, None]
    half = raw[:, 1] / 2
    centre = points[:, 0].copy()
    points[:, 0] = centre - half
    points[:, 1] = centre + half
    scores = 1 / (1 + np.exp(-np.clip(logits[keep], -SCORE_LIMIT, SCORE_LIMIT)))
    return points, scores


def suppress(points: Floats, scores: Floats, min_overlap: float = MIN_OVERLAP) -> list[Detection]:
    """Weighted non-maximum suppression (NonMaxSuppressionCalculator, WEIGHTED): all candidates that overlap
    the best one are averaged, weighted by score; then the same is done with the rest.

    points: (M, 6, 2) as `decode` returns them, in any unit.
    """
    left = np.argsort(-scores, kind="stable")
    found = []
    while len(left):
        overlap = overlaps(points[left[0], :2].reshape(4), points[left, :2].reshape(-1, 4))
        group = overlap > min_overlap
        group[0] = True
        cluster = left[group]
        merged = np.average(points[cluster], 0, scores[cluster]).astype(np.float32)
        found.append(Detection(merged[:2].reshape(4), merged[2:], float(scores[left[0]])))
        left = left[~group]
    return found


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """(N,) intersection over union of `box` (4,) with each of `boxes` (N, 4), corners x0, y0, x1, y1."""
    size = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.prod(np.maximum(size, 0), 1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], 1) + np.prod(box[2:] - box[:2])
    result: Floats = shared / np.maximum(areas - shared, 1e-9)
    return result
