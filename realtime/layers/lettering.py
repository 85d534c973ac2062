"""A line of text as a picture with alpha, in any TrueType or OpenType font."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from realtime.pictures.picture import Picture

PAD = 0.42
"""Room between the letters and the edge of their box, as a share of the letters' height."""

ROUND = 0.3
"""Radius of the box's corners, likewise."""

SMOOTH = 4
"""The box is drawn so many times larger, and shrunk: its corners are smooth."""

LEAST_PX = 6
"""Smaller letters cannot be read."""


class FontError(ValueError):
    """A font that cannot be used; the text names its file."""


def default_font() -> Path:
    """DejaVu Sans Bold, which comes with Matplotlib."""
    found = importlib.util.find_spec("matplotlib")
    assert found is not None  # noqa: S101  # it is in requirements.txt
    assert found.origin is not None  # noqa: S101
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"


def load_font(path: Path | None, height: int) -> ImageFont.FreeTypeFont:
    """A font whose letters are about so many pixels high; None for the default. Raises FontError."""
    try:
        return ImageFont.truetype(path or default_font(), max(LEAST_PX, height))
    except (OSError, ValueError) as error:
        raise FontError(f"{path}: it is no font that can be read ({error})") from error


def lettered(
    text: str, font: Path | None, height: int, widest: int, colour: str, box: str
) -> tuple[Picture, NDArray[np.uint8]]:
    """Colours (H, W, 3) BGR times alpha, and alpha (H, W), of a line of text in its box.

    height: of the letters, pixels. widest: of the whole, pixels: a longer line has smaller letters. colour,
    box: "#rrggbb" or "#rrggbbaa". Raises FontError.
    """
    face = load_font(font, height)
    padded = face.getlength(text) + 2 * PAD * height
    if padded > widest:
        height = max(LEAST_PX, int(height * widest / padded))
        face = load_font(font, height)
    pad = round(PAD * height)
    left, _, right, _ = face.getbbox(text, anchor="ls")
    ascent, descent = face.getmetrics()
    size = (int(np.ceil(right - left)) + 2 * pad, ascent + descent + pad)
    letters = Image.new("L", size)
    ImageDraw.Draw(letters).text((pad - left, ascent + pad // 2), text, fill=255, font=face, anchor="ls")
    behind = Image.new("L", (size[0] * SMOOTH, size[1] * SMOOTH))
    corner = ROUND * height * SMOOTH
    ImageDraw.Draw(behind).rounded_rectangle((0, 0, behind.width - 1, behind.height - 1), corner, fill=255)
    top, top_alpha = _inked(letters, colour)
    bottom, bottom_alpha = _inked(behind.reduce(SMOOTH), box)
    colours = top + bottom * (1 - top_alpha)
    alpha = top_alpha + bottom_alpha * (1 - top_alpha)
    return np.rint(255 * colours).astype(np.uint8), np.rint(255 * alpha[..., 0]).astype(np.uint8)


def _inked(mask: Image.Image, colour: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colours times alpha (H, W, 3) and alpha (H, W, 1), 0..1, of a mask in one colour."""
    red, green, blue, *opacity = bytes.fromhex(colour[1:])
    alpha = np.asarray(mask, np.float32)[..., None] / 255 * ((opacity or [255])[0] / 255)
    return alpha * np.array((blue, green, red), np.float32) / 255, alpha
