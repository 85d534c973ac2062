"""The tracker of a hand or a face, around a net that is told what to see."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose import face, hands
from engines.pose.part import Agreement, PartNet, PartTracker
from engines.pose.region import Region
from engines.skeleton import Landmark as L
from tests.packs import standing

FRAME = np.zeros((480, 640, 3), np.uint8)
POSE = np.zeros((33, 4), np.float32)
EXPECTED = Region(300, 200, 100, 0)


class FakeNet:
    """Sees the part, a square of `side` pixels about `place`, in every region whose centre is near it."""

    def __init__(self, place: tuple[float, float], side: float = 40.0) -> None:
        self.place, self.side = place, side
        self.looked: list[Region] = []

    def __call__(self, frame: NDArray[np.uint8], region: Region) -> NDArray[np.float32] | None:
        self.looked.append(region)
        if math.hypot(region.x - self.place[0], region.y - self.place[1]) > 30:
            return None
        (x, y), half = self.place, self.side / 2
        return np.array([[x - half, y - half, 0, 0.9], [x + half, y + half, 0, 0.9]], np.float32)


def own_region(points: NDArray[np.float32]) -> Region:
    x, y = points[:, :2].mean(axis=0)
    return Region(float(x), float(y), float(np.ptp(points[:, 0])) * 2, 0.0)


def tracker(net: FakeNet, expected: Region | None = EXPECTED, **options: object) -> PartTracker:
    settings = {"min_px": 12.0, "agreement": Agreement(0.5, 2.5)} | options
    return PartTracker(cast(PartNet, net), lambda pose: expected, own_region, **settings)  # type: ignore[arg-type]


def test_the_first_look_is_where_the_pose_says_the_next_where_the_part_was() -> None:
    net = FakeNet((310, 205))
    follow = tracker(net)
    assert follow(FRAME, POSE) is not None
    own = Region(310, 205, 80, 0)
    assert net.looked == [EXPECTED, own]
    assert follow(FRAME, POSE) is not None
    assert net.looked[2:] == [own]


def test_a_part_that_jumped_is_looked_for_where_the_pose_says() -> None:
    net = FakeNet((330, 200))
    follow = tracker(net)
    follow(FRAME, POSE)
    net.place = (280, 200)
    net.looked.clear()
    assert follow(FRAME, POSE) is not None
    assert [round(region.x) for region in net.looked] == [330, 300, 280]


def test_what_the_pose_does_not_agree_with_is_not_followed() -> None:
    net = FakeNet((310, 205), side=400)  # its own region is eight times the pose's
    assert tracker(net)(FRAME, POSE) is None
    net = FakeNet((325, 200))
    assert tracker(net, agreement=Agreement(0.2, 2.5))(FRAME, POSE) is None
    assert tracker(net, agreement=Agreement(0.3, 2.5))(FRAME, POSE) is not None


def test_a_part_too_small_is_left_out() -> None:
    assert tracker(FakeNet((300, 200), side=21))(FRAME, POSE) is not None
    assert tracker(FakeNet((300, 200), side=21), min_px=22.0)(FRAME, POSE) is None


@pytest.mark.parametrize("expected", [None, Region(-400, 200, 100, 0), Region(math.nan, 200, 100, 0)])
def test_no_net_runs_where_the_pose_shows_no_part(expected: Region | None) -> None:
    net = FakeNet((300, 200))
    assert tracker(net, expected)(FRAME, POSE) is None
    assert net.looked == []


def test_the_search_finds_what_is_beside_the_poses_region_now_and_then() -> None:
    net = FakeNet((340, 200))
    searched: list[Region] = []

    def search(frame: NDArray[np.uint8], region: Region) -> list[Region]:
        searched.append(region)
        return [Region(600, 200, 80, 0), Region(340, 200, 80, 0)] if len(searched) == 2 else []

    follow = tracker(net, search=search, search_every=3)
    seen = [follow(FRAME, POSE) is not None for _ in range(6)]
    assert searched == [EXPECTED] * 2
    assert seen == [False, False, False, True, True, True]  # found on the fourth frame, then followed
    assert all(region.x != 600 for region in net.looked)  # too far from the arm


def test_reset_forgets_where_the_part_was() -> None:
    net = FakeNet((310, 205))
    follow = tracker(net)
    follow(FRAME, POSE)
    follow.reset()
    net.looked.clear()
    follow(FRAME, POSE)
    assert net.looked[0] == EXPECTED


def test_a_hidden_or_broken_wrist_gives_no_region() -> None:
    pose = standing(300, 400, 300)
    assert hands.from_arm(pose, right=False) is not None
    pose[L.LEFT_WRIST, 3] = 0.05
    assert hands.from_arm(pose, right=False) is None
    pose[L.RIGHT_INDEX, 0] = np.nan
    assert hands.from_arm(pose, right=True) is None


def test_the_hands_region_points_along_the_hand() -> None:
    pose = standing(300, 400, 300, arms=math.pi / 2)  # arms stretched sideways
    left, right = hands.from_arm(pose, right=False), hands.from_arm(pose, right=True)
    assert left is not None and right is not None
    assert math.degrees(left.angle) == pytest.approx(90, abs=0.1)  # the person's left is at our right
    assert math.degrees(right.angle) == pytest.approx(-90, abs=0.1)
    assert left.x > 300 > right.x


def test_from_behind_there_is_no_face_at_any_angle_of_the_head() -> None:
    head = standing(300, 400, 300)
    for degrees in (0, 80, 180, 260):
        angle = math.radians(degrees)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        turned = head.copy()
        turned[:, :2] = (head[:, :2] - head[0, :2]) @ turn + (300, 200)
        region = face.from_head(turned)
        assert region is not None
        assert math.cos(region.angle - angle) == pytest.approx(1, abs=1e-3)
        behind = turned.copy()
        behind[[L.LEFT_EYE, L.RIGHT_EYE]] = turned[[L.RIGHT_EYE, L.LEFT_EYE]]
        behind[[L.LEFT_MOUTH, L.RIGHT_MOUTH]] = turned[[L.RIGHT_MOUTH, L.LEFT_MOUTH]]
        assert face.from_head(behind) is None
    head[L.NOSE, 1] = np.nan
    assert face.from_head(head) is None
