"""Follows one person's landmarks from frame to frame, and knows who else is in the picture. The show's pose
thread calls it for every frame; so do the tools that read videos.

It works as MediaPipe's pose_landmark_cpu graph (0.10.21): detect once, then take each region from the last
frame's auxiliary landmarks, until the net's flag says that the person is lost. Where two people come close,
the landmark net may jump from one to the other; `guard.py` notices that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.pose.convert import FULL
from engines.pose.detector import Detector, Window
from engines.pose.device_frame import DeviceFrame, Frame, on_host
from engines.pose.landmarks import LandmarkNet, PersonMask
from engines.pose.region import MARGIN, Region
from engines.pose.tracking import appearance
from engines.pose.tracking.choosing import Chooser, Rule
from engines.pose.tracking.close_look import around, at_floor, glances, is_inside
from engines.pose.tracking.floor import Floor
from engines.pose.tracking.guard import Guard, Verdict
from engines.pose.tracking.liveliness import Liveliness
from engines.pose.tracking.one_euro import OneEuroFilter
from engines.pose.tracking.roster import Body, Known, Roster
from engines.pose.tracking.smoothing import MEDIAPIPE, PoseFilters, Smoothing
from engines.time_units import NS_PER_MS, NS_PER_S

Floats = NDArray[np.float32]

MIN_FLAG = 0.5
REFRESH_NS = NS_PER_S
"""While someone is tracked, `people` is updated this often."""
ALONE_NS = 2 * REFRESH_NS
"""The surroundings of the tracked person are searched closely this often, and twice as often while anybody
else is known: the detector overlooks people in a whole frame, and those who are near matter."""
GONE_NS = REFRESH_NS // 4
"""While nobody may dance, `people` is updated this often."""
SURE_SCORE = 0.6
"""The least score of a detection to start following: in real rooms furniture reaches 0.58, people 0.8 and
more. Someone lost a moment ago is taken back at the detector's own threshold."""
GRACE_NS = 500 * NS_PER_MS
"""How long ago "a moment ago" may be; for as long, no bystander is taken in place of the lost person."""
BLIND_NS = 500 * NS_PER_MS
"""Someone whom the detector misses is searched for this long at the place where they should be."""
MAX_TRIES = 2
"""Candidates that are tried in one frame while nobody is followed."""
WIDER = 1.3
"""Where masks are asked for and the region cuts the person's mask, a region larger by this factor is used:
arms that rise quickly leave the region that the last frame suggests."""
HERE = 0.25
"""The landmark net has found the intended person if the trunk is within this many diameters of the expected
one."""
NARROWER = (1.0, 0.8, 0.65)
"""If the net finds somebody else nearby, narrower regions are tried, by these factors."""


@dataclass(frozen=True)
class Person:
    """Someone in the frame. box: (4,) float32, x0, y0, x1, y1 around the body, pixels, within the frame.

    circle: (4,), the box of the circle that holds the body however the arms are stretched. score: 0..1, the
    detector's.
    """

    id: int
    box: Floats
    circle: Floats
    score: float


@dataclass(frozen=True)
class Pose:
    """The followed person's pose. landmarks: (33, 4) float32: x, y in pixels of the frame, z in the same
    scale, visibility 0..1.

    world: (33, 3) float32, metres from the middle of the hips. score: 0..1, the net's flag. mask: only if the
    tracker was asked for masks.
    """

    person_id: int
    landmarks: Floats
    world: Floats
    score: float
    mask: PersonMask | None = None


