"""Videos with alpha come out straight, round and round."""

from pathlib import Path

import av
import numpy as np
import pytest

from realtime.layers.alpha_video import AlphaVideo
from realtime.pictures.opening import VideoError

FRAMES = 5


def make(path: Path, codec: str, pix_fmt: str) -> None:
    """A red square over transparency that moves by 16 pixels a frame; its left half is half transparent."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 64, pix_fmt
        if codec.startswith("libvpx"):
            stream.codec_context.options = {"auto-alt-ref": "0"}
        for n in range(FRAMES):
            layer = np.zeros((64, 128, 4), np.uint8)
            layer[16:48, 16 * n : 16 * n + 32] = (0, 0, 255, 255)
            layer[16:48, 16 * n : 16 * n + 16, 3] = 128
            frame = av.VideoFrame.from_ndarray(layer, format="bgra").reformat(format=pix_fmt)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("ending", "codec", "pix_fmt"),
    [
        (".mov", "prores_ks", "yuva444p10le"),
        (".mov", "png", "rgba"),
        (".webm", "libvpx-vp9", "yuva420p"),
        (".webm", "libvpx", "yuva420p"),
    ],
    ids=["prores", "png", "vp9", "vp8"],
)
def test_alpha_and_times_come_out(ending: str, codec: str, pix_fmt: str, tmp_path: Path) -> None:
    make(tmp_path / f"a{ending}", codec, pix_fmt)
    video = AlphaVideo(tmp_path / f"a{ending}")
    times = []
    for n in range(2 * FRAMES):
        times.append(video.grab())
        layer = video.picture()
        left = 16 * (n % FRAMES)
        assert layer[32, left + 24, 3] > 245
        assert layer[32, left + 8, 3] == pytest.approx(128, abs=10)
        assert layer[32, left + 24, 2] > 235
        assert layer[4, :, 3].max() < 12
    video.close()
    np.testing.assert_allclose(np.diff(times) / 1e6, 40, atol=1)


def test_a_file_that_is_no_video_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.mov").write_text("no video")
    with pytest.raises(VideoError, match=r"a\.mov"):
        AlphaVideo(tmp_path / "a.mov")
