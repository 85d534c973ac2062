"""Follows one person's landmarks from frame to frame, and knows who else is there.

The way of MediaPipe's pose_landmark_cpu graph (0.10.21): detect once, then take each region from the last
frame's auxiliary landmarks until the net's flag says that the person is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.pose.convert import FULL
from engines.pose.detector import Detector
from engines.pose.device_frame import DeviceFrame, Frame
from engines.pose.landmarks import LandmarkNet, PersonMask, RawPose
from engines.pose.one_euro import LowPassFilter, OneEuroFilter
from engines.pose.region import MARGIN, Region
from engines.pose.roster import Roster, Sighting

Floats = NDArray[np.float32]

MIN_FLAG = 0.5
REFRESH_NS = 1_000_000_000
"""While someone is tracked, `people` is looked up this often."""
SURE_SCORE = 0.6
"""A detection must be this sure to be followed from nothing: in real rooms furniture reaches 0.58, people
0.8 and more. Someone lost a moment ago is taken back at the detector's own threshold."""
GRACE_NS = 500_000_000
"""What "a moment ago" is; for as long, no bystander is taken in place of the lost one."""
MAX_TRIES = 2
"""So many people are tried in one frame while nobody is followed."""
WIDER = 1.3
"""Where masks are asked for and the region cuts the person's, a region that is larger by this is looked at:
arms that rise quickly leave the region that the frame before calls for."""


class Smoothing(NamedTuple):
    """How landmarks are smoothed: a One-Euro filter's numbers (`OneEuroFilter`), and by how much they are
    foretold, seconds."""

    min_cutoff: float
    beta: float
    derivative_cutoff: float = 1.0
    lead_s: float = 0.0


MEDIAPIPE = Smoothing(0.05, 80.0)
"""As in MediaPipe's pose_landmark_filtering."""
LIVE = Smoothing(1.5, 15.0, lead_s=0.02)
"""The least jitter at no more than half a frame of lag, at 30 pictures a second: see docs/quality.md."""


@dataclass(frozen=True)
class Person:
    """Someone in the frame. box: (4,) float32 x0, y0, x1, y1 of the body's circle, pixels, within the frame.

    score: 0..1, the detector's.
    """

    id: int
    box: Floats
    score: float


@dataclass(frozen=True)
class Pose:
    """landmarks: (33, 4) float32: x, y in pixels of the frame, z in the same scale, visibility 0..1.

    world: (33, 3) float32, metres from the middle of the hips. score: 0..1, the net's flag. mask: of a
    tracker that was asked for masks.
    """

    person_id: int
    landmarks: Floats
    world: Floats
    score: float
    mask: PersonMask | None = None


