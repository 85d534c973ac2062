"""What a frame's numbers mean: matrix, range, transfer and primaries (ITU-T H.273)."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

HD_SIZE = (1280, 720)
"""From this width or height on BT.709 is meant where nothing is said, below it BT.601."""


class Transfer(Enum):
    """How a signal becomes light."""

    SDR = "sdr"
    HLG = "hlg"
    PQ = "pq"


class Gamut(Enum):
    """Which red, green and blue are meant. BT.601's differ from BT.709's by less than is seen."""

    BT709 = "bt709"
    BT2020 = "bt2020"
    P3 = "p3"


class Colour(NamedTuple):
    """matrix: from Y'CbCr to R'G'B'; None for a frame that has no Y'CbCr, and so for full_range."""

    matrix: Colorspace | None
    full_range: bool | None
    transfer: Transfer
    gamut: Gamut

    @property
    def is_plain(self) -> bool:
        """Whether it is SDR BT.709 already."""
        return self.transfer is Transfer.SDR and self.gamut is Gamut.BT709


_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
"""By H.273's MatrixCoefficients."""
_TRANSFERS: dict[int, Transfer] = {ColorTrc.ARIB_STD_B67: Transfer.HLG, ColorTrc.SMPTE2084: Transfer.PQ}
_GAMUTS: dict[int, Gamut] = {ColorPrimaries.BT2020: Gamut.BT2020, ColorPrimaries.SMPTE432: Gamut.P3}


def colour_of(frame: VideoFrame) -> Colour:
    """As the frame says, or as is usual for its size."""
    transfer = _TRANSFERS.get(frame.color_trc, Transfer.SDR)
    gamut = _GAMUTS.get(frame.color_primaries, Gamut.BT709)
    unnamed = frame.color_primaries in (ColorPrimaries.UNSPECIFIED, 0)
    usual = Colorspace.ITU601
    if transfer is not Transfer.SDR:
        usual = Colorspace.BT2020
    elif frame.width >= HD_SIZE[0] or frame.height >= HD_SIZE[1]:
        usual = Colorspace.ITU709
    matrix = _MATRICES.get(frame.colorspace, usual)
    if unnamed and matrix is Colorspace.BT2020:
        gamut = Gamut.BT2020
    if frame.format.is_rgb or frame.format.has_palette:
        return Colour(None, None, transfer, gamut)
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    return Colour(matrix, full, transfer, gamut)
