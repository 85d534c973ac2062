from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.cameras.video_source import VideoSource
from realtime.pictures.hdr import HDR, SDR_WITHIN_HDR, compressed
from realtime.pictures.reader import VideoReader
from tests.realtime.pictures.odd_videos import write_video, yuv_frame

BT601, BT709, BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)
"""The shares of red and blue in luma."""
RED, GREEN = (200 / 255, 50 / 255, 50 / 255), (50 / 255, 200 / 255, 50 / 255)
SKIN, NAVY, GREY = (224 / 255, 172 / 255, 150 / 255), (30 / 255, 40 / 255, 90 / 255), (0.5, 0.5, 0.5)

CCW = (0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 0, 1 << 30)
"""A display matrix: a quarter turn to the left."""

TO_BT2020 = np.array([(0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956)])
"""From BT.709's linear R, G, B (ITU-R BT.2087, 2.1)."""
TO_P3 = np.array([(0.8225, 0.1774, 0.0), (0.0332, 0.9669, 0.0), (0.0171, 0.0724, 0.9108)])
"""Likewise, to Display P3."""


def seen(
    path: Path,
    colours: Sequence[Sequence[float]],
    luma: tuple[float, float],
    *,
    tags: dict[str, int],
    full: bool = False,
    bits: int = 8,
    size: tuple[int, int] = (96, 48),
) -> NDArray[np.int_]:
    """What comes out of a video with these stripes, R, G, B 0..255; checked to be the same live."""
    frame = yuv_frame(colours, luma, full=full, bits=bits, size=size)
    write_video(path, [frame], codec="ffv1", pix_fmt=frame.format.name, options={"level": "3"}, tags=tags)
    with VideoReader(path) as reader:
        ((_, picture),) = reader
    source = VideoSource(str(path))
    source.grab()
    np.testing.assert_array_equal(source.picture(), picture)
    source.close()
    width = size[0] // len(colours)
    middles = [width * n + width // 2 for n in range(len(colours))]
    return picture[size[1] // 2, middles, ::-1].astype(int)


@pytest.mark.parametrize(
    ("luma", "matrix"), [(BT601, 5), (BT601, 6), (BT709, 1), (BT2020, 9)], ids=["625", "525", "709", "2020"]
)
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
def test_matrix_and_range_are_read_as_what_they_say(
    tmp_path: Path, luma: tuple[float, float], matrix: int, full: bool
) -> None:
    tags = {"colorspace": matrix, "color_range": 2 if full else 1, "color_primaries": 1}
    found = seen(tmp_path / "a.mkv", [RED, GREEN, (1, 1, 1), (0, 0, 0)], luma, full=full, tags=tags)
    right = [(200, 50, 50), (50, 200, 50), (255, 255, 255), (0, 0, 0)]
    assert np.abs(found - right).max() <= 2


@pytest.mark.parametrize(
    ("size", "luma"),
    [((640, 360), BT601), ((720, 576), BT601), ((1280, 360), BT709), ((720, 1280), BT709)],
    ids=str,
)
def test_where_nothing_is_said_the_size_tells(
    tmp_path: Path, size: tuple[int, int], luma: tuple[float, float]
) -> None:
    found = seen(tmp_path / "a.mkv", [RED, GREEN], luma, tags={}, size=size)
    assert np.abs(found - [(200, 50, 50), (50, 200, 50)]).max() <= 2


def light_of(colours: Sequence[Sequence[float]], white_nits: float) -> NDArray[np.float64]:
    """What an SDR display of gamma 2.4 shows, cd/m2, in BT.2020's R, G, B."""
    return np.asarray(white_nits * np.array(colours) ** 2.4 @ TO_BT2020.T)


def hlg(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100-2, table 5: the inverse OOTF of a display of 1000 cd/m2, and the OETF."""
    shown = light / 1000
    luminance = shown @ (0.2627, 0.6780, 0.0593)
    scene = shown * np.maximum(luminance, 1e-9)[..., None] ** (1 / 1.2 - 1)
    a, b, c = 0.17883277, 1 - 4 * 0.17883277, 0.5 - 0.17883277 * np.log(4 * 0.17883277)
    high = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def pq(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100-2, table 4: the inverse EOTF."""
    y = (light / 10_000) ** (2610 / 16384)
    return np.asarray(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** (2523 / 32))


TRANSFERS = pytest.mark.parametrize(("encode", "transfer"), [(hlg, 18), (pq, 16)], ids=["hlg", "pq"])


def hdr_tags(transfer: int) -> dict[str, int]:
    return {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": transfer}


@TRANSFERS
def test_what_is_as_bright_as_hdr_s_diffuse_white_is_white(
    tmp_path: Path, encode: object, transfer: int
) -> None:
    assert callable(encode)
    light = light_of([SKIN, RED, NAVY, GREY, (1, 1, 1)], 203)
    lamp = np.full((1, 3), 1000.0)
    colours = encode(np.concatenate([light, lamp]))
    found = seen(tmp_path / "a.mkv", colours, BT2020, tags=hdr_tags(transfer), bits=10)
    right = np.rint(255 * np.array([SKIN, RED, NAVY, GREY]))
    assert np.abs(found[:4] - right).max() <= 3
    assert 240 <= found[4].min() <= found[4].max() <= 250, "there is room above it"
    assert found[5].min() >= 253


@TRANSFERS
def test_the_levels_that_bt2408_names(tmp_path: Path, encode: object, transfer: int) -> None:
    """Table 1: an 18 % grey card at 26 cd/m2 is 38 % in both, diffuse white 75 % HLG and 58 % PQ."""
    white = {18: 0.75, 16: 0.58}[transfer]
    found = seen(tmp_path / "a.mkv", [(0.38,) * 3, (white,) * 3], BT2020, tags=hdr_tags(transfer), bits=10)
    assert found[0] == pytest.approx(np.full(3, 255 * (26 / 203) ** (1 / 2.4)), abs=3)
    assert found[1] == pytest.approx(np.full(3, 244), abs=3)


@TRANSFERS
def test_sdr_that_was_put_into_hdr_comes_back(tmp_path: Path, encode: object, transfer: int) -> None:
    assert callable(encode)
    colours = [SKIN, RED, NAVY, GREY, (225 / 255, 228 / 255, 243 / 255), (1, 1, 1)]
    signal = encode(light_of(colours, 100))
    found = seen(tmp_path / "a.mkv", signal, BT2020, tags=hdr_tags(transfer), bits=10)
    assert np.abs(found[:5] - np.rint(255 * np.array(colours[:5]))).max() <= 3
    assert found[5].min() >= 249


@pytest.mark.parametrize(
    ("matrix", "luma", "tags"),
    [
        (TO_BT2020, BT2020, {"colorspace": 9, "color_primaries": 9, "color_trc": 14}),
        (TO_P3, BT709, {"colorspace": 1, "color_primaries": 12, "color_trc": 1}),
    ],
    ids=["bt2020", "p3"],
)
def test_wide_gamuts_without_hdr_keep_their_colours(
    tmp_path: Path, matrix: NDArray[np.float64], luma: tuple[float, float], tags: dict[str, int]
) -> None:
    colours = [SKIN, RED, GREEN, GREY, (1, 1, 1), (0, 0, 0)]
    signal = (np.array(colours) ** 2.4 @ matrix.T) ** (1 / 2.4)
    found = seen(tmp_path / "a.mkv", signal, luma, tags={"color_range": 1, **tags}, bits=10)
    assert np.abs(found - np.rint(255 * np.array(colours))).max() <= 3


def test_a_colour_that_bt709_lacks_loses_saturation_alone(tmp_path: Path) -> None:
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 14}
    ((red, green, blue),) = seen(tmp_path / "a.mkv", [(0.1, 0.9, 0.1)], BT2020, tags=tags, bits=10)
    assert red == 0 < blue < green
    luminance = np.array([0.1, 0.9, 0.1]) ** 2.4 @ (0.2627, 0.6780, 0.0593)
    shown = (np.array([red, green, blue]) / 255) ** 2.4 @ (0.2126, 0.7152, 0.0722)
    assert shown == pytest.approx(luminance, abs=0.01)


def test_highlights_are_compressed_without_a_bend() -> None:
    for grade in (HDR, SDR_WITHIN_HDR):
        light = np.linspace(0, 1000 / grade.white_nits, 100_000)
        shown = compressed(light, grade)
        slopes = np.diff(shown) / np.diff(light)
        np.testing.assert_array_equal(shown[light <= grade.knee], light[light <= grade.knee])
        assert shown[-1] == pytest.approx(1) and (slopes > 0).all() and np.diff(slopes).max() < 1e-6
        assert slopes[np.searchsorted(light, grade.knee) + 1] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("aspect", "size"), [((4, 3), (128, 48)), ((1, 2), (96, 96)), ((99, 1), (96, 48))])
def test_pixels_become_square(tmp_path: Path, aspect: tuple[int, int], size: tuple[int, int]) -> None:
    frame = yuv_frame([RED, GREEN], BT601)
    path = write_video(
        tmp_path / "a.mp4",
        [frame],
        pix_fmt="yuv444p",
        pixel_aspect=Fraction(*aspect),
        tags={"color_range": 1},
    )
    with VideoReader(path) as reader:
        assert reader.size == size
        ((_, picture),) = reader
    assert picture.shape == (size[1], size[0], 3)
    at = picture[size[1] // 2, [size[0] // 4, 3 * size[0] // 4], ::-1].astype(int)
    assert np.abs(at - [(200, 50, 50), (50, 200, 50)]).max() <= 6


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [
        ("libx264", "yuv422p"),
        ("libx264", "yuv444p"),
        ("libx264", "yuv420p10le"),
        ("libx264", "yuv422p10le"),
        ("mjpeg", "yuvj422p"),
        ("prores_ks", "yuva444p10le"),
        ("png", "rgb24"),
        ("qtrle", "argb"),
        ("rawvideo", "yuyv422"),
    ],
)
def test_every_format_is_read_and_turned(tmp_path: Path, codec: str, pix_fmt: str) -> None:
    stored = np.zeros((64, 96, 3), np.uint8)
    stored[:32, :48], stored[32:, :48], stored[32:, 48:] = 255, (50, 50, 200), (200, 60, 50)
    path = write_video(
        tmp_path / "a.mov", [stored] * 2, codec=codec, pix_fmt=pix_fmt, options={"qscale": "2"}, matrix=CCW
    )
    with VideoReader(path) as reader:
        assert reader.size == (64, 96)
        (_, picture), _ = reader
    at = picture[[80, 10, 80, 10], [10, 10, 55, 55]].astype(int)
    assert np.abs(at - [(255, 255, 255), (0, 0, 0), (50, 50, 200), (200, 60, 50)]).max() <= 6
