"""Where a part of the paper doll is bent: about a joint it takes its neighbour's map by degrees, as in smooth
skinning."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.doll.cutting import Floats, Reals
from engines.doll.parts import CHILDREN, COUNT, HEAD, LEGS, PARENTS, TORSO, Joints

BLEND = 1.4
"""About a joint the maps are blended over so many half widths of the part that begins there, either way."""
SKIRT, SKIRT_NEAR = 0.06, 0.35
"""Between the legs of a skirt over so much either way, up to so far from its middle, standing heights."""
NECK = 0.05
"""About the neck over so much: a head that is tilted leaves the shoulders where they are."""
STIFF, SOFT = -0.2, 0.5
"""Maps that are turned against each other are not blended once the cosine of the angle falls to the first,
and are blended wholly from the second on. Halfway between two that are turned far there is one that
shrinks everything to a spot, whose colour would fill the bend of an elbow; there two discs overlap instead
(`sprites.OVERLAP`)."""


class Bend(NamedTuple):
    """A joint about which a part takes its neighbour's map, by its row in `Joints`. sign: 1 where the
    neighbour lies outwards of it, -1 inwards."""

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
"""TABLE of the joints of each part, part after part."""
_PART, NEIGHBOUR, _JOINT, _SIGN = (np.array(column) for column in zip(*BENDS, strict=True))


class Reach(NamedTuple):
    """How far maps are blended, for each row of `Joints` (P + 2,): across how much, either way of the joint's
    plane; near: how far from the joint the blending begins to fade, and at twice that it ends; both in
    standing heights; strength: how much of it there is, 0..1."""

    across: Reals
    near: Reals
    strength: Reals


def reach_of(widths: Reals, skirt: Reals) -> Reach:
    """For a player: widths (P,), see `cutting.limb_widths`; skirt (2,), see `cutting.skirt_of`."""
    across, near = BLEND * widths, 1.5 * BLEND * widths
    across[HEAD] = near[HEAD] = NECK
    strength = np.append(np.ones(COUNT), skirt)
    return Reach(np.append(across, [SKIRT] * 2), np.append(near, [SKIRT_NEAR] * 2), strength)


def bends_of(parts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of all joints of `parts` (L,), (B,) each: which of `parts` it is of, and its row in `BENDS`."""
    layer, bend = np.nonzero(parts[:, None] == _PART)
    return layer, bend


def joint_table(joints: Joints[NDArray[Any]], height: float, reach: Reach) -> Floats:
    """(len(BENDS), 6): of each joint x and y, pixels; its outward direction divided by how far either way of
    its plane maps are blended; 1 / how far from it the blending begins to fade; how much of it there is.

    At a place d from the joint so much of the neighbour's map is taken:
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
    """How readily two maps are blended, 0..1, by the cosine of the turn between them (`parts.agreement`)."""
    return smooth((turn - STIFF) / (SOFT - STIFF)).astype(np.float32)


def smooth(share: NDArray[Any]) -> NDArray[Any]:
    """0..1 → 0..1, level at both ends. Overwrites `share`."""
    np.clip(share, 0, 1, out=share)
    return share * share * (3 - 2 * share)
