"""Draws the layers of a paper doll on a CPU, back to front: looks up each pixel of a layer's box in its
sprite, and lays it over what is already drawn. `engines.doll.drawing` calls it.

Pixels are premultiplied BGRA, four bytes in one 32 bit integer. The place in the sprite of each pixel is
given at nodes, in the middle of squares of `step` pixels, and interpolated bilinearly between them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.machine_code import INTEGER, PIXEL, REAL, Array, compiled, inlined

Pixels = NDArray[np.uint32]
LANES = np.uint64(0x00FF00FF00FF00FF)
"""The four bytes of a pixel in 16 bits each, so that one multiplication scales them all."""
HALVES = np.uint64(0x0080008000800080)
BELOW_HALVES = np.uint64(0x007F007F007F007F)
"""As `HALVES`, but rounded so that shares that sum to `WHOLE` give 255 at most."""
PAIR = np.uint64(0x00FF00FF)
FIXED = np.float32(1 << 16)
"""Fixed-point units a pixel, for places in a sprite."""
FAR = np.float32(1 << 15)
"""Places farther out than this are all treated alike."""
WHOLE = 256
"""The share 1."""
PIXELS = Array(PIXEL, 1)
STARTS, LIST = Array(INTEGER, 1), Array(INTEGER, 2)
CANVAS = Array(PIXEL, 2, layout="A", writable=True)


@inlined
def _lanes(pixel):
    wide = np.uint64(pixel)
    return (wide & PAIR) | (((wide >> np.uint64(8)) & PAIR) << np.uint64(32))


@inlined
def _pixel(lanes):
    return np.uint32((lanes & PAIR) | ((lanes >> np.uint64(32)) << np.uint64(8)))


@inlined
def _mixed(here, right, below, across, far, low):
    """The lanes of four neighbouring pixels, mixed by the place's fractions across and down, 0..255."""
    both = (far * low + 128) >> 8
    mixed = (
        _lanes(here) * np.uint64(256 - far - low + both)
        + _lanes(right) * np.uint64(far - both)
        + _lanes(below) * np.uint64(low - both)
        + _lanes(across) * np.uint64(both)
    )
    return ((mixed + HALVES) >> np.uint64(8)) & LANES


@inlined
def _at(sprite, left, top):
    height, width = sprite.shape
    if 0 <= left < width and 0 <= top < height:
        return sprite[np.uint64(top), np.uint64(left)]
    return np.uint32(0)


@inlined
def _over(pixel, under):
    """One pixel's lanes over another's, rounded as the exact quotient by 255 would be."""
    clear = np.uint64(255) - (pixel >> np.uint64(48))
    left = under * clear + HALVES
    return pixel + (((left + ((left >> np.uint64(8)) & LANES)) >> np.uint64(8)) & LANES)


