"""NV12 as another implementation makes it: FFmpeg's, with BT.709 and limited range."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engines.nv12 import bgr_to_nv12
from tests.engines.capturable import Capturable
from tests.packs import textured_plate


def converted(picture: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    height, width = picture.shape[:2]
    out = torch.empty(height * 3 // 2, width, dtype=torch.uint8)
    pixels = torch.from_numpy(picture)
    with Capturable():
        bgr_to_nv12(pixels, out)
    return out.numpy()


@pytest.mark.parametrize(
    ("bgr", "ycc"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((0, 0, 255), (63, 102, 240)),
        ((0, 255, 0), (173, 42, 26)),
        ((255, 0, 0), (32, 240, 118)),
    ],
)
def test_the_primaries_are_those_of_the_standard(
    bgr: tuple[int, int, int], ycc: tuple[int, int, int]
) -> None:
    out = converted(np.full((4, 6, 3), bgr, np.uint8))
    assert np.abs(out[:4].astype(int) - ycc[0]).max() <= 1
    assert np.abs(out[4:].reshape(-1, 2).astype(int) - ycc[1:]).max() <= 1


def test_it_is_what_ffmpeg_makes() -> None:
    av = pytest.importorskip("av")
    picture = textured_plate((128, 96))
    picture[20:60, 30:90] = (30, 60, 220)
    frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
    frame = frame.reformat(
        format="nv12", dst_colorspace="ITU709", dst_color_range="MPEG", src_color_range="JPEG"
    )
    theirs, ours = frame.to_ndarray().astype(int), converted(picture).astype(int)
    assert theirs.shape == ours.shape == (144, 128)
    off = np.abs(ours - theirs)
    assert off[:96].max() <= 2
    assert off[96:].mean() < 1 and np.percentile(off[96:], 95) <= 3  # FFmpeg sites chroma at the left
