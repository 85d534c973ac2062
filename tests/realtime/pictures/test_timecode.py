from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pictures import timecode


@given(st.integers(0, 2**50))
def test_what_is_drawn_can_be_read(time_ms: int) -> None:
    picture = np.full((32, timecode.WIDTH + 8, 3), 90, np.uint8)
    timecode.draw(picture, time_ms)
    assert timecode.read(picture) == time_ms % timecode.MODULUS
    assert (picture[timecode.BLOCK :] == 90).all()
    assert (picture[:, timecode.WIDTH :] == 90).all()


@pytest.mark.parametrize("grey", [0, 255])
def test_a_plain_picture_is_no_time(grey: int) -> None:
    assert timecode.read(np.full((32, timecode.WIDTH, 3), grey, np.uint8)) is None


def test_it_survives_a_codec_at_a_low_bitrate() -> None:
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt, codec.bit_rate = 640, 360, "yuv420p", 300_000
    codec.framerate, codec.time_base = Fraction(30), Fraction(1, 30)
    codec.options = {"preset": "ultrafast", "tune": "zerolatency"}
    decoder = av.CodecContext.create("h264", "r")
    rng = np.random.default_rng(1)
    sent, read = [], []
    for n in range(20):
        picture = rng.integers(0, 255, (360, 640, 3), dtype=np.uint8)
        timecode.draw(picture, 123_456 + 33 * n)
        sent.append(123_456 + 33 * n)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        frame.pts = n
        for packet in codec.encode(frame):
            read += [timecode.read(p.to_ndarray(format="bgr24")) for p in decoder.decode(packet)]
    read += [timecode.read(p.to_ndarray(format="bgr24")) for p in decoder.decode(None)]
    assert read == sent


def test_ages_go_over_the_modulus() -> None:
    assert timecode.age_ms(5, timecode.MODULUS - 40) == 45
    assert timecode.age_ms(timecode.MODULUS + 5.5, 5) == 0.5
    assert timecode.age_ms(0, 10) == -10