class PoseTracker:
    """Takes frames and returns the followed person's pose. One instance serves one thread."""

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
        self._chooser = Chooser()
        self._hands_over = False
        self._wanted: int | None = None
        self.reset()

    def reset(self) -> None:
        """Forgets everybody; the next frame is searched afresh."""
        self._roster.clear()
        self._guard = Guard(self._roster)
        self._liveliness = Liveliness()
        self.people: tuple[Person, ...] = ()
        self._person_id: int | None = None
        self._lost_ns = 0
        self._present: set[int] = set()  # whom the last search saw
        self._bystanders: set[int] = set()
        self._searched_ns: int | None = None
        self._around_ns = 0  # when the surroundings were last searched closely
        self._closely = False
        self._glances: list[Window] = []
        self._lose()

    def warm_up(self, frame: Frame) -> None:
        """Runs every net once, so that the first dancer is not kept waiting. frame: as for a call."""
        self._detector(frame)
        self._net(frame, Region(frame.shape[1] / 2, frame.shape[0] / 2, float(frame.shape[0]), 0.0))

    def follow(self, person_id: int | None) -> None:
        """From the next frame on, follow only this one of `people`; None: whom the rule chooses."""
        self._wanted = person_id
        if person_id is not None and person_id != self._person_id:
            self._lose()

    def choose(self, rule: Rule, mark: tuple[float, float], floor: Floor | None = None) -> None:
        """The rule by which somebody is followed, or takes over from the dancer, while nobody is picked: see
        `Chooser`. Before the first call the largest is followed, and nobody takes over."""
        self._chooser.rule, self._chooser.mark, self._chooser.floor = rule, mark, floor
        self._hands_over = True

    def look_at(self, x: float, y: float, size: tuple[int, int]) -> None:
        """Search closely there in the next frames; anybody found appears in `people`.

        x, y: pixels of a frame of `size` (width, height).
        """
        self._glances = glances(x, y, size)

    @property
    def is_looking(self) -> bool:
        """Whether close looks are still to be done."""
        return bool(self._glances)

    @property
    def is_missing(self) -> bool:
        """Whether the picked person is gone for good: then nobody is followed until another pick."""
        return self._wanted is not None and self._region is None and self._wanted not in self._roster

    def __call__(self, frame: Frame, t_ns: int) -> Pose | None:
        """The followed person's pose in this frame; None where nobody is found.

        frame: (H, W, 3) uint8 BGR, on the host or on the nets' device. t_ns: when it was taken, nanoseconds,
        never going back. Raises ValueError where `frame` is not such a picture.
        """
        check_frame(frame)
        if frame.size == 0:
            return None
        self._roster.forget(t_ns)
        if self._glances:
            self._search(frame, t_ns, self._glances.pop(0))
        if self._chooser.rule == "liveliest" and (picture := on_host(frame)) is not None:
            self._liveliness.step(picture, self._roster.everybody(), t_ns)
        if self._region is not None and self._person_id not in self._roster:
            self._lose()  # nothing has shown for long that it is still the same person
        if self._region is not None and self._person_id is not None and not self._is_relieved(frame, t_ns):
            pose = self._track(frame, self._region, t_ns, self._person_id)
            if pose is not None:
                pose = self._guarded(frame, t_ns, pose)
            if pose is not None:
                return pose
            self._lose()
            self._lost_ns, self._closely = t_ns, True  # search the whole frame first
            self._bystanders = self._present.difference({self._person_id})
        return self._find(frame, t_ns)

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
        trunk = raw.landmarks[[11, 12, 23, 24], :2].reshape(2, 2, 2).mean(axis=1)
        self._body = Body(following, trunk, raw.flag)
        if self._filters is not None:
            raw = self._filters(raw, t_ns, scale)
        return Pose(person_id, raw.landmarks, raw.world, raw.flag, raw.mask)

    def _guarded(self, frame: Frame, t_ns: int, pose: Pose) -> Pose | None:
        """The pose, if it is the followed person's; else the pose of the right person, or None."""
        body = self._body
        if self._guard.wants_look(t_ns):
            body = replace(body, look=self._look(on_host(frame), body.trunk))
        unsure = self._guard.step(pose.person_id, body, t_ns)
        if not (unsure and self._guard.is_due(t_ns)):
            every_ns = REFRESH_NS if len(self._roster) > 1 else ALONE_NS
            if self._searched_ns is None or t_ns - self._searched_ns >= REFRESH_NS:
                self._search(frame, t_ns)
            elif t_ns - self._around_ns >= every_ns:
                self._search(frame, t_ns, around(body.region))
            return pose
        verdict = self._guard.judge(
            pose.person_id, body, self._search(frame, t_ns, around(body.region)), t_ns
        )
        if verdict is Verdict.FOLLOWED:
            return pose
        if verdict is Verdict.ELSEWHERE:
            self._lose()
            return self._take(frame, t_ns, self._roster[pose.person_id])
        return None

    def _take(self, frame: Frame, t_ns: int, target: Known) -> Pose | None:
        """Starts to follow somebody who was seen; None where the net does not find them there."""
        body = target.body
        if target.seen_ns != t_ns:
            x, y = target.place(t_ns)
            moved = np.array([x - body.x, y - body.y], np.float32)
            region = replace(body.region, x=body.region.x + moved[0], y=body.region.y + moved[1])
            body = Body(region, body.trunk + moved, body.score)
        if not body.region.meets(frame.shape[1], frame.shape[0]):
            return None
        others = [one.body for one in self._roster.everybody() if one.seen_ns == t_ns and one is not target]
        for share in NARROWER:
            region = replace(body.region, side=share * body.region.side)
            pose = self._track(frame, region, t_ns, target.person_id)
            if pose is None:
                break
            off = self._body.distance(body)
            if off <= HERE and all(self._body.distance(other) > off for other in others):
                self._guard.begin(target.person_id, t_ns)
                self._around_ns = t_ns
                return pose
            self._lose()
        self._lose()
        return None

    def _find(self, frame: Frame, t_ns: int) -> Pose | None:
        """Finds somebody to follow; None where there is nobody."""
        if self.is_missing:
            if self._searched_ns is None or t_ns - self._searched_ns >= GONE_NS:
                self._search(frame, t_ns)
            return None
        before = self._person_id
        lost = self._wanted if self._wanted is not None else before
        window = None
        if lost is not None and lost in self._roster:
            self._closely = not self._closely
            window = around(self._roster[lost].body.region) if self._closely else None
        elif lost is None and self._chooser.floor is not None:
            size = (frame.shape[1], frame.shape[0])
            window = at_floor(self._chooser.floor, size) if self._closely else None
            self._closely = not self._closely
        for target in self._candidates(frame, self._search(frame, t_ns, window), t_ns)[:MAX_TRIES]:
            pose = self._take(frame, t_ns, target)
            if pose is None:
                continue
            if self._wanted is not None or self._chooser.allows(self._body, (frame.shape[1], frame.shape[0])):
                return pose
            self._lose()
            self._person_id = before
        return None

    def _is_relieved(self, frame: Frame, t_ns: int) -> bool:
        """Whether the rule lets somebody else take over from the dancer; that person is searched first from
        then on. Also where the dancer has left the floor: then anybody on it may dance."""
        dancer_id = self._person_id
        if self._wanted is not None or not self._hands_over:
            self._chooser.forgive()
            return False
        if dancer_id is None or dancer_id not in self._roster:
            return False
        size = (frame.shape[1], frame.shape[0])
        if self._chooser.has_left(self._roster[dancer_id], size, t_ns):
            self._lose()
            self._person_id, self._bystanders = None, set()
            return True
        people = [one for one in self._roster.everybody() if one.body.score >= SURE_SCORE]
        motion = self._liveliness.motion
        other = self._chooser.successor(self._roster[dancer_id], people, size, motion, t_ns)
        if other is None:
            return False
        self._lose()
        self._person_id, self._lost_ns, self._bystanders = other, t_ns, set()
        return True

    def _search(self, frame: Frame, t_ns: int, window: Window | None = None) -> list[Known]:
        """The people that the detector sees, in the whole frame or a part of it."""
        picture = on_host(frame)
        bodies = []
        for detection in self._detector(frame, window):
            trunk = detection.keypoints[[2, 0]]
            body = Body(detection.region, trunk, detection.score, self._look(picture, trunk))
            if window is None or is_inside(body, window):
                bodies.append(body)
        seen = self._roster.see(bodies, t_ns, 0.0 if window is None else SURE_SCORE)
        height, width = frame.shape[:2]
        limit = np.array([width, height, width, height], np.float32)
        self.people = tuple(
            Person(
                one.person_id,
                np.clip(one.body.region.body_box, 0, limit),
                np.clip(one.body.region.circle_box, 0, limit),
                one.body.score,
            )
            for one in self._roster.everybody()
        )
        if window is not None:
            self._around_ns = t_ns
        else:
            self._present = {one.person_id for one in seen}
            self._searched_ns = t_ns
        return seen

    def _look(self, picture: NDArray[np.uint8] | None, trunk: Floats) -> Floats | None:
        if picture is None:
            return None
        return appearance.look(picture, trunk, appearance.brightness_of(picture))

    def _candidates(self, frame: Frame, seen: list[Known], t_ns: int) -> list[Known]:
        """Whom to try, best first: only the picked person; else the person just lost; else by the rule."""
        if self._wanted is not None:
            wanted = self._roster[self._wanted]
            if wanted in seen or t_ns - wanted.seen_ns <= BLIND_NS:  # the detector misses people now and then
                return [wanted]
            return []
        just_lost = self._person_id is not None and t_ns - self._lost_ns <= GRACE_NS
        found = [
            one
            for one in seen
            if (one.body.score >= SURE_SCORE and not (just_lost and one.person_id in self._bystanders))
            or (just_lost and one.person_id == self._person_id)
        ]
        size = (frame.shape[1], frame.shape[0])
        ordered = self._chooser.ordered(found, size, self._liveliness.motion)
        return sorted(ordered, key=lambda one: one.person_id != self._person_id)


def check_frame(frame: Frame) -> None:
    """Raises ValueError unless `frame` is (H, W, 3) uint8."""
    if isinstance(frame, DeviceFrame):
        return
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        kind = f"{frame.dtype}{list(frame.shape)}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise ValueError(f"a frame must be uint8 (height, width, 3) BGR, not {kind}")
