"""Follows one person's landmarks from frame to frame, and knows who else is in the picture. The show's pose
thread calls it for every frame; so do the tools that read videos. `pair.py` has two of them for two people.

It works as MediaPipe's pose_landmark_cpu graph (0.10.21): detect once, then take each region from the last
frame's auxiliary landmarks, until the net's flag says that the person is lost. Where two people come close,
the landmark net may jump from one to the other; `guard.py` notices that.
"""

from __future__ import annotations

import math
from collections.abc import Set
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.pose.convert import FULL
from engines.pose.detector import Detector, Window
from engines.pose.device_frame import Frame, check_frame
from engines.pose.landmarks import LandmarkNet, PersonMask
from engines.pose.region import MARGIN, Region
from engines.pose.tracking.choosing import Chooser, Rule
from engines.pose.tracking.close_look import around, at_floor, glances
from engines.pose.tracking.crowd import SURE_SCORE, Crowd, Person, look
from engines.pose.tracking.floor import Floor
from engines.pose.tracking.guard import Guard, Verdict
from engines.pose.tracking.one_euro import OneEuroFilter
from engines.pose.tracking.roster import Body, Known
from engines.pose.tracking.smoothing import MEDIAPIPE, PoseFilters, Smoothing
from engines.time_units import NS_PER_MS, NS_PER_S

__all__ = ["SURE_SCORE", "Person", "Pose", "PoseTracker"]

Floats = NDArray[np.float32]

