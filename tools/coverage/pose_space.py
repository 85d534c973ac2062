"""What a player's footage should show: the axes of the pose space, their bins, and what to film for each.

Pure. Limits are in the units of `tools.coverage.posture`; a bin includes its lower limit, not its upper.
Every bin has a figure that falls into it (a test checks that), which shows people what is meant. The 33
landmarks cannot tell whether hands are open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isnan

from engines.skeleton import Landmark as L
from tools.coverage.mannequin import Mannequin, Segment
from tools.coverage.posture import NAN, Posture

NEEDED, GOOD, EXTRA = 3, 2, 1
"""Weights: needed for any player; part of most dances; rare, or rarely missed."""

NEAR, MIDDLE = 0.57, 0.42
"""Sizes (height over the frame's) from which a person is near the camera, or at a middle distance. Raised
arms and the feet take 1.35 heights: beyond 0.74 the person is cut off."""
FRONT = 0.5
"""The size from which the floor's front half begins."""
LEFT_THIRD, RIGHT_THIRD = 0.38, 0.62
"""Limits across the frame: a person with outstretched arms needs the rest."""
TOUCH_FACE, TOUCH_HANDS, TOUCH_HIPS = 0.14, 0.12, 0.1
"""A wrist within this distance, in heights, counts as touching: about a hand's length."""


@dataclass(frozen=True)
class Bin:
    """A part of an axis. low, high: its limits. film: what the player is told to do for it. figure: a posture
    in it."""

    name: str
    low: float
    high: float
    weight: int
    film: str
    figure: Mannequin


@dataclass(frozen=True)
class Axis:
    """measure: a posture's value on the axis; nan where it cannot be told. Values between bins do not
    count."""

    name: str
    measure: Callable[[Posture], float]
    bins: tuple[Bin, ...]

    def find(self, posture: Posture) -> Bin | None:
        value = self.measure(posture)
        if isnan(value):
            return None
        return next((one for one in self.bins if one.low <= value < one.high), None)


def _limbs(side: int, name: str) -> Iterator[Axis]:
    def arm(upper: Segment, fore: Segment | None = None) -> Mannequin:
        pair = (upper, upper if fore is None else fore)
        return Mannequin(left_arm=pair) if side == 0 else Mannequin(right_arm=pair)

    def leg(thigh: Segment, shin: Segment) -> Mannequin:
        return Mannequin(left_leg=(thigh, shin)) if side == 0 else Mannequin(right_leg=(thigh, shin))

    yield Axis(
        f"{name} arm",
        lambda posture: posture.arm(side),
        (
            Bin("across", -140, -12, EXTRA, f"{name} arm across the body", arm(Segment(-32), Segment(-70))),
            Bin("hanging", -12, 30, NEEDED, f"let the {name} arm hang", arm(Segment(10))),
            Bin("low", 30, 65, GOOD, f"{name} arm out and low", arm(Segment(48))),
            Bin("level", 65, 115, NEEDED, f"{name} arm out to the side, level", arm(Segment(90))),
            Bin("raised", 115, 150, GOOD, f"{name} arm raised to the side", arm(Segment(132))),
            Bin("overhead", 150, 220, NEEDED, f"{name} arm straight overhead", arm(Segment(172))),
        ),
    )
    yield Axis(
        f"{name} reach",
        lambda posture: posture.arm_ahead(side),
        (Bin("ahead", 40, 91, EXTRA, f"point at the camera, {name} hand", arm(Segment(40, 65))),),
    )
    yield Axis(
        f"{name} elbow",
        lambda posture: posture.elbow(side),
        (
            Bin("folded", 0, 85, GOOD, f"{name} elbow folded", arm(Segment(60), Segment(175))),
            Bin("bent", 85, 135, GOOD, f"{name} elbow bent, hand up", arm(Segment(90), Segment(165))),
            Bin("straight", 135, 181, GOOD, f"{name} arm straight", arm(Segment(60))),
        ),
    )
    yield Axis(
        f"{name} thigh",
        lambda posture: posture.thigh(side),
        (
            Bin("down", 0, 25, GOOD, f"stand on the {name} leg", leg(Segment(6), Segment(2))),
            Bin("stepping", 25, 50, GOOD, f"step out with the {name} leg", leg(Segment(38), Segment(15))),
            Bin("high", 50, 181, GOOD, f"{name} knee up high", leg(Segment(25, 75), Segment(5, -5))),
        ),
    )
    yield Axis(
        f"{name} knee",
        lambda posture: posture.knee(side),
        (
            Bin("folded", 0, 100, EXTRA, f"{name} heel up behind", leg(Segment(8), Segment(10, -95))),
            Bin("bent", 100, 140, EXTRA, f"{name} knee bent", leg(Segment(10, 30), Segment(5, -25))),
            Bin("straight", 140, 181, EXTRA, f"{name} leg straight", leg(Segment(6), Segment(4))),
        ),
    )


def _turn(name: str, degrees: float, weight: int, film: str) -> Bin:
    return Bin(name, degrees - 22.5, degrees + 22.5, weight, film, Mannequin(turn=degrees))


def _full_turn(posture: Posture) -> float:
    """-157.5 to 202.5, so that the back is one bin."""
    turn = posture.turn()
    return turn + 360 if turn < -157.5 else turn


def _hips(posture: Posture) -> float:
    return AIRBORNE if posture.airborne else posture.hips_height()


AIRBORNE = 2.0
"""The value of a jump on the axis of the hips' height."""


def _floor(posture: Posture) -> float:
    column = (posture.across() >= LEFT_THIRD) + (posture.across() >= RIGHT_THIRD)
    return column + 3 * (posture.size() >= FRONT)


def _cell(row: int, column: int) -> Bin:
    side = ("right", "middle", "left")[column]  # the person's own, facing the camera
    depth = ("back", "front")[row]
    where = "in the middle" if column == 1 else f"far to your {side}"
    figure = Mannequin(x=(0.25, 0.5, 0.75)[column], size=(0.4, 0.6)[row], floor=(0.75, 0.92)[row])
    at = column + 3 * row
    return Bin(f"{depth} {side}", at, at + 1, EXTRA, f"dance {where}, at the {depth}", figure)


def _hands(posture: Posture) -> float:
    if any(posture.hand_to(side, L.NOSE) < TOUCH_FACE for side in (0, 1)):
        return 0
    if posture.hand_to(0, L.RIGHT_WRIST) < TOUCH_HANDS:
        return 1
    if any(posture.hand_to(side, L(L.LEFT_HIP + side)) < TOUCH_HIPS for side in (0, 1)):
        return 2 if min(posture.elbow(0), posture.elbow(1)) < 135 else NAN
    return NAN


_BOTH_ARMS = {
    "face": (Segment(-45, 72), Segment(-162)),
    "together": (Segment(12), Segment(-80, 29)),
    "hips": (Segment(35), Segment(-50)),
}
_HAND_FIGURES = {name: Mannequin(left_arm=pair, right_arm=pair) for name, pair in _BOTH_ARMS.items()}
_SQUAT = (Segment(25, 55), Segment(8, -25))
_WIDE, _CLOSE, _CROSSED = ((Segment(out), Segment(out)) for out in (21, -5, -14))

AXES: tuple[Axis, ...] = (
    *_limbs(0, "left"),
    *_limbs(1, "right"),
    Axis(
        "turn",
        _full_turn,
        (
            _turn("right back", -135, EXTRA, "turn away over your right shoulder"),
            _turn("right side", -90, GOOD, "turn to your right, side to the camera"),
            _turn("half right", -45, NEEDED, "turn to your right, 45 degrees"),
            _turn("front", 0, NEEDED, "face the camera"),
            _turn("half left", 45, NEEDED, "turn to your left, 45 degrees"),
            _turn("left side", 90, GOOD, "turn to your left, side to the camera"),
            _turn("left back", 135, EXTRA, "turn away over your left shoulder"),
            _turn("back", 180, EXTRA, "back to the camera"),
        ),
    ),
    Axis(
        "lean",
        Posture.lean,
        (
            Bin("right", -90, -8, GOOD, "lean to your right", Mannequin(lean=-16)),
            Bin("upright", -8, 8, NEEDED, "stand upright", Mannequin()),
            Bin("left", 8, 90, GOOD, "lean to your left", Mannequin(lean=16)),
        ),
    ),
    Axis("bow", Posture.bow, (Bin("bowed", 25, 181, EXTRA, "bow forwards", Mannequin(bow=45)),)),
    Axis(
        "head",
        Posture.head_turn,
        (
            Bin("right", -181, -45, EXTRA, "look far to your right", Mannequin(head_turn=-65)),
            Bin("half right", -45, -18, GOOD, "look half to your right", Mannequin(head_turn=-32)),
            Bin("front", -18, 18, NEEDED, "look into the camera", Mannequin()),
            Bin("half left", 18, 45, GOOD, "look half to your left", Mannequin(head_turn=32)),
            Bin("left", 45, 181, EXTRA, "look far to your left", Mannequin(head_turn=65)),
        ),
    ),
    Axis(
        "nod",
        Posture.nod,
        (
            Bin("up", -91, -5, EXTRA, "look up at the lights", Mannequin(nod=-30)),
            Bin("level", -5, 22, GOOD, "hold your head level", Mannequin()),
            Bin("down", 22, 91, EXTRA, "look down at your feet", Mannequin(nod=30)),
        ),
    ),
    Axis(
        "hips",
        _hips,
        (
            Bin("squat", 0, 0.41, GOOD, "squat, knees deep", Mannequin(left_leg=_SQUAT, right_leg=_SQUAT)),
            Bin("standing", 0.41, 1, NEEDED, "stand tall", Mannequin()),
            Bin("jump", AIRBORNE, 3, GOOD, "jump, both feet off the floor", Mannequin(hop=0.15)),
        ),
    ),
    Axis(
        "distance",
        Posture.size,
        (
            Bin("far", 0.2, MIDDLE, EXTRA, "step back, far", Mannequin(size=0.37, floor=0.7)),
            Bin("middle", MIDDLE, NEAR, EXTRA, "step to the middle of the floor", Mannequin(floor=0.8)),
            Bin("near", NEAR, 1, GOOD, "step forward, near the camera", Mannequin(size=0.65, floor=0.92)),
        ),
    ),
    Axis("floor", _floor, tuple(_cell(row, column) for row in (0, 1) for column in (0, 1, 2))),
    Axis(
        "feet",
        Posture.feet,
        (
            Bin("crossed", -3, 0, EXTRA, "cross your feet", Mannequin(left_leg=_CROSSED, right_leg=_CROSSED)),
            Bin("together", 0, 0.13, GOOD, "feet together", Mannequin(left_leg=_CLOSE, right_leg=_CLOSE)),
            Bin("hip-wide", 0.13, 0.25, GOOD, "feet as wide as your hips", Mannequin()),
            Bin("wide", 0.25, 3, GOOD, "feet wide apart", Mannequin(left_leg=_WIDE, right_leg=_WIDE)),
        ),
    ),
    Axis(
        "hands",
        _hands,
        (
            Bin("at the face", 0, 1, GOOD, "hands at your face", _HAND_FIGURES["face"]),
            Bin("together", 1, 2, GOOD, "clap, hands together", _HAND_FIGURES["together"]),
            Bin("on the hips", 2, 3, GOOD, "hands on your hips", _HAND_FIGURES["hips"]),
        ),
    ),
)  # fmt: skip
