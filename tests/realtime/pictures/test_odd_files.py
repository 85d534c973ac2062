"""Files as users bring them, beside the checkout (../shared/data/odd): each is read right, by the tools and
by the live show alike. Small ones of the same kinds are made in the other tests here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from realtime.cameras.video_source import VideoSource
from realtime.pictures.reader import VideoReader
from tests.realtime.pictures.odd_videos import ODD, Picture, stored_frames

NS_PER_S = 1_000_000_000
SCENE = (221, 203, 202)
"""The mean colour of the clip that all but one of the files were made from, BGR."""

NTU = ODD.parent / "real/drive/mmaction2_ntu.avi"


@dataclass(frozen=True)
class Right:
    """What a file holds. last_s: when its last frame is due. longest_s: the longest time between two."""

    size: tuple[int, int]
    frames: int
    fps: float
    last_s: float
    longest_s: float
    damaged: int = 0
    colour: tuple[int, int, int] = SCENE


FILES = {
    ODD / "rotate90_tag.mp4": Right((1080, 1920), 92, 30, 3.1, 2 / 30),
    ODD / "hflip_tag.mp4": Right((1920, 1080), 92, 30, 3.1, 2 / 30),
    ODD / "hdv1440x1080i50_sar4_3.mp4": Right((1920, 1080), 200, 50, 3.98, 1 / 50),
    ODD / "anamorphic_pal_sar16_11.mp4": Right((1048, 576), 120, 30, 119 / 30, 1 / 30),
    ODD / "iphone_hlg_10bit.mov": Right((1280, 720), 150, 30, 149 / 30, 1 / 30),
    ODD / "mediarecorder_noduration.webm": Right((640, 360), 180, 30, 5.967, 0.034),
    ODD / "raw_annexb.h264": Right((640, 360), 180, 30, 179 / 30, 1 / 30),
    ODD / "one_bad_packet.mp4": Right((640, 360), 179, 30, 179 / 30, 2 / 30, damaged=1),
    ODD / "bframes_avi.avi": Right((640, 360), 150, 30, 149 / 30, 1 / 30),
    ODD / "vfr.mp4": Right((640, 360), 74, 16.32, 4.9, 0.2334),
    ODD / "size_change.mkv": Right((640, 360), 210, 30, 6.967, 0.034),
    ODD / "size_change.ts": Right((640, 360), 210, 30, 209 / 30, 1 / 30),
    ODD / "colour_bt709.mp4": Right((1280, 360), 25, 25, 24 / 25, 1 / 25, colour=(50, 125, 125)),
    ODD / "trimmed_editlist.mov": Right((640, 360), 47, 30, 46 / 30, 1 / 30, colour=(217, 198, 198)),
    NTU: Right((1920, 1080), 103, 30, 102 / 30, 1 / 30, colour=(126, 133, 127)),
}

SCENES = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


@pytest.fixture(autouse=True)
def _there(request: pytest.FixtureRequest) -> None:
    path = request.node.callspec.params["path"] if hasattr(request.node, "callspec") else ODD
    if not path.exists():
        pytest.skip(f"{path} is not there")


def picture_at(path: Path, position: int) -> Picture:
    with VideoReader(path) as reader:
        return next(picture for _, _, picture in reader.read(position))


def played(source: VideoSource, frames: int) -> Iterator[tuple[int, Picture]]:
    for _ in range(frames):
        yield source.grab(), source.picture()


@SCENES
def test_the_tools_and_the_show_read_it_right_and_alike(path: Path) -> None:
    right = FILES[path]
    times, colours, some = [], [], {}
    with VideoReader(path) as reader:
        assert reader.size == right.size
        assert float(reader.fps) == pytest.approx(right.fps, abs=0.01)
        for position, t_ns, picture in reader.read():
            assert picture.shape == (right.size[1], right.size[0], 3)
            times.append(t_ns)
            colours.append(picture[::4, ::4].mean(axis=(0, 1)))
            if position % 40 < 2:
                some[len(times) - 1] = picture
        assert (len(times), reader.damaged) == (right.frames, right.damaged)
    steps_s = np.diff(times) / NS_PER_S
    assert times[0] == 0 and times[-1] / NS_PER_S == pytest.approx(right.last_s, abs=2e-3)
    assert steps_s.min() > 0.015 and steps_s.max() == pytest.approx(right.longest_s, abs=2e-3)
    assert np.abs(np.mean(colours, axis=0) - right.colour).max() < 6

    source = VideoSource(str(path))
    assert source.recorded and source.fps == pytest.approx(right.fps, abs=0.01)
    for frame, t_ns in enumerate(times):
        assert source.grab() == t_ns
        if frame in some:
            np.testing.assert_array_equal(source.picture(), some[frame])
    assert source.damaged == right.damaged
    again_ns = source.grab()  # it begins anew, one frame's time after the last
    assert (again_ns - times[-1]) / NS_PER_S == pytest.approx(1 / right.fps, abs=2e-3)
    np.testing.assert_array_equal(source.picture(), some[0])
    assert source.grab() - again_ns == times[1]
    source.close()


@pytest.mark.parametrize(
    ("path", "turned"),
    [
        (ODD / "rotate90_tag.mp4", lambda stored: np.rot90(stored)),
        (ODD / "hflip_tag.mp4", lambda stored: stored[:, ::-1]),
    ],
    ids=["rotate90", "hflip"],
)
def test_it_is_upright(path: Path, turned: object) -> None:
    assert callable(turned)
    stored = stored_frames(path, 6)[5]
    source = VideoSource(str(path))
    *_, (_, shown) = played(source, 6)
    source.close()
    assert np.abs(shown.astype(int) - turned(stored)).mean() < 4


@pytest.mark.parametrize("path", [ODD / "hdv1440x1080i50_sar4_3.mp4"], ids=["hdv"])
def test_fields_leave_no_comb(path: Path) -> None:
    def comb(picture: Picture) -> float:
        grey = picture[..., 1].astype(int)
        up, down = grey[1:-1] - grey[:-2], grey[1:-1] - grey[2:]
        return float(((up * down > 0) & (np.minimum(abs(up), abs(down)) > 25)).mean())

    assert comb(stored_frames(path, 21)[20]) > 20 * comb(picture_at(path, 40))


@pytest.mark.parametrize("path", [ODD / "iphone_hlg_10bit.mov"], ids=["hlg"])
def test_hlg_looks_as_its_sdr_source(path: Path) -> None:
    wall = picture_at(path, 60)[100:300, 750:950].mean(axis=(0, 1))
    assert (wall > 223).all() and (wall < 247).all()
    assert wall == pytest.approx((243, 228, 224), abs=4)


@pytest.mark.parametrize("path", [ODD / "colour_bt709.mp4"], ids=["bt709"])
def test_bt709_patches_have_their_colours(path: Path) -> None:
    source = VideoSource(str(path))
    *_, (_, shown) = played(source, 10)
    source.close()
    assert np.abs(shown[180, 320].astype(int) - (50, 50, 200)).max() <= 4
    assert np.abs(shown[180, 960].astype(int) - (50, 200, 50)).max() <= 4


@pytest.mark.parametrize("path", [ODD / "size_change.mkv"], ids=["size_change"])
def test_the_larger_part_fills_the_first_size(path: Path) -> None:
    before, after = (picture_at(path, n)[:60, 300:500].astype(int) for n in (119, 120))
    assert np.abs(before - after).mean() < 3, "the wall above him, at the same place"