MIN_FLAG = 0.5
REFRESH_NS = NS_PER_S
"""While someone is tracked, `people` is updated this often."""
ALONE_NS = 2 * REFRESH_NS
"""The surroundings of the tracked person are searched closely this often, and twice as often while anybody
else is known: the detector overlooks people in a whole frame, and those who are near matter."""
GONE_NS = REFRESH_NS // 4
"""While nobody may dance, `people` is updated this often; and while the partner alone has somebody."""
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
        self._crowd = Crowd(Detector(backend=backend, threads=threads))
        self._roster = self._crowd.roster
        self._net = LandmarkNet(net=net, mask=mask, backend=backend, threads=threads)
        self.backend = self._net.backend
        self._smoothing = smoothing
        self._partner: PoseTracker | None = None
        self._begin()

    def _begin(self) -> None:
        """What a tracker does not share with its companion."""
        self._filters = None if self._smoothing is None else PoseFilters(self._smoothing)
        self._aux_filter = OneEuroFilter(0.01, 10.0)
        self._chooser = Chooser()
        self._hands_over = False
        self._wanted: int | None = None
        self.reset()

    def companion(self) -> PoseTracker:
        """A second tracker of the same people with the same nets, for the same thread. Neither follows whom
        the other follows. Call it before the first frame, and once."""
        other = copy(self)
        self._partner, other._partner = other, self
        other._begin()
        return other

    def reset(self) -> None:
        """Forgets everybody; the next frame is searched afresh."""
        self._crowd.reset()
        self._guard = Guard(self._roster)
        self._person_id: int | None = None
        self._lost_ns = 0
        self._bystanders: set[int] = set()
        self._sought_ns: int | None = None  # when somebody to follow was last searched
        self._around_ns = 0  # when the surroundings were last searched closely
        self._closely = False
        self._glances: list[Window] = []
        self._lose()

    def warm_up(self, frame: Frame) -> None:
        """Runs every net once, so that the first dancer is not kept waiting. frame: as for a call."""
        self._crowd.detector(frame)
        self.exercise(frame)

    def exercise(self, frame: Frame) -> None:
        """Runs the landmark net once, as for somebody who is followed, to measure what that takes."""
        self._net(frame, Region(frame.shape[1] / 2, frame.shape[0] / 2, float(frame.shape[0]), 0.0))

    def follow(self, person_id: int | None) -> None:
        """From the next frame on, follow only this one of `people`, whom a companion gives up; None: whom the
        rule chooses."""
        self._wanted, self._sought_ns = person_id, None
        if person_id is None:
            return
        if person_id != self._person_id:
            self._lose()
        if self._partner is not None:
            self._partner._release(person_id)

    def _release(self, person_id: int) -> None:
        """The companion is to follow this one."""
        if self._wanted == person_id:
            self._wanted = None
        if self._person_id == person_id:
            self._lose()
            self._person_id = None

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
    def people(self) -> tuple[Person, ...]:
        """Everybody seen recently."""
        return self._crowd.people

    @property
    def body(self) -> Body:
        """What was tracked last. Only after a pose was found."""
        return self._body

    def unlikely(self, body: Body, t_ns: int) -> float:
        """How badly a body fits the followed person, see `Known.cost`; infinite where nobody is known."""
        if self._person_id is None or self._person_id not in self._roster:
            return math.inf
        return self._roster[self._person_id].cost(body, t_ns)

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
        if self._chooser.rule == "liveliest":
            self._crowd.watch(frame, t_ns)
        if self._region is not None and self._person_id not in self._roster:
            self._lose()  # nothing has shown for long that it is still the same person
        if self._region is not None and self._person_id is not None and not self._is_relieved(frame, t_ns):
            pose = self._track(frame, self._region, t_ns, self._person_id)
            if pose is not None:
                pose = self._guarded(frame, t_ns, pose)
            if pose is not None:
                return pose
            self.give_up(t_ns)
        return self._find(frame, t_ns)

    def give_up(self, t_ns: int) -> None:
        """The followed person is lost, for now."""
        self._lose()
        self._lost_ns, self._closely = t_ns, True  # search the whole frame first
        self._bystanders = self._crowd.present.difference({self._person_id})

    def _claims(self, t_ns: int) -> Set[int]:
        """Who is not for a companion: whom this one follows or lost a moment ago, and the operator's pick."""
        holds = self._region is not None or t_ns - self._lost_ns <= GRACE_NS
        claims = {self._wanted, self._person_id if holds else None}
        return {each for each in claims if each is not None}

    def _free(self, people: list[Known], t_ns: int) -> list[Known]:
        """Those of `people` whom no companion claims."""
        taken = frozenset() if self._partner is None else self._partner._claims(t_ns)
        return [one for one in people if one.person_id not in taken]

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
            body = replace(body, look=look(frame, body.trunk))
        unsure = self._guard.step(pose.person_id, body, t_ns)
        if not (unsure and self._guard.is_due(t_ns)):
            every_ns = REFRESH_NS if len(self._roster) > 1 else ALONE_NS
            searched_ns = self._crowd.searched_ns
            if searched_ns is None or t_ns - searched_ns >= REFRESH_NS:
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
            if self._crowd.searched_ns is None or t_ns - self._crowd.searched_ns >= GONE_NS:
                self._search(frame, t_ns)
            return None
        if self._may_wait(t_ns):
            return None
        self._sought_ns = t_ns
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

    def _may_wait(self, t_ns: int) -> bool:
        """Whether nobody need be searched in this frame: it would cost the partner's dancer time."""
        if self._partner is None or self._partner._region is None or self._sought_ns is None:
            return False
        return t_ns - self._lost_ns > GRACE_NS and t_ns - self._sought_ns < GONE_NS

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
        others = self._free(people, t_ns)
        other = self._chooser.successor(self._roster[dancer_id], others, size, self._crowd.motion, t_ns)
        if other is None:
            return False
        self._lose()
        self._person_id, self._lost_ns, self._bystanders = other, t_ns, set()
        return True

    def _search(self, frame: Frame, t_ns: int, window: Window | None = None) -> list[Known]:
        """See `Crowd.search`."""
        if window is not None:
            self._around_ns = t_ns
        return self._crowd.search(frame, t_ns, window)

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
            for one in self._free(seen, t_ns)
            if (one.body.score >= SURE_SCORE and not (just_lost and one.person_id in self._bystanders))
            or (just_lost and one.person_id == self._person_id)
        ]
        size = (frame.shape[1], frame.shape[0])
        ordered = self._chooser.ordered(found, size, self._crowd.motion)
        return sorted(ordered, key=lambda one: one.person_id != self._person_id)
