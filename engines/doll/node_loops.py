"""Computes the place of a doll's parts in their frames, at `engines.doll.nodes`, on a CPU."""

from __future__ import annotations

import numpy as np

from engines.machine_code import INTEGER, REAL, Array, compiled, inlined

INTEGERS, PAIRS = Array(INTEGER, 1), Array(INTEGER, 2)
TABLE, GRID = Array(REAL, 2), Array(REAL, 2, writable=True)


@inlined
def _smooth(share):
    """See `bending.smooth`."""
    share = min(max(share, np.float32(0)), np.float32(1))
    return share * share * (np.float32(3) - np.float32(2) * share)


@compiled(PAIRS, PAIRS, INTEGERS, INTEGER, TABLE, INTEGERS, TABLE, TABLE, GRID)
def place(low, sides, first, step, maps, bends, away, joints, grid):
    """Fills `grid` (N, 2): x and y of every node in its layer's frame.

    low, sides (L, 2), first (L,), step: see `Nodes`. maps (L, 6): each layer's own affine map, row by row.
    Layer l has the bends in rows bends[l] to bends[l + 1] of two tables: away (B, 6), the neighbour's map
    minus its own; joints (B, 6), see `bending.joint_table`.
    """
    half, one, two = np.float32(0.5), np.float32(1), np.float32(2)
    side = np.float32(step)
    for layer in range(len(low)):
        node = first[layer]
        for down in range(sides[layer, 1]):
            y = side * (np.float32(low[layer, 1] + down) + half) - half
            for across in range(sides[layer, 0]):
                x = side * (np.float32(low[layer, 0] + across) + half) - half
                whole = moved_x = moved_y = np.float32(0)
                for bend in range(bends[layer], bends[layer + 1]):
                    from_x, from_y = x - joints[bend, 0], y - joints[bend, 1]
                    beyond = from_x * joints[bend, 2] + from_y * joints[bend, 3]
                    near = two - np.sqrt(from_x * from_x + from_y * from_y) * joints[bend, 4]
                    if near <= 0:
                        continue
                    weight = joints[bend, 5] * _smooth(half + half * beyond) * _smooth(near)
                    whole += weight
                    moved_x += weight * (away[bend, 0] * x + away[bend, 1] * y + away[bend, 2])
                    moved_y += weight * (away[bend, 3] * x + away[bend, 4] * y + away[bend, 5])
                whole = max(whole, one)
                grid[node, 0] = maps[layer, 0] * x + maps[layer, 1] * y + maps[layer, 2] + moved_x / whole
                grid[node, 1] = maps[layer, 3] * x + maps[layer, 4] * y + maps[layer, 5] + moved_y / whole
                node += 1
