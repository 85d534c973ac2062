"""Pictures with alpha: put over a background, fitted into another size, faded. Pure arithmetic on uint8.

The player is painted as such a layer where a show has backgrounds. A layer is straight: its colours are not
times alpha, and all 0 where the player is not (`engines.rendering.renderer.LayerRenderer`).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.pictures.picture import Fit, Picture, place

Layer = NDArray[np.uint8]
"""(H, W, 4) uint8 BGRA, straight."""


def opaque(picture: Picture) -> Layer:
    """A picture as a layer that covers everything."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA), np.uint8)


def over(layer: Layer, background: Picture, out: Picture) -> None:
    """Puts the layer (H, W, 4) over the background (H, W, 3) into `out`, which may be the background.

    Only the box about the player is computed, so the cost goes with the player's size.
    """
    if out is not background:
        np.copyto(out, background)
    rows, columns = _box(layer)
    box = out[rows, columns]
    if box.size == 0:
        return
    alpha = _alpha3(layer[rows, columns])
    colours = _premultiplied(layer[rows, columns], alpha)
    cv2.multiply(box, cv2.bitwise_not(alpha), dst=alpha, scale=1 / 255)
    np.copyto(box, cv2.add(alpha, colours))


def fit_layer(layer: Layer, out: Layer, fit: Fit = place) -> None:
    """`fit` for layers: what surrounds the layer in `out` becomes transparent."""
    if layer.shape == out.shape:
        np.copyto(out, layer)
        return
    colours, alpha = parts(layer)
    out[:] = 0
    fit(np.asarray(cv2.merge([*cv2.split(colours), alpha]), np.uint8), out)
    _straighten(out)


def fade_layers(under: Layer | Picture, over: Layer | Picture, share: float, out: Layer) -> None:
    """The fade from `under` to `over` at its share (0..1) into `out`; a picture (H, W, 3) is opaque.

    Of a layer before or behind a picture only the box about the player is computed: elsewhere the picture's
    own colours remain.
    """
    rows, columns = slice(None), slice(None)
    for opaque_one, layer, weight in ((under, over, 1 - share), (over, under, share)):
        if opaque_one.shape[2] == 3 and layer.shape[2] == 4:
            cv2.cvtColor(opaque_one, cv2.COLOR_BGR2BGRA, dst=out)
            out[..., 3] = round(255 * weight)
            rows, columns = _box(layer)
    box = out[rows, columns]
    if box.size == 0:
        return
    tops, bottoms = (parts(layer[rows, columns]) for layer in (over, under))
    colours, alpha = (
        cv2.addWeighted(top, share, bottom, 1 - share, 0) for top, bottom in zip(tops, bottoms, strict=True)
    )
    np.copyto(box, cv2.merge([*cv2.split(colours), alpha]))
    _straighten(box)


def parts(layer: Layer | Picture) -> tuple[Picture, NDArray[np.uint8]]:
    """Colours times alpha, and alpha; a picture is opaque."""
    if layer.shape[2] == 3:
        return layer, np.full(layer.shape[:2], 255, np.uint8)
    return _premultiplied(layer, _alpha3(layer)), np.asarray(cv2.extractChannel(layer, 3), np.uint8)


def draw_on(layer: Layer, draw: Callable[[Picture], None]) -> None:
    """Lets `draw` draw on the layer's colours, in place; what it draws is opaque."""
    before = np.asarray(cv2.cvtColor(layer, cv2.COLOR_BGRA2BGR), np.uint8)
    picture = before.copy()
    draw(picture)
    drawn = (picture != before).any(axis=2)
    layer[drawn, :3] = picture[drawn]
    layer[drawn, 3] = 255


def _box(layer: Layer) -> tuple[slice, slice]:
    x, y, width, height = cv2.boundingRect(cv2.extractChannel(layer, 3))
    return slice(y, y + height), slice(x, x + width)


def _alpha3(layer: Layer) -> NDArray[np.uint8]:
    """(H, W, 3): alpha in each channel."""
    return np.asarray(cv2.cvtColor(cv2.extractChannel(layer, 3), cv2.COLOR_GRAY2BGR), np.uint8)


def _premultiplied(layer: Layer, alpha: NDArray[np.uint8]) -> Picture:
    colours = cv2.cvtColor(layer, cv2.COLOR_BGRA2BGR)
    return np.asarray(cv2.multiply(colours, alpha, dst=colours, scale=1 / 255), np.uint8)


def _straighten(layer: Layer) -> None:
    """From premultiplied to straight, in place."""
    rows, columns = _box(layer)
    box = layer[rows, columns]
    if box.size:
        colours = cv2.divide(cv2.cvtColor(box, cv2.COLOR_BGRA2BGR), _alpha3(box), scale=255)
        box[..., :3] = colours
