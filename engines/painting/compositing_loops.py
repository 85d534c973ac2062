"""The pixel loops of `compositing.py`. Each step is one pass over the window, and skips pixels where neither
the doll nor the net's outline shows the player."""

from __future__ import annotations

import math

import numpy as np

from engines.machine_code import BYTE, INTEGER, PIXEL, REAL, Array, compiled, inlined
from engines.painting.generator import CLEAR

PICTURE = Array(BYTE, 3, layout="A")
MAP = Array(REAL, 2, layout="A")
OFF = np.float32(math.log(CLEAR / (1 - CLEAR)))
"""Logits up to this mean an alpha of 0."""
FULL = np.float32(8.0)
"""Logits from this on mean an alpha of 1; the error is 1 in 3000."""
MIXED = 8
"""Channels of the mix, made at the resolution of the net's own colours: the colour added per share of the
doll's cover (BGR), the choice, the net's own colours (BGR), and a 0 that fills up to eight, which a processor
takes at once."""


ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)
"""Indices are unsigned, so that NumPy's negative indices need no handling. Without Numba, adding a signed
number to an unsigned one would give a float."""
LOWEST = np.uint32(255)
"""Mask of a pixel's first channel, blue; alpha is in the highest bits."""


@inlined
def _between(place, count):
    """The index of the sample before a place among `count` samples, and the place's distance beyond it,
    0..1."""
    place = min(max(place, np.float32(0)), np.float32(count - 1))
    before = min(int(place), max(count - 2, 0))
    return before, place - np.float32(before)


@compiled(Array(REAL, 3, layout="A"), Array(REAL, 3, layout="A"), Array(REAL, 3, writable=True))
def mix_coarse(own, fields, out):
    """own (h, w, 3), fields (rows, columns, 5), see `LiveGenerator` → out (h, w, `MIXED`).

    own (1 - choice cover) + choice (doll + tint cover) = own + choice doll + choice (tint - own) cover
    """
    height, width = own.shape[:2]
    rows, columns = fields.shape[:2]
    down, across = np.float32(rows) / np.float32(height), np.float32(columns) / np.float32(width)
    half = np.float32(0.5)
    line = np.empty((columns, 4), np.float32)
    for y in range(height):
        row, low = _between((np.float32(y) + half) * down - half, rows)
        below = min(row + 1, rows - 1)
        for column in range(columns):
            for channel in range(4):
                field = channel if channel < 3 else 4  # tint, choice
                here = fields[row, column, field]
                line[column, channel] = here + low * (fields[below, column, field] - here)
        for x in range(width):
            column, far = _between((np.float32(x) + half) * across - half, columns)
            right = min(column + 1, columns - 1)
            choice = line[column, 3] + far * (line[right, 3] - line[column, 3])
            for channel in range(3):
                here = line[column, channel]
                tint = here + far * (line[right, channel] - here)
                colour = own[y, x, channel]
                out[y, x, channel] = (tint - colour) * choice
                out[y, x, 4 + channel] = np.float32(255) * colour
            out[y, x, 3], out[y, x, 7] = choice, 0


@inlined
def _byte(value):
    """A value rounded to 0..255."""
    return np.uint8(np.int32(min(max(value, np.float32(0)), np.float32(255)) + np.float32(0.5)))


@inlined
def _places(count, samples, before, beyond):
    """Fills `before` and `beyond` with the result of `_between` for `count` pixels spread over `samples`."""
    across, half = np.float32(samples) / np.float32(count), np.float32(0.5)
    for x in range(count):
        before[x], beyond[x] = _between((np.float32(x) + half) * across - half, samples)


