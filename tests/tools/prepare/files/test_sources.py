from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest

from tests.tools.prepare.footage_files import write_video
from tools.footage.video import VideoReader
from tools.prepare.files import PrepareError
from tools.prepare.files.sources import Numbering, Options, digest, find_videos, open_sources

GREY = np.full((64, 64, 3), 90, np.uint8)


def numbers_of(path: Path, fps: Fraction | None = None, first: int = 0) -> list[int]:
    with VideoReader(path) as reader:
        numbering = Numbering(first, fps or reader.fps)
        return [number for t_ns, _ in reader if (number := numbering(t_ns)) is not None]


@pytest.mark.parametrize(
    "fps", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60)], ids=str
)
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_frames_at_an_even_rate_are_numbered_one_by_one(tmp_path: Path, fps: Fraction, ending: str) -> None:
    path = write_video(tmp_path / f"even.{ending}", [GREY] * 90, fps=fps)
    assert numbers_of(path, first=5000) == list(range(5000, 5090))


def test_a_variable_rate_is_numbered_by_time(tmp_path: Path) -> None:
    steps = [33, 34, 30, 37] * 10 + [500] + [33, 34, 30, 37] * 10 + [5, 5]
    path = write_video(tmp_path / "phone.mkv", [GREY] * 84, times_ms=[0, *accumulate(steps)])
    numbers = numbers_of(path, Fraction(30))
    assert numbers[:41] == list(range(41))
    assert numbers[41] - numbers[40] == 15  # half a second without frames
    assert len(numbers) == 82  # the two that follow at once are left out
    assert (np.diff(numbers) > 0).all()


def test_a_faster_take_is_thinned_and_a_slower_one_has_gaps(tmp_path: Path) -> None:
    fast = write_video(tmp_path / "fast.mp4", [GREY] * 60, fps=Fraction(60))
    assert numbers_of(fast, Fraction(30)) == list(range(30))
    slow = write_video(tmp_path / "slow.mp4", [GREY] * 25, fps=Fraction(25))
    numbers = numbers_of(slow, Fraction(50))
    assert numbers == list(range(0, 50, 2))


def test_a_folder_stands_for_its_videos_by_name(tmp_path: Path) -> None:
    takes = tmp_path / "takes"
    takes.mkdir()
    for name in ("b.MOV", "a.mp4", "notes.txt"):
        (takes / name).touch()
    single = tmp_path / "single.dat"
    assert find_videos([single, takes]) == [single, takes / "a.mp4", takes / "b.MOV"]
    with pytest.raises(PrepareError, match=r"a\.mp4 is named twice"):
        find_videos([takes, takes / "a.mp4"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(PrepareError, match="empty holds no video"):
        find_videos([tmp_path / "empty"])


def test_takes_of_different_sizes_are_refused(tmp_path: Path) -> None:
    videos = [
        write_video(tmp_path / f"{side}.mp4", [np.full((side, side, 3), 90, np.uint8)] * 2)
        for side in (64, 128)
    ]
    with pytest.raises(PrepareError, match=r"128\.mp4 is 128x128 where 64\.mp4 is 64x64"):
        open_sources(videos, Options())
    assert len(open_sources(videos, Options(height=64))) == 2


def test_a_phone_s_upright_video_is_read_upright(tmp_path: Path) -> None:
    lying = np.full((128, 256, 3), 90, np.uint8)
    source = open_sources([write_video(tmp_path / "phone.mp4", [lying] * 2, rotation=-90)], Options())[0]
    assert source.first.shape == (256, 128, 3)


def test_takes_are_cut_to_the_size_of_the_other_players(tmp_path: Path) -> None:
    wide = np.full((96, 192, 3), 90, np.uint8)
    wide[:, 48:144] = 200
    source = open_sources([write_video(tmp_path / "wide.mp4", [wide] * 2)], Options(size=(64, 64)))[0]
    assert source.first.shape == (64, 64, 3)
    assert np.abs(source.first[:, 4:-4].astype(int) - 200).max() < 12, "its middle"


def test_too_small_a_video_is_refused(tmp_path: Path) -> None:
    video = write_video(tmp_path / "icon.mp4", [np.full((16, 64, 3), 90, np.uint8)] * 2)
    with pytest.raises(PrepareError, match=r"icon\.mp4 is smaller than 64x64"):
        open_sources([video], Options())


def test_the_digest_follows_videos_and_options(tmp_path: Path) -> None:
    videos = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for video in videos:
        video.write_bytes(video.name.encode())
    first = digest(videos, Options(), "full")
    assert digest(videos, Options(), "full") == first
    others = [
        digest(videos[:1], Options(), "full"),
        digest(videos[::-1], Options(), "full"),
        digest(videos, Options(height=480), "full"),
        digest(videos, Options(size=(64, 64)), "full"),
        digest(videos, Options(), "heavy"),
    ]
    videos[1].write_bytes(b"another take")
    assert len({first, *others, digest(videos, Options(), "full")}) == 7
