"""Decoded frames → BGR pictures to be shown: upright, of square pixels, SDR BT.709, all of one size."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from realtime.pictures.colour import Colour, Transfer, colour_of
from realtime.pictures.filters import FilterChain, Format
from realtime.pictures.hdr import SDR_WITHIN_HDR, Grade, cube_file, grade_of
from realtime.pictures.opening import VideoError
from realtime.pictures.orientation import Orientation, orientation_of
from realtime.pictures.picture import Picture, place

LONGEST_PIXEL = 4
"""Pixels more than so many times longer than wide, or wider than long, are a mistake of the file's."""

GRADED = "gbrp16le"
"""What colours are looked up in: of all formats that FFmpeg's lut3d takes, the one it is quickest with."""
RGB = 0
"""FFmpeg's number for R'G'B' among its colour spaces (AVCOL_SPC_RGB)."""
ANY = Fraction(1, 1000)
"""Filters that keep no frame back need no stamps."""
GLANCE = (320, 180)
"""What a picture is scaled to, to tell how bright it is: so no ringing of its compression counts."""

Look = tuple[int | str, ...]


class Converter:
    """For the frames of one video, in one thread. size: (width, height) of all its pictures, pixels.

    A frame that differs from the first in size or colour is shown likewise, whole, as large as fits.
    """

    def __init__(self, name: str, first: VideoFrame, pixel_aspect: Fraction) -> None:
        """name: what messages call the video. first: its first frame. pixel_aspect: how much wider than high
        its pixels are. Raises VideoError."""
        self._name = name
        self._pixel_aspect = pixel_aspect
        self._orientation = _orientation(first)
        self._grade: Grade | None = None
        self._look = _look(first)
        self._plan = self._planned(first)
        self.size = self._plan.size

    def __call__(self, frame: VideoFrame) -> Picture:
        """A new array, (H, W, 3) uint8 BGR. Raises VideoError."""
        look = _look(frame)
        if look != self._look:
            self._look, self._plan = look, self._planned(frame)
        try:
            picture = self._plan(frame)
        except FFmpegError as error:
            raise self._failed(error) from None
        if self._plan.size == self.size:
            return picture
        shown = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        place(picture, shown)
        return shown

    def _planned(self, frame: VideoFrame) -> _Plan:
        colour = colour_of(frame)
        try:
            if not colour.is_plain and self._grade is None:
                self._grade = _grade(frame, colour)
            grade = None if colour.is_plain else self._grade
            return _Plan(frame, colour, self._pixel_aspect, self._orientation, grade)
        except (FFmpegError, OSError) as error:
            raise self._failed(error) from None

    def _failed(self, error: FFmpegError | OSError) -> VideoError:
        return VideoError(f"{self._name} cannot be shown ({error.strerror}): convert it to H.264")


class _Plan:
    """How frames of one size, format and colour become pictures. A frame that is plain, or only to be scaled,
    takes one conversion by libswscale and no filter."""

    def __init__(
        self,
        frame: VideoFrame,
        colour: Colour,
        pixel_aspect: Fraction,
        orientation: Orientation,
        grade: Grade | None,
    ) -> None:
        width, height = square_size((frame.width, frame.height), pixel_aspect)
        scaled = (width, height) != (frame.width, frame.height)
        self.size = (height, width) if orientation.transposed else (width, height)
        to_rgb = _to_rgb(colour) | {
            "interpolation": Interpolation.BICUBIC if scaled else Interpolation.BILINEAR
        }
        self._graded: dict[str, Any] | None = None
        self._filters: FilterChain | None = None
        if grade is not None:
            self._graded = to_rgb | {"format": GRADED, "width": width, "height": height}
            to_rgb = {"threads": 1}
            with cube_file(colour, grade) as cube:
                lookup = ("lut3d", {"file": str(cube), "interp": "tetrahedral"})
                takes = Format(width, height, GRADED, RGB, ColorRange.JPEG)
                self._filters = FilterChain(takes, [lookup, *orientation.filters], ANY)
        elif orientation.filters:
            self._filters = FilterChain(Format.of(frame), orientation.filters, ANY)
        self._to_bgr = to_rgb | {"format": "bgr24", "width": self.size[0], "height": self.size[1]}
        self._reformatters = VideoReformatter(), VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Picture:
        if self._graded is not None:
            frame = self._reformatters[0].reformat(frame, **self._graded)
        if self._filters is not None:
            frame = self._filters(frame)
        picture = self._reformatters[1].reformat(frame, **self._to_bgr)
        return np.ascontiguousarray(picture.to_ndarray())


def square_size(size: tuple[int, int], pixel_aspect: Fraction) -> tuple[int, int]:
    """(width, height) that shows pixels of this aspect as square ones: enlarged, with even sides."""
    width, height = size
    if not Fraction(1, LONGEST_PIXEL) <= pixel_aspect <= LONGEST_PIXEL:
        return size
    if pixel_aspect > 1:
        wide = max(2, 2 * round(width * pixel_aspect / 2))
        return (wide, height) if abs(wide - width) > 1 else size
    high = max(2, 2 * round(height / pixel_aspect / 2))
    return (width, high) if abs(high - height) > 1 else size


def _look(frame: VideoFrame) -> Look:
    """What must be the same for two frames to be converted likewise."""
    return (
        frame.width,
        frame.height,
        frame.format.name,
        frame.colorspace,
        frame.color_range,
        frame.color_trc,
        frame.color_primaries,
    )


def _orientation(frame: VideoFrame) -> Orientation:
    try:
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV cannot list data of a kind that it does not know; it still tells the angle
        return Orientation.turned(frame.rotation)
    return Orientation() if matrix is None else orientation_of(np.frombuffer(matrix, np.int32).tolist())


def _to_rgb(colour: Colour) -> dict[str, Any]:
    """How a `VideoReformatter` is to read a frame."""
    ranges = {True: ColorRange.JPEG, False: ColorRange.MPEG, None: None}
    return {
        "src_colorspace": colour.matrix,
        "src_color_range": ranges[colour.full_range],
        "dst_color_range": ColorRange.JPEG,
        "threads": 1,  # libswscale's own threads cost a quarter more CPU
    }


def _grade(frame: VideoFrame, colour: Colour) -> Grade:
    if colour.transfer is Transfer.SDR:
        return SDR_WITHIN_HDR
    width, height = GLANCE
    glance = VideoReformatter().reformat(
        frame,
        **_to_rgb(colour),
        format="rgb48le",
        width=width,
        height=height,
        interpolation=Interpolation.AREA,
    )
    return grade_of(np.asarray(glance.to_ndarray(), np.uint16), colour)
