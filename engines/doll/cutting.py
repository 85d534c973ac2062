"""Cuts a picture of the player into parts. The bank calls it for each of its frames.

A pixel belongs to the part whose axis is nearest, measured in the part's widths. The body also owns the
pixels under an arm; their colours come from other frames, which show them (`tools.player.fill`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.doll.parts import (
    ARMS,
    CORE,
    COUNT,
    HANDS,
    HEAD,
    LEGS,
    PARENTS,
    TABLE,
    TORSO,
    WIDTHS,
)
from engines.skeleton import DEPTH
from engines.skeleton import Landmark as L

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Reals = NDArray[np.float64]

LABELLED_PX = 192.0
"""Labels are made at a size at which the player is about this many pixels high."""
NOTHING = 15
"""The label of a pixel that belongs to no part."""
BODY_REACH = np.where(np.arange(COUNT) == TORSO, 0.12, 0.8)
"""A part of the body continues under an arm in front of it for this many of its half widths."""
TRUNK = 2.4
"""Where pixels beside the torso are shared between torso and arm, the torso counts as this many times
thinner: as thin as the arm."""
FINGERS = 1.7
"""A hand reaches this many times farther than its landmarks."""
IN_FRONT = 0.03
"""An arm may lie in front of the torso if its depth is at most this far behind it, standing heights."""
TIGHT = 1.2
"""An arm in front of the body is cut out at this many times its own width, so that it brings no shirt
along."""
MIDDLE = 0.5
"""The middle of a leg lies within this many half widths of its axis."""
LEAST_APART, LEAST_PIXELS = 18.0, 12
"""An arm's edge is found by colour where arm and body differ by this much in CIELAB, over at least this many
pixels."""


@dataclass(frozen=True)
class View:
    """One picture of the player.

    picture (h, w, 3) uint8 BGR and alpha (h, w) uint8: a piece of the frame. landmarks (33, 4): in pixels of
    that piece. height: the player's standing height there, pixels. number: the frame's in the footage.
    """

    picture: Bytes
    alpha: Bytes
    landmarks: Floats
    height: float
    number: int = 0


@dataclass(frozen=True)
class Labels:
    """The part that each pixel of a view belongs to, at about `scale` times the view's size.

    owner (h, w): the part seen there, also where alpha is 0. under (h, w): the part of the body that an arm
    hides there. Both are NOTHING where there is none.
    """

    owner: Bytes
    under: Bytes
    hidden: Floats = field(init=False)
    """(h, w): 1 where an arm hides the body."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", (self.under != NOTHING).astype(np.float32))


