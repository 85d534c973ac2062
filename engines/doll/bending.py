"""Where the parts of the paper doll bend: near a joint, a part gradually takes over its neighbour's map, as
in smooth skinning."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.doll.cutting import Floats, Reals
from engines.doll.parts import CHILDREN, COUNT, HEAD, LEGS, PARENTS, TORSO, Joints

BLEND = 1.4
"""Around a joint two maps are blended over this many half widths of the part that begins there, on either
side."""
SKIRT, SKIRT_NEAR = 0.06, 0.35
"""Between the legs of a skirt: the blend's reach on either side, and how far from the middle it goes on, in
standing heights."""
NECK = 0.05
"""The blend's reach around the neck, standing heights: a tilted head leaves the shoulders where they are."""
STIFF, SOFT = -0.2, 0.5
"""Two maps turned against each other are blended fully where the cosine of the angle between them is at least
SOFT, and not at all from STIFF down. Halfway between two maps turned far apart lies one that shrinks
everything to a spot, and that spot's colour would fill the bend of an elbow. There the two parts overlap in a
disc instead (`sprites.OVERLAP`)."""


class Bend(NamedTuple):
    """A joint around which a part takes its neighbour's map. joint: row in `Joints`. sign: 1 if the neighbour
    lies outwards of the joint, -1 if inwards."""

    part: int
    neighbour: int
    joint: int
    sign: int


BENDS = [
    bend
    for part in range(COUNT)
    for bend in (
        *([Bend(part, PARENTS[part], part, -1)] if part != TORSO else []),
        *(Bend(part, child, child, 1) for child in CHILDREN[part]),
        *(
            Bend(part, LEGS[1 - side][row], COUNT + row, 2 * side - 1)
            for side in (0, 1)
            for row in (0, 1)
            if LEGS[side][row] == part
        ),
    )
]
"""TABLE of the joints of all parts, part after part."""
_PART, NEIGHBOUR, _JOINT, _SIGN = (np.array(column) for column in zip(*BENDS, strict=True))


class Reach(NamedTuple):
    """How far maps are blended at each row of `Joints`, (P + 2,) each. across: to either side of the joint's
    plane, standing heights. near: distance from the joint at which the blending begins to fade, standing
    heights; it ends at twice that. strength: 0..1."""

    across: Reals
    near: Reals
    strength: Reals


def reach_of(widths: Reals, skirt: Reals) -> Reach:
    """The reach for a player: widths (P,), see `cutting.limb_widths`; skirt (2,), see `cutting.skirt_of`."""
    across, near = BLEND * widths, 1.5 * BLEND * widths
    across[HEAD] = near[HEAD] = NECK
    strength = np.append(np.ones(COUNT), skirt)
    return Reach(np.append(across, [SKIRT] * 2), np.append(near, [SKIRT_NEAR] * 2), strength)


def bends_of(parts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All joints of `parts` (L,), as two arrays (B,): the index into `parts`, and the row in `BENDS`."""
    layer, bend = np.nonzero(parts[:, None] == _PART)
    return layer, bend


def joint_table(joints: Joints[NDArray[Any]], height: float, reach: Reach) -> Floats:
    """(len(BENDS), 6), a row a joint: x and y, pixels; its outward direction divided by the reach of the
    blend; 1 / the distance at which the blend begins to fade; its strength.

    At a place d from the joint, the neighbour's map has the share

        table[5] * smooth(0.5 + 0.5 * d · table[2:4]) * smooth(2 - |d| * table[4])
    """
    across_px, near_px = reach.across[_JOINT] * height, reach.near[_JOINT] * height
    columns = [
        joints.x[_JOINT], joints.y[_JOINT],
        joints.out_x[_JOINT] * _SIGN / across_px, joints.out_y[_JOINT] * _SIGN / across_px,
        1 / near_px, reach.strength[_JOINT],
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def softness(turn: Reals) -> Floats:
    """How far two maps are blended, 0..1, from the cosine of the turn between them (`parts.agreement`)."""
    return smooth((turn - STIFF) / (SOFT - STIFF)).astype(np.float32)


def smooth(share: NDArray[Any]) -> NDArray[Any]:
    """Smoothstep: 0..1 → 0..1, level at both ends. Overwrites `share`."""
    np.clip(share, 0, 1, out=share)
    return share * share * (3 - 2 * share)