@compiled(
    Array(PIXEL, 1), Array(BYTE, 1), Array(BYTE, 1), Array(REAL, 3), MAP, REAL, REAL, INTEGER, INTEGER,
    Array(BYTE, 1, writable=True), Array(REAL, 1, writable=True), Array(REAL, 3, writable=True),
)  # fmt: skip
def paint(doll, inside, closed, mixed, outline, by_outline, by_cover, height, width, colours, alpha, cells):
    """Writes the player's colours (h, w, 3) BGR and alpha (h, w) 0..1, row by row, to `colours` and `alpha`.
    Where alpha is 0, colours are not set.

    doll (h, w): premultiplied BGRA, a pixel in 32 bits. inside (h, w): where the player certainly is. closed
    (h, w): the doll's alpha with its gaps closed. All are row by row. mixed: see `mix_coarse`. outline (rows,
    columns): logits, one for each of the net's cells. Alpha's logit is outline by_outline (closed - cover) +
    (2 cover - 1) by_cover.
    """
    rows, columns = outline.shape
    cell = width // columns
    fine_rows, fine_columns = mixed.shape[:2]
    half, none, one = np.float32(0.5), np.float32(0), np.float32(1)
    down, fine_down = np.float32(rows) / np.float32(height), np.float32(fine_rows) / np.float32(height)
    logits, line = np.empty(columns + 1, np.float32), np.empty((fine_columns + 1, MIXED), np.float32)
    of_cell, in_cell = np.empty(width, np.uint32), np.empty(width, np.float32)
    of_fine, in_fine = np.empty(width, np.uint32), np.empty(width, np.float32)
    _places(width, columns, of_cell, in_cell)
    _places(width, fine_columns, of_fine, in_fine)
    here = np.empty(MIXED, np.float32)
    share = one / np.float32(cell * cell)
    cells[:] = 0
    for y in range(height):
        row, low = _between((np.float32(y) + half) * down - half, rows)
        below = min(row + 1, rows - 1)
        for column in range(columns):
            above = outline[row, column]
            logits[column] = by_outline * (above + low * (outline[below, column] - above))
        logits[columns] = logits[columns - 1]
        is_mixed, start = False, np.uint64(y * width)
        for column in range(columns):
            begin, end = np.uint64(column * cell), np.uint64((column + 1) * cell)
            covered = np.uint8(0)
            for x in range(begin, end):
                covered |= closed[start + np.uint64(x)]
            if covered == 0:
                for x in range(begin, end):
                    alpha[start + np.uint64(x)] = none
                continue
            if not is_mixed:
                is_mixed = True
                fine_row, fine_low = _between((np.float32(y) + half) * fine_down - half, fine_rows)
                fine_below = min(fine_row + 1, fine_rows - 1)
                for fine in range(fine_columns):
                    for channel in range(MIXED):
                        upper = mixed[fine_row, fine, channel]
                        line[fine, channel] = upper + fine_low * (mixed[fine_below, fine, channel] - upper)
                for channel in range(MIXED):
                    line[fine_columns, channel] = line[fine_columns - 1, channel]
            all_blue = all_green = all_red = all_of_it = none
            for x in range(begin, end):
                at = start + np.uint64(x)
                pixel = doll[at]
                shown = np.float32(pixel >> np.uint32(24))
                opaque = np.float32(inside[at]) * np.float32(1 / 255)
                if opaque < one:
                    left = np.uint64(of_cell[x])
                    logit = logits[left] + in_cell[x] * (logits[left + ONE] - logits[left])
                    logit *= (np.float32(closed[at]) - shown) * np.float32(1 / 255)
                    logit += by_cover * (shown * np.float32(2 / 255) - one)
                    if logit >= FULL:
                        opaque = one
                    elif logit > OFF:
                        opaque = max(opaque, one / (one + np.exp(-logit)))
                alpha[at] = opaque
                fine, far = np.uint64(of_fine[x]), in_fine[x]
                for channel in range(MIXED):
                    here[channel] = line[fine, channel] + far * (
                        line[fine + ONE, channel] - line[fine, channel]
                    )
                choice, first = here[3], THREE * at
                blue = here[4] + here[0] * shown + choice * np.float32(pixel & LOWEST)
                green = here[5] + here[1] * shown + choice * np.float32((pixel >> np.uint32(8)) & LOWEST)
                red = here[6] + here[2] * shown + choice * np.float32((pixel >> np.uint32(16)) & LOWEST)
                colours[first], colours[first + ONE], colours[first + TWO] = (
                    _byte(blue),
                    _byte(green),
                    _byte(red),
                )
                all_of_it += opaque
                all_blue += opaque * np.float32(colours[first])
                all_green += opaque * np.float32(colours[first + ONE])
                all_red += opaque * np.float32(colours[first + TWO])
            of_row = y // cell
            cells[0, of_row, column] += all_red * share / np.float32(255)
            cells[1, of_row, column] += all_green * share / np.float32(255)
            cells[2, of_row, column] += all_blue * share / np.float32(255)
            cells[3, of_row, column] += all_of_it * share


LEAST = np.float32(1 / 510)
"""Less alpha than this is 0 in a layer, whose alpha is a byte."""


@compiled(PICTURE, MAP, Array(BYTE, 3, layout="A", writable=True))
def lay_on_layer(colours, alpha, out):
    """Lays colours (h, w, 3) by alpha (h, w) on a layer `out` (h, w, 4), straight BGRA (Porter and Duff's
    over)."""
    half, one, most = np.float32(0.5), np.float32(1), np.float32(255)
    for y in range(alpha.shape[0]):
        opacities, above, below = alpha[y], colours[y], out[y]
        for x in range(len(opacities)):
            opaque = opacities[x]
            if opaque >= LEAST:
                left = np.float32(below[x, 3]) / most * (one - opaque)
                whole = opaque + left
                for channel in range(3):
                    under, over = np.float32(below[x, channel]), np.float32(above[x, channel])
                    below[x, channel] = np.uint8(np.int32((opaque * over + left * under) / whole + half))
                below[x, 3] = np.uint8(np.int32(whole * most + half))


@compiled(PICTURE, MAP, Array(BYTE, 3, layout="A", writable=True))
def lay_over(colours, alpha, out):
    """Lays colours (h, w, 3) over `out` (h, w, 3) by alpha (h, w)."""
    half = np.float32(0.5)
    for y in range(alpha.shape[0]):
        opacities, above, below = alpha[y], colours[y], out[y]
        for x in range(len(opacities)):
            opaque = opacities[x]
            if opaque > 0:
                for channel in range(3):
                    under, over = np.float32(below[x, channel]), np.float32(above[x, channel])
                    below[x, channel] = np.uint8(np.int32(under + opaque * (over - under) + half))