def reduced(view: View) -> tuple[Bytes, Floats, float]:
    """A view's alpha, landmarks and standing height (pixels), scaled to the size at which it is labelled."""
    scale = min(1.0, LABELLED_PX / view.height)
    alpha = cv2.resize(view.alpha, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    across, down = alpha.shape[1] / view.alpha.shape[1], alpha.shape[0] / view.alpha.shape[0]
    landmarks = view.landmarks * np.array([across, down, scale, 1], np.float32)
    return np.asarray(alpha, np.uint8), landmarks, view.height * scale


def part_distances(landmarks: Floats, height: float, shape: tuple[int, ...]) -> Floats:
    """(P, h, w): the distance of each pixel from each part's axis (for the torso, from its quadrilateral), in
    the part's half widths."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    points = landmarks[:, :2].astype(np.float64)
    starts, ends = points[TABLE.starts].mean(axis=1), points[TABLE.ends].mean(axis=1)  # (P, 2)
    neck_to_ears = ends[HEAD] - starts[HEAD]  # the head goes from the chin to the crown instead
    starts[HEAD], ends[HEAD] = starts[HEAD] + 0.75 * neck_to_ears, starts[HEAD] + 1.35 * neck_to_ears
    for hand in HANDS:  # its landmarks end at the knuckles
        ends[hand] = starts[hand] + FINGERS * (ends[hand] - starts[hand])
    gaps = np.empty((COUNT, *shape), np.float32)
    for part, (start, axis) in enumerate(zip(starts, ends - starts, strict=True)):
        along = ((x - start[0]) * axis[0] + (y - start[1]) * axis[1]) / (axis @ axis + 1e-6)
        along = np.clip(along, 0, 1)
        gaps[part] = cv2.magnitude(x - start[0] - along * axis[0], y - start[1] - along * axis[1])
    corners = points[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER, L.RIGHT_HIP, L.LEFT_HIP]]
    outside = np.full(shape, 255, np.uint8)
    cv2.fillConvexPoly(outside, cv2.convexHull(corners.round().astype(np.int32)), 0)
    gaps[TORSO] = cv2.distanceTransform(outside, cv2.DIST_L2, 5)
    return np.asarray(gaps / (WIDTHS[:, None, None] * height), np.float32)


def before_body(relative: Floats) -> NDArray[np.bool_]:
    """(h, w): where the body is, whatever lies in front of it. relative: see `part_distances`."""
    reach = BODY_REACH[list(CORE)].astype(np.float32)[:, None, None]
    return np.asarray((relative[list(CORE)] / reach).min(axis=0) < 1)


def label(view: View, widths: Reals, skirt: Reals | None = None) -> Labels:
    """The labels of a view. widths (P,): the player's own half widths, standing heights (`limb_widths`);
    skirt: see `skirt_of`."""
    alpha, landmarks, height = reduced(view)
    relative = part_distances(landmarks, height, alpha.shape)
    z = landmarks[:, 2] * np.float32(DEPTH)
    trunk = z[[L.LEFT_SHOULDER, L.RIGHT_SHOULDER, L.LEFT_HIP, L.RIGHT_HIP]].mean()
    arms, core = np.array(ARMS), np.array(CORE)
    behind = (z[TABLE.starts[arms]].mean(axis=1) + z[TABLE.ends[arms]].mean(axis=1)) / 2 - trunk
    own = own_widths(relative, widths)[arms] / np.float32(TIGHT)
    own[behind > IN_FRONT * height] = np.inf
    body, there = before_body(relative), alpha > 0
    small = cv2.resize(view.picture, alpha.shape[::-1], interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    for part, distance in zip(ARMS, own, strict=True):
        _follow_colour(distance, lab, body & there, grows=part in HANDS)
    arm = own.min(axis=0) < 1
    legs = relative.copy()
    _leave_to_the_nearer_leg(legs, own_widths(relative, widths), z, height, skirt)
    beside = legs.copy()
    beside[TORSO] *= TRUNK
    owner = np.where(arm, arms[_nearer(own, behind)], beside.argmin(axis=0))
    on_body = core[legs[core].argmin(axis=0)]
    owner = np.where(~arm & body & np.isin(owner, arms), on_body, owner)
    hidden = arm & body & there
    under = np.where(hidden, on_body, NOTHING)
    return Labels(owner.astype(np.uint8), under.astype(np.uint8))


def own_widths(relative: Floats, widths: Reals) -> Floats:
    """`part_distances` (P, h, w), in the player's own half widths (P,) instead of the table's."""
    return np.asarray(relative * (WIDTHS / widths).astype(np.float32)[:, None, None])


def _leave_to_the_nearer_leg(
    distance: Floats, own: Floats, z: Floats, height: float, skirt: Reals | None
) -> None:
    """Where two legs cross in the picture, the nearer one is seen: the other one's `distance` (P, h, w) is
    put out of reach. Legs at about the same depth, and legs that a skirt hides, are left alone.

    own: see `own_widths`; z (33,): depths, pixels.
    """
    depth = (z[TABLE.starts].mean(axis=1) + z[TABLE.ends].mean(axis=1)) / 2  # (P,)
    bare = [row for row in range(len(LEGS[0])) if skirt is None or skirt[row] == 0]
    for one, other in ((0, 1), (1, 0)):
        for front in (LEGS[one][row] for row in bare):
            for behind in (LEGS[other][row] for row in bare):
                if depth[behind] - depth[front] > IN_FRONT * height:
                    distance[behind][own[front] < 1] = np.inf


def _nearer(own: Floats, behind: Floats) -> NDArray[np.int64]:
    """(h, w): which part of the arms is seen. Within the left and within the right arm it is the nearest part
    by `own` (6, h, w); where both arms are, it is the arm less far `behind` (6,)."""
    left, right = own[:3].argmin(axis=0), 3 + own[3:].argmin(axis=0)
    both = (own[:3].min(axis=0) < 1) & (own[3:].min(axis=0) < 1)
    first = np.where(both, behind[left] <= behind[right], own[:3].min(axis=0) <= own[3:].min(axis=0))
    return np.where(first, left, right)


def _follow_colour(distance: Floats, lab: Floats, body: NDArray[np.bool_], *, grows: bool) -> None:
    """Moves the edge of an arm's part in front of the body to the place where the colour changes, if arm and
    body differ in colour.

    distance (h, w): to the part's axis, 1 at its edge; changed in place. Pixels near the edge may move
    outside; if the part `grows`, as a hand with its fingers does, also inside. lab (h, w, 3): CIELAB colours.
    body (h, w): where the body is.
    """
    core, ring = body & (distance < 0.4), body & (distance > 1.3) & (distance < 2.2)
    if min(core.sum(), ring.sum()) < LEAST_PIXELS:
        return
    (one, spread), (other, around) = ((lab[of].mean(axis=0), lab[of].std(axis=0)) for of in (core, ring))
    away = one - other
    apart = float(np.linalg.norm(away))
    direction = away / max(apart, 1e-6)
    if apart < max(LEAST_APART, 1.5 * float(np.linalg.norm((spread + around) * direction))):
        return
    is_arm = (lab - other) @ direction > apart / 2
    near = body & (distance >= 0.4) & (distance < (1.7 if grows else 1))
    likely = ((near & is_arm) | core).astype(np.uint8)
    inside = cv2.morphologyEx(likely, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    inside = joined(inside > 0, core)
    distance[near & inside] = np.minimum(distance[near & inside], 0.99)
    distance[near & ~inside] = np.maximum(distance[near & ~inside], 1.01)


class Seen(NamedTuple):
    """What a view shows of each part, by its labels, (P,) each.

    area: in squared standing heights; a leg with another leg in front of it counts less, by the share of its
    middle that is hidden. hidden: the share that an arm hides. astray: of an arm's parts, the share in front
    of the body, where the cut is less certain. covers: the area of the body that an arm's part and its
    descendants hide, in squared standing heights.
    """

    area: Reals
    hidden: Reals
    astray: Reals
    covers: Reals


def seen(view: View, labels: Labels) -> Seen:
    """Measures what a view shows."""
    alpha, landmarks, height = reduced(view)
    there = alpha > 127
    relative = part_distances(landmarks, height, alpha.shape)
    body = before_body(relative)

    def count(parts: NDArray[np.generic], where: NDArray[np.bool_]) -> Reals:
        return np.bincount(parts[where], minlength=NOTHING + 1)[:COUNT].astype(float)

    area, below = count(labels.owner, there), count(labels.under, labels.hidden > 0)
    for own, opposite in (LEGS, LEGS[::-1]):
        for part in own:
            middle = there & (relative[part] < MIDDLE)
            area[part] *= 1 - np.isin(labels.owner, opposite)[middle].sum() / max(middle.sum(), 1)
    before, covers = count(labels.owner, there & body), count(labels.owner, labels.hidden > 0)
    for part in reversed(ARMS):
        if PARENTS[part] in ARMS:
            covers[PARENTS[part]] += covers[part]
    arm = np.isin(np.arange(COUNT), ARMS)
    return Seen(
        area / height**2,
        below / np.maximum(area + below, 1),
        np.where(arm, before / np.maximum(area, 1), 0),
        covers / height**2,
    )


def limb_widths(views: list[View]) -> Reals:
    """(P,): the player's own half widths, standing heights, measured where a limb is clear of the rest. A
    limb that is never clear gets the table's width, narrowed a little. Left and right are equal."""
    found: list[list[float]] = [[] for _ in range(COUNT)]
    for view in views:
        alpha, landmarks, height = reduced(view)
        relative = part_distances(landmarks, height, alpha.shape)
        owner, body = relative.argmin(axis=0), before_body(relative)
        y, x = np.mgrid[0 : alpha.shape[0], 0 : alpha.shape[1]]
        for part in (each for each in range(COUNT) if each not in (TORSO, HEAD)):
            start, end = (landmarks[rows[part], :2].mean(axis=0) for rows in (TABLE.starts, TABLE.ends))
            axis = end - start
            length = float(np.hypot(*axis))
            if length < LEAST_LENGTH * height:
                continue
            along = ((x - start[0]) * axis[0] + (y - start[1]) * axis[1]) / length**2
            middle = (along > 0.2) & (along < 0.8)
            near = middle & (relative[part] < 0.5)
            if (owner[near] != part).mean() > 0.1 or (part in ARMS and body[near].any()):
                continue
            covered = (middle & (owner == part) & (relative[part] < 2) & (alpha > 127)).sum()
            found[part].append(covered / (0.6 * length) / 2 / height)
    widths = np.array(
        [
            np.median(each) if len(each) >= 3 else NARROW * width
            for each, width in zip(found, WIDTHS, strict=True)
        ]
    )
    left, right = slice(1, 7), slice(7, 13)
    widths[left] = widths[right] = np.maximum(widths[left], widths[right])
    widths[[TORSO, HEAD]] = WIDTHS[[TORSO, HEAD]]
    return np.asarray(np.clip(widths, 0.45 * WIDTHS, 1.5 * WIDTHS))


NARROW = 0.65
"""A limb that is never clear gets this share of the table's width: better to miss a bit of the limb than to
take in some shirt."""
LEAST_LENGTH = 0.06
"""A limb is measured where it is at least this long in the picture, standing heights."""
LEG_WIDTHS = ((0.055, 0.036), (0.036, 0.028))
"""Half widths of a leg in trousers rather than bare, where thigh and shin begin and end, standing heights."""
PLACES = (0.45, 0.6, 0.75, 0.9)
"""Places along the legs at which the gap between them is examined for a skirt."""
HANGS = 0.7
"""A skirt is there if this share of the gap is filled; wide trousers fill less."""
LEAST_GAP, LEAST_VIEWS = 0.04, 5
"""A gap is measured where it is this wide, standing heights; the result counts if it comes from this many
views."""


def skirt_of(views: list[View]) -> Reals:
    """(2,): how far down the thighs, and the shins, hang together as a skirt, as a share of their length,
    0..1.

    It is measured by how much of the gap between the legs is covered by the player, in views with the legs
    far enough apart; 0 where there are no such views.
    """
    shares: list[list[list[float]]] = [[[] for _ in PLACES] for _ in LEG_WIDTHS]
    for view in views:
        alpha, landmarks, height = reduced(view)
        for row, (found, widths) in enumerate(zip(shares, LEG_WIDTHS, strict=True)):
            starts, ends = (
                np.stack([landmarks[rows[LEGS[side][row]], :2].mean(axis=0) for side in (0, 1)])
                for rows in (TABLE.starts, TABLE.ends)
            )
            for each, place in zip(found, PLACES, strict=True):
                left, right = starts + place * (ends - starts)
                apart = float(np.hypot(*(right - left)))
                width = (widths[0] + place * (widths[1] - widths[0])) * height
                if apart - 2 * width < LEAST_GAP * height:
                    continue
                across = np.linspace(width / apart, 1 - width / apart, 9)[1:-1, None]
                x, y = (left + across * (right - left)).round().astype(int).T
                inside = (x >= 0) & (x < alpha.shape[1]) & (y >= 0) & (y < alpha.shape[0])
                each.append(float((alpha[y[inside], x[inside]] > 127).mean()) if inside.any() else 0.0)
    thighs, shins = (_hem(found) for found in shares)
    return np.array([thighs, shins if thighs == 1 else 0.0])


def _hem(found: list[list[float]]) -> float:
    """How far down a gap is filled, from the measurements at each of `PLACES`: halfway between the last
    filled place and the next."""
    known = [
        (place, np.median(each) > HANGS)
        for place, each in zip(PLACES, found, strict=True)
        if len(each) >= LEAST_VIEWS
    ]
    filled = 0.0
    for number, (place, hangs) in enumerate(known):
        if not hangs:
            return (filled + place) / 2 if number else 0.0
        filled = place
    return 1.0 if known else 0.0


def joined(pixels: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected pieces of `pixels` (h, w) that reach into `core` (h, w)."""
    count, labels = cv2.connectedComponents(pixels.astype(np.uint8), connectivity=4)
    kept = np.zeros(count, np.bool_)
    kept[labels[pixels & core]] = True
    return kept[labels] & pixels
