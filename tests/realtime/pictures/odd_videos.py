"""Small videos as users bring them, made for the tests; and the larger ones beside the checkout, if there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

ODD = Path(__file__).resolve().parents[4] / "shared/data/odd"

Picture = NDArray[np.uint8]


def write_video(
    path: Path,
    pictures: Iterable[Picture | av.VideoFrame],
    *,
    fps: int = 30,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    ticks: Sequence[int] | None = None,
    matrix: Sequence[int] | None = None,
    pixel_aspect: Fraction | None = None,
    tags: dict[str, int] | None = None,
    cover: str | None = None,
) -> Path:
    """pictures: (H, W, 3) BGR, or frames as they are to be encoded. ticks: times in units of 1 / fps. matrix:
    the display matrix. tags: the codec's colorspace, color_range, color_primaries, color_trc. cover: a codec
    in which one red picture is put before them, as a video of its own."""
    with av.open(str(path), "w", options=container or {}) as output:
        still = output.add_stream(cover, rate=1) if cover else None
        stream = output.add_stream(codec, rate=fps, options=options or {"crf": "4", "preset": "veryfast"})
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, fps)
        stream.pix_fmt = pix_fmt
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if matrix is not None:
            stream.set_display_matrix(matrix)
        for number, picture in enumerate(pictures):
            frame = picture if isinstance(picture, av.VideoFrame) else _frame(picture, pix_fmt)
            if number == 0:
                stream.width, stream.height = frame.width, frame.height
                if still is not None:
                    still.width, still.height, still.pix_fmt = 64, 64, "yuvj420p"
                    red = _frame(np.full((64, 64, 3), (0, 0, 255), np.uint8), "yuvj420p")
                    output.mux(still.encode(red))
                    output.mux(still.encode())
            frame.pts = number if ticks is None else ticks[number]
            frame.time_base = Fraction(1, fps)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def _frame(picture: Picture, pix_fmt: str) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24").reformat(format=pix_fmt)


def greys(count: int, size: tuple[int, int] = (64, 48)) -> list[Picture]:
    """The n-th is of the grey 40 + 5 n."""
    return [np.full((size[1], size[0], 3), 40 + 5 * n, np.uint8) for n in range(count)]


def marked(size: tuple[int, int] = (96, 64)) -> Picture:
    """Grey, with its upper left quarter white and its upper right one black: each way up looks different."""
    width, height = size
    picture = np.full((height, width, 3), 128, np.uint8)
    picture[: height // 2, : width // 2] = 255
    picture[: height // 2, width // 2 :] = 0
    return picture


def quarters(picture: Picture) -> list[int]:
    """The mean grey of the four quarters, by rows."""
    rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
    parts = [picture[:rows, :columns], picture[:rows, columns:], picture[rows:, :columns]]
    return [round(float(part.mean())) for part in [*parts, picture[rows:, columns:]]]


def bar(t: float, size: tuple[int, int] = (96, 64)) -> Picture:
    """A white bar on black that moves to the right by 4 pixels in a unit of time."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    left = round(10 + 4 * t)
    picture[:, left : left + 12] = 255
    return picture


def woven(count: int, *, top_first: bool = True) -> list[Picture]:
    """Frames of `bar` whose rows are of two times, 2 n and 2 n + 1: the even ones, the top field, are of the
    first, or of the second."""
    frames = []
    for n in range(count):
        frame = bar(2 * n)
        frame[top_first::2] = bar(2 * n + 1)[top_first::2]
        frames.append(frame)
    return frames


def interlaced(count: int, *, top_first: bool = True) -> list[av.VideoFrame]:
    """`woven` as frames that say so."""
    graph = Graph()
    source = graph.add("buffer", video_size="96x64", pix_fmt="yuv420p", time_base="1/25")
    field = graph.add("setfield", mode="tff" if top_first else "bff")
    graph.link_nodes(source, field, graph.add("buffersink")).configure()
    frames = []
    for picture in woven(count, top_first=top_first):
        graph.push(_frame(picture, "yuv420p"))
        frames.append(graph.vpull())
    return frames


INTERLACED = {"crf": "4", "preset": "veryfast", "flags": "+ildct+ilme"}
"""The encoder's options for `interlaced`."""


def combing(picture: Picture) -> float:
    """The share of pixels that differ from the rows above and below, in the same direction, by much."""
    grey = picture[..., 1].astype(int)
    up, down = grey[1:-1] - grey[:-2], grey[1:-1] - grey[2:]
    return float((np.sign(up) * np.minimum(abs(up), abs(down)) * (np.sign(up) == np.sign(down)) != 0).mean())


def yuv_frame(
    colours: Sequence[Sequence[float]],
    luma: tuple[float, float],
    *,
    full: bool = False,
    bits: int = 8,
    size: tuple[int, int] = (96, 48),
) -> av.VideoFrame:
    """Stripes of R'G'B' colours (0..1) as Y'CbCr 4:4:4, by ITU-R BT.601, 709 and 2020's common formula.

    luma: the share of red and blue in it.
    """
    red_share, blue_share = luma
    width, height = size
    stripes = np.repeat(np.array(colours, float), width // len(colours), axis=0)
    red, green, blue = stripes.T
    y = red_share * red + (1 - red_share - blue_share) * green + blue_share * blue
    cb, cr = (blue - y) / (2 * (1 - blue_share)), (red - y) / (2 * (1 - red_share))
    unit = 2 ** (bits - 8)
    top = 2**bits - 1
    if full:
        values = [y * top, cb * top + 128 * unit, cr * top + 128 * unit]
    else:
        values = [(16 + 219 * y) * unit, (128 + 224 * cb) * unit, (128 + 224 * cr) * unit]
    dtype = np.uint8 if bits == 8 else np.uint16
    planes = [np.rint(np.clip(np.tile(row, (height, 1)), 0, top)).astype(dtype) for row in values]
    frame = av.VideoFrame(width, height, "yuv444p" if bits == 8 else f"yuv444p{bits}le")
    for plane, stored in zip(planes, frame.planes, strict=True):
        rows = np.frombuffer(stored, dtype).reshape(height, -1)
        rows[:, :width] = plane
    return frame


def damage(path: Path, number: int) -> None:
    """Overwrites the `number`-th packet of its video."""
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][number]
        position, size = packet.pos, packet.size
    assert position is not None
    data = bytearray(path.read_bytes())
    data[position : position + size] = b"\xff" * size
    path.write_bytes(data)


def stored_frames(path: Path, count: int) -> list[Picture]:
    """The first frames as they lie in the file: BGR, neither turned nor scaled."""
    with av.open(str(path)) as container:
        frames = islice(container.decode(video=0), count)
        return [frame.to_ndarray(format="bgr24") for frame in frames]
