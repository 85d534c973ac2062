"""The pixel loop of `engines.painting.shadow`."""

from __future__ import annotations

import numpy as np

from engines.machine_code import BYTE, INTEGER, REAL, Array, compiled

PICTURE = Array(BYTE, 3, layout="A")


@compiled(
    PICTURE, Array(BYTE, 2), REAL, INTEGER, Array(INTEGER, 1), Array(BYTE, 3, layout="A", writable=True)
)
def darken(clean, laid, strength, scale, box, out):
    """Fills a box of `out` (H, W, 3) with `clean` (H, W, 3), darkened by a shadow.

    laid (H/scale, W/scale): the shadow, 0..255, interpolated bilinearly. strength: the share of light it
    takes. box: x0, y0, x1, y1, in pixels of `laid`.
    """
    half, inverse = np.float32(0.5), np.float32(1) / np.float32(scale)
    rows, columns = laid.shape
    taken = strength * np.float32(1 / 255)
    line = np.empty(columns + 1, np.float32)
    for y in range(scale * box[1], scale * box[3]):
        place = min(max((np.float32(y) + half) * inverse - half, np.float32(0)), np.float32(rows - 1))
        row = min(int(place), rows - 2)
        low = place - np.float32(row)
        for column in range(box[0], min(box[2] + 1, columns)):
            here = np.float32(laid[row, column])
            line[column] = taken * (here + low * (np.float32(laid[row + 1, column]) - here))
        bright, dark = clean[y], out[y]
        for x in range(scale * box[0], scale * box[2]):
            place = min(
                max((np.float32(x) + half) * inverse - half, np.float32(box[0])), np.float32(box[2] - 1)
            )
            column = min(int(place), max(box[2] - 2, box[0]))
            here = line[column]
            if box[2] - box[0] > 1:
                here += (place - np.float32(column)) * (line[column + 1] - here)
            light = np.float32(1) - here
            for channel in range(3):
                dark[x, channel] = np.uint8(np.int32(np.float32(bright[x, channel]) * light + half))
