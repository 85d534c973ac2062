"""Videos with alpha come out straight, round and round."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace

from realtime.layers.alpha_video import AlphaVideo
from realtime.pictures.opening import VideoError

FRAMES = 5


def make(path: Path, codec: str, pix_fmt: str, *, noise: int = 0) -> None:
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
            layer[..., :3] += np.random.default_rng(n).integers(0, noise + 1, (64, 128, 3), np.uint8) // 2
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


@pytest.mark.parametrize("size", [(1280, 720), (1920, 200), (640, 360)])
def test_colours_that_the_file_does_not_name_are_those_usual_for_its_size(
    size: tuple[int, int], tmp_path: Path
) -> None:
    path, green = tmp_path / "a.mov", (40, 200, 60)
    space = Colorspace.ITU601 if size == (640, 360) else Colorspace.ITU709
    layer = np.full((size[1], size[0], 4), (*green, 255), np.uint8)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("prores_ks", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuva444p10le"
        frame = av.VideoFrame.from_ndarray(layer, format="bgra")
        frame = frame.reformat(format="yuva444p10le", dst_colorspace=space)
        frame.colorspace = 2  # unspecified
        file.mux([*stream.encode(frame), *stream.encode(None)])
    video = AlphaVideo(path)
    video.grab()
    np.testing.assert_allclose(video.picture()[..., :3].mean(axis=(0, 1)), green, atol=4)
    video.close()


@pytest.mark.parametrize("damage", ["junk", "cut"])
def test_a_damaged_file_goes_round_without_what_is_damaged(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    make(path, "libvpx-vp9", "yuva420p", noise=40)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 4 // 5])
    else:
        whole, path = path, tmp_path / "junk.webm"
        with av.open(str(whole)) as file, av.open(str(path), "w") as junk:
            stream = junk.add_stream_from_template(file.streams.video[0])
            for number, packet in enumerate(file.demux()):
                if packet.dts is None:
                    continue
                kept = packet
                if number == 2:
                    kept = av.Packet(b"\xff" * packet.size)
                    kept.pts, kept.dts, kept.time_base = packet.pts, packet.dts, packet.time_base
                kept.stream = stream
                junk.mux(kept)
    video = AlphaVideo(path)
    times = []
    for _ in range(3 * FRAMES):
        times.append(video.grab())
        assert video.picture().shape == (64, 128, 4)
    video.close()
    assert times == sorted(times)