class PoseTracker:
    """Frames in, the followed person's pose out. One instance serves one thread."""

    def __init__(
        self,
        *,
        net: str = FULL,
        mask: bool = False,
        backend: str = "auto",
        threads: int = 1,
        smoothing: Smoothing | None = MEDIAPIPE,
    ) -> None:
        """smoothing: of the landmarks; None: none. The region always comes from filtered landmarks.

        net, mask: see `LandmarkNet`.
        """
        self._detector = Detector(backend=backend, threads=threads)
        self._net = LandmarkNet(net=net, mask=mask, backend=backend, threads=threads)
        self.backend = self._net.backend
        self._filters = None if smoothing is None else PoseFilters(smoothing)
        self._aux_filter = OneEuroFilter(0.01, 10.0)
        self._roster = Roster()
        self._wanted: int | None = None
        self.reset()

    def reset(self) -> None:
        """Forgets everybody; the next frame is searched afresh."""
        self._roster.clear()
        self.people: tuple[Person, ...] = ()
        self._person_id: int | None = None
        self._lost_ns = 0
        self._present: set[int] = set()  # whom the last search saw
        self._bystanders: set[int] = set()
        self._searched_ns: int | None = None
        self._lose()

    def warm_up(self, frame: Frame) -> None:
        """Runs every net once, so that the first dancer is not kept waiting. frame: as for a call."""
        self._detector(frame)
        self._net(frame, Region(frame.shape[1] / 2, frame.shape[0] / 2, float(frame.shape[0]), 0.0))

    def follow(self, person_id: int | None) -> None:
        """Follow this one of `people` from the next frame on, for as long as he is known; None: any one."""
        self._wanted = person_id
        if person_id is not None and person_id != self._person_id:
            self._lose()

    def __call__(self, frame: Frame, t_ns: int) -> Pose | None:
        """frame: (H, W, 3) uint8 BGR, here or on the nets' device; t_ns: when it was taken, nanoseconds,
        never going back.

        None where nobody is found. Raises ValueError where `frame` is no such picture.
        """
        check_frame(frame)
        if frame.size == 0:
            return None
        if self._region is not None and self._person_id is not None:
            pose = self._track(frame, self._region, t_ns, self._person_id)
            if pose is not None:
                if self._searched_ns is None or t_ns - self._searched_ns >= REFRESH_NS:
                    self._search(frame, t_ns)
                return pose
            self._lose()
            self._lost_ns = t_ns
            self._bystanders = self._present.difference({self._person_id})
        for target in self._candidates(self._search(frame, t_ns), t_ns)[:MAX_TRIES]:
            if not target.region.meets(frame.shape[1], frame.shape[0]):
                continue
            pose = self._track(frame, target.region, t_ns, target.person_id)
            if pose is not None:
                return pose
            self._lose()
        return None

    def _lose(self) -> None:
        self._region: Region | None = None
        self._aux_filter.reset()
        if self._filters is not None:
            self._filters.reset()

    def _track(self, frame: Frame, region: Region, t_ns: int, person_id: int) -> Pose | None:
        """The landmarks in `region`, and the region for the next frame; None where the net sees nobody."""
        raw = self._net(frame, region)
        if raw.mask is not None and raw.mask.is_cut((frame.shape[1], frame.shape[0])):
            wider = self._net(frame, replace(region, side=WIDER * region.side))
            raw = wider if wider.is_finite and wider.flag > MIN_FLAG else raw
        if not raw.is_finite or raw.flag <= MIN_FLAG:
            return None
        scale = 1 / max(Region.around(raw.aux[0], raw.aux[1]).side / MARGIN, 1e-6)
        aux = self._aux_filter(raw.aux, t_ns, scale)
        following = Region.around(aux[0], aux[1])
        if not following.meets(frame.shape[1], frame.shape[0]):
            return None
        self._region = following
        self._person_id = person_id
        self._roster.move(person_id, following, raw.flag, t_ns)
        if self._filters is not None:
            raw = self._filters(raw, t_ns, scale)
        return Pose(person_id, raw.landmarks, raw.world, raw.flag, raw.mask)

    def _search(self, frame: Frame, t_ns: int) -> list[Sighting]:
        found = [(detection.region, detection.score) for detection in self._detector(frame)]
        sightings = self._roster.see(found, t_ns)
        self._present = {one.person_id for one in sightings}
        height, width = frame.shape[:2]
        limit = np.array([width, height, width, height], np.float32)
        self.people = tuple(
            Person(one.person_id, np.clip(one.region.circle_box, 0, limit), one.score)
            for one in self._roster.everybody()
        )
        self._searched_ns = t_ns
        return sightings

    def _candidates(self, sightings: list[Sighting], t_ns: int) -> list[Sighting]:
        """Whom to follow, best first: the wanted one; else the one just lost; else the largest, by score."""
        if self._wanted is not None:
            if self._wanted in self._roster:
                seen = [one for one in sightings if one.person_id == self._wanted]
                return seen or [self._roster[self._wanted]]  # the detector misses people now and then
            self._wanted = None  # gone for good
        just_lost = self._person_id is not None and t_ns - self._lost_ns <= GRACE_NS
        found = [
            one
            for one in sightings
            if (one.score >= SURE_SCORE and not (just_lost and one.person_id in self._bystanders))
            or (just_lost and one.person_id == self._person_id)
        ]
        return sorted(
            found,
            key=lambda one: (one.person_id == self._person_id, one.region.side * one.score),
            reverse=True,
        )


class PoseFilters:
    """MediaPipe's pose_landmark_filtering with real timestamps, and numbers of one's own."""

    def __init__(self, smoothing: Smoothing) -> None:
        self._landmarks = OneEuroFilter(*smoothing[:3])
        self._lead_s = smoothing.lead_s
        self._world = OneEuroFilter(0.1, 40.0)
        self._visibility = LowPassFilter(0.1)

    def reset(self) -> None:
        self._landmarks.reset()
        self._world.reset()
        self._visibility.reset()

    def __call__(self, raw: RawPose, t_ns: int, scale: float) -> RawPose:
        """scale: 1 / the diameter of the body's circle in pixels."""
        landmarks = np.empty_like(raw.landmarks)
        landmarks[:, :3] = self._landmarks(raw.landmarks[:, :3], t_ns, scale)
        if self._lead_s:
            landmarks[:, :3] = self._landmarks.ahead(self._lead_s)
        landmarks[:, 3] = self._visibility(raw.landmarks[:, 3])
        return replace(raw, landmarks=landmarks, world=self._world(raw.world, t_ns))


def check_frame(frame: Frame) -> None:
    """Raises ValueError unless `frame` is (H, W, 3) uint8."""
    if isinstance(frame, DeviceFrame):
        return
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        kind = f"{frame.dtype}{list(frame.shape)}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise ValueError(f"a frame must be uint8 (height, width, 3) BGR, not {kind}")