@inlined
def _draw(sprite, grid, box, step, share, out):
    """Draws a sprite (h, w) into a box x0, y0, x1, y1 of `out` (H, W).

    grid: (rows, columns, 2), see `draw_layers`, with the left and top of its first node's square, in squares.
    share: `WHOLE` draws over what is there; less adds this share of the sprite to it.
    """
    places, left, top = grid
    x0, y0, x1, y1 = box
    columns = places.shape[1]
    along_u, along_v = np.empty(columns, np.float32), np.empty(columns, np.float32)
    first = (2 * x0 + 1 - step) // (2 * step) - left  # the node at or before the box
    last = (2 * x1 - 1 - step) // (2 * step) + 1 - left
    by_step, half = np.float32(1) / np.float32(step), np.float32(0.5)
    height, width = sprite.shape
    for y in range(y0, y1):
        place = np.float32((y + 0.5) / step - 0.5 - top)
        row = min(max(int(np.floor(place)), 0), places.shape[0] - 2)
        low, line = place - np.float32(row), out[y]
        for column in range(first, last + 1):
            u = places[row, column, 0] + low * (places[row + 1, column, 0] - places[row, column, 0])
            v = places[row, column, 1] + low * (places[row + 1, column, 1] - places[row, column, 1])
            along_u[column] = min(max(u, -FAR), FAR)
            along_v[column] = min(max(v, -FAR), FAR)
        for column in range(first, last):
            # The pixels whose middle lies between two nodes, or on the first: there places are linear.
            node = np.float32(step) * np.float32(left + column) + half * np.float32(step) - half
            begin = max((2 * step * (left + column) + step) // 2, x0)
            end = min((2 * step * (left + column + 1) + step) // 2, x1)
            if begin >= end:
                continue
            by_u = (along_u[column + 1] - along_u[column]) * by_step
            by_v = (along_v[column + 1] - along_v[column]) * by_step
            beyond = np.float32(begin) - node
            u = int((along_u[column] + by_u * beyond) * FIXED)
            v = int((along_v[column] + by_v * beyond) * FIXED)
            step_u, step_v = int(by_u * FIXED), int(by_v * FIXED)
            last_u, last_v = u + step_u * (end - 1 - begin), v + step_v * (end - 1 - begin)
            low_u, high_u = min(u, last_u) >> 16, max(u, last_u) >> 16
            low_v, high_v = min(v, last_v) >> 16, max(v, last_v) >> 16
            if high_u < -1 or high_v < -1 or low_u >= width or low_v >= height:
                continue
            within = low_u >= 0 and low_v >= 0 and high_u + 1 < width and high_v + 1 < height
            for x in range(np.uint64(begin), np.uint64(end)):
                at_u, at_v = u >> 16, v >> 16
                far, down = (u >> 8) & 255, (v >> 8) & 255
                u, v = u + step_u, v + step_v
                if within:
                    from_u, from_v = np.uint64(at_u), np.uint64(at_v)
                    to_u, to_v = np.uint64(at_u + 1), np.uint64(at_v + 1)
                    here, right = sprite[from_v, from_u], sprite[from_v, to_u]
                    below, across = sprite[to_v, from_u], sprite[to_v, to_u]
                else:
                    here, right = _at(sprite, at_u, at_v), _at(sprite, at_u + 1, at_v)
                    below, across = _at(sprite, at_u, at_v + 1), _at(sprite, at_u + 1, at_v + 1)
                if (here | right | below | across) == np.uint32(0):
                    continue
                pixel = _mixed(here, right, below, across, far, down)
                if share < WHOLE:
                    part = ((pixel * np.uint64(share) + BELOW_HALVES) >> np.uint64(8)) & LANES
                    line[x] += _pixel(part)
                elif pixel >> np.uint64(48) == np.uint64(255):
                    line[x] = _pixel(pixel)
                else:
                    line[x] = _pixel(_over(pixel, _lanes(line[x])))


@inlined
def _lay_down(layer, box, out):
    """Draws a box of `layer` (H, W) over `out` (H, W), and clears the box in `layer`."""
    x0, y0, x1, y1 = box
    for y in range(y0, y1):
        for x in range(x0, x1):
            if layer[y, x] != 0:
                out[y, x] = _pixel(_over(_lanes(layer[y, x]), _lanes(out[y, x])))
                layer[y, x] = 0


@compiled(
    PIXELS, STARTS, LIST, LIST, LIST, STARTS, LIST, LIST, Array(REAL, 2), INTEGER, CANVAS, CANVAS
)  # fmt: skip
def draw_layers(atlas, starts, sizes, boxes, lows, firsts, sides, stack, grid, step, scratch, out):
    """Draws a doll's layers into `out` (H, W), back to front.

    For L layers: starts (L,), the first pixel of the sprite in `atlas`; sizes (L, 2), its height and width;
    boxes (L, 4), x0, y0, x1, y1 in `out`, empty where nothing is drawn; lows, sides (L, 2) and firsts (L,),
    see `nodes.Nodes`. grid (N, 2): the place (x, y) in the sprite of the pixel of `out` at each node. stack
    (S, 3), one row for each drawing: a layer; the layer that it fades from, or -1; how far the fade has come,
    0..`WHOLE`. scratch (H, W): clear before and after the call.
    """
    for row in range(len(stack)):
        new, old, share = stack[row]
        x0, y0, x1, y1 = out.shape[1], out.shape[0], 0, 0
        for turn in range(2):
            layer, part = (old, WHOLE - share) if turn == 0 else (new, share)
            if layer < 0 or boxes[layer, 0] >= boxes[layer, 2] or boxes[layer, 1] >= boxes[layer, 3]:
                continue
            height, width = sizes[layer]
            start, first, columns = starts[layer], firsts[layer], sides[layer, 0]
            sprite = atlas[start : start + height * width].reshape(height, width)
            places = grid[first : first + columns * sides[layer, 1]].reshape(sides[layer, 1], columns, 2)
            box = (boxes[layer, 0], boxes[layer, 1], boxes[layer, 2], boxes[layer, 3])
            if old < 0:
                _draw(sprite, (places, lows[layer, 0], lows[layer, 1]), box, step, WHOLE, out)
            else:
                _draw(sprite, (places, lows[layer, 0], lows[layer, 1]), box, step, part, scratch)
                x0, y0, x1, y1 = min(x0, box[0]), min(y0, box[1]), max(x1, box[2]), max(y1, box[3])
        _lay_down(scratch, (x0, y0, x1, y1), out)
