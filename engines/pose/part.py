"""A part of the body that has a landmark net of its own: the net, and the tracker around it.

The first look is at a region that the pose landmarks tell; from then on each region comes from the part's own
last landmarks, as in MediaPipe's holistic_landmark graph, for as long as the pose agrees.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.pose.convert import load_net
from engines.pose.device_frame import Frame
from engines.pose.eye import open_eye
from engines.pose.region import Region
from engines.pose.tflite_net import ImageNet

MIN_FLAG = 0.5
"""ThresholdingCalculator of hand_landmark_cpu and face_landmark_cpu."""
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PartSource:
    """What tells one part's net from another's.

    net: in `convert.NETS`. size: side of its input, pixels. count: of its landmarks. depth: what the net's
    z is divided by, besides `size` (normalize_z of TensorsToLandmarksCalculator). flag_is_logit: whether
    the graph, rather than the net, applies the sigmoid.
    """

    net: str
    size: int
    count: int
    depth: float
    flag_is_logit: bool


@dataclass(frozen=True)
class Agreement:
    """Where a part's own region may be for the pose to agree; elsewhere it follows something else.

    farthest: its centre from that of the pose's region, in that one's sides. largest: how many times larger
    or smaller it may be.
    """

    farthest: float
    largest: float

    def holds(self, region: Region, expected: Region) -> bool:
        """region: the part's own; expected: the pose's."""
        distance = math.hypot(region.x - expected.x, region.y - expected.y)
        ratio = region.side / expected.side
        return distance <= self.farthest * expected.side and 1 / self.largest <= ratio <= self.largest


class PartNet:
    """A landmark net that looks at a region of a frame. One instance serves one thread."""

    OUTPUTS = ("landmarks", "flag")

    def __init__(self, source: PartSource, *, backend: str = "auto", threads: int = 1) -> None:
        self.source = source
        module = ImageNet(load_net(source.net, self.OUTPUTS), 0.0, 1.0)
        self._eye = open_eye(
            module, source.size, self.OUTPUTS, replicate=True, backend=backend, threads=threads
        )
        self.backend = self._eye.backend

    def __call__(self, frame: Frame, region: Region) -> Floats | None:
        """(count, 4) x, y in pixels of the frame, z in the same scale, and the net's flag 0..1 in every row.

        frame: (H, W, 3) uint8 BGR; region: in its pixels. None where the flag is below `MIN_FLAG` or the net
        gave something that is not finite.
        """
        size = self.source.size
        outputs = self._eye(frame, region.to_frame(size))
        flag = float(outputs["flag"].item())
        if self.source.flag_is_logit:
            flag = 1 / (1 + math.exp(-min(max(flag, -80.0), 80.0)))
        points = np.asarray(outputs["landmarks"], np.float32).reshape(-1, 3) / np.float32(size)
        points[:, 2] /= self.source.depth
        if not flag >= MIN_FLAG or not np.isfinite(points).all():
            return None
        result = np.empty((self.source.count, 4), np.float32)
        result[:, :3] = region.place(points)
        result[:, 3] = flag
        return result


class PartTracker:
    """Follows one part of one person from frame to frame.

    One instance serves one thread; several trackers of a thread may share a net.
    """

    def __init__(
        self,
        net: PartNet,
        from_pose: Callable[[Floats], Region | None],
        from_landmarks: Callable[[Floats], Region],
        *,
        min_px: float,
        agreement: Agreement,
        search: Callable[[Frame, Region], list[Region]] | None = None,
        search_every: int = 1,
    ) -> None:
        """from_pose: the region where a pose, (33, 4) landmarks, has the part; None where it cannot be seen.
        from_landmarks: the region about the part's own landmarks (count, 4).
        min_px: a part smaller than this is left out, pixels of the longer side of its box.
        agreement: between the pose's region and the part's own.
        search: where else to look, in and about the pose's region, while the part is not found there; on
        every `search_every`-th frame in a row without it.
        """
        self._net = net
        self._from_pose = from_pose
        self._from_landmarks = from_landmarks
        self._min_px = min_px
        self._agreement = agreement
        self._search = search
        self._search_every = search_every
        self.reset()

    def reset(self) -> None:
        """Forgets the last frame: the next one may show another person."""
        self._following: Region | None = None
        self._missed = 0

    def __call__(self, frame: Frame, pose: Floats) -> Floats | None:
        """The part's landmarks as `PartNet` gives them, or None where it is not seen.

        frame: (H, W, 3) uint8 BGR; pose: (33, 4) landmarks in its pixels, of the same moment.
        """
        expected, following = self._from_pose(pose), self._following
        self._following = None
        if expected is None or not expected.meets(frame.shape[1], frame.shape[0]):
            self._missed = 0
            return None
        found = None
        if following is not None and self._agreement.holds(following, expected):
            found = self._look(frame, following, expected)
        if found is None:
            found = self._find(frame, expected)
        self._missed = 0 if found is not None else self._missed + 1
        return found

    def _find(self, frame: Frame, expected: Region) -> Floats | None:
        first = self._net(frame, expected)
        regions = [] if first is None else [self._from_landmarks(first)]
        if first is None and self._search is not None and self._missed % self._search_every == 0:
            regions = self._search(frame, expected)
        for region in regions:
            if self._agreement.holds(region, expected):
                found = self._look(frame, region, expected)
                if found is not None:
                    return found
        return None

    def _look(self, frame: Frame, region: Region, expected: Region) -> Floats | None:
        found = self._net(frame, region)
        if found is None or np.ptp(found[:, :2], axis=0).max() < self._min_px:
            return None
        following = self._from_landmarks(found)
        if not self._agreement.holds(following, expected):
            return None
        self._following = following
        return found
