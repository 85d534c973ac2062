from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.convert import FULL
from tests.tools.prepare.footage_files import player_frames, write_video
from tools.alignment.solve import align
from tools.prepare import rules
from tools.prepare.files.journal import Journal, write_whole
from tools.prepare.files.pictures import Pictures
from tools.prepare.files.sources import Options, open_sources
from tools.prepare.scan import Scan, Scanner

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def frame() -> NDArray[np.uint8]:
    return player_frames(1, side=512)[0]


def scan(folder: Path, frames: list[NDArray[np.uint8]], options: Options, fps: int = 30) -> Scan:
    folder.mkdir(exist_ok=True)
    video = folder / "video.mp4"
    if not video.exists():
        write_video(video, frames, fps=Fraction(fps))
    pictures = Pictures(folder)
    scanner = Scanner(pictures, Journal(pictures.work / "journal"), options, FULL)
    return scanner(open_sources([video], options))


def test_another_person_close_by_is_told(tmp_path: Path, frame: NDArray[np.uint8]) -> None:
    twin = frame.copy()
    half = frame[:, 150:370]
    twin[:, :220], twin[:, 220:440] = half, half
    found = scan(tmp_path / "two", [twin] * 3, Options())
    assert found.reasons.tolist() == [rules.CROWDED] * 3
    assert np.isfinite(found.others).all()
    assert list((tmp_path / "two/work/thumbs" / rules.CROWDED).iterdir())
    assert not list((tmp_path / "two/work/scanned").iterdir())


def test_a_camera_that_moved_between_takes_is_aligned(tmp_path: Path, frame: NDArray[np.uint8]) -> None:
    one = write_video(tmp_path / "one.mp4", [frame] * 8)
    other = write_video(tmp_path / "other.mp4", [np.roll(frame, (4, 3), (0, 1))] * 8)
    pictures = Pictures(tmp_path)
    scanner = Scanner(pictures, Journal(tmp_path / "journal"), Options(), FULL)
    found = scanner(open_sources([one, other], Options()))
    assert found.numbers.tolist() == [*range(8), *range(1007, 1015)]
    alignment = align(found.alignment)
    assert alignment.scenes.tolist() == [0] * 16
    apart = np.linalg.inv(alignment.matrices[0]) @ alignment.matrices[12]
    np.testing.assert_allclose(apart[:2, 2], [-3, -4], atol=0.5)


def test_a_scan_in_chunks_goes_on_where_it_stopped(tmp_path: Path, frame: NDArray[np.uint8]) -> None:
    frames = [np.roll(frame, (0, shift), (0, 1)) for shift in (0, 0, 0, 9, 9)]
    options = Options(checkpoint=2)
    whole = scan(tmp_path / "whole", frames, options)
    assert whole.numbers.tolist() == [0, 1, 2, 3, 4] and whole.frames == (5,)
    assert np.isfinite(whole.world).all() and np.abs(whole.world).max() < 2
    journal = tmp_path / "whole/work/journal"
    assert len(list(journal.iterdir())) == 3
    for entry in sorted(journal.iterdir())[1:]:
        entry.unlink()
    again = scan(tmp_path / "whole", frames, options)
    np.testing.assert_array_equal(again.landmarks, whole.landmarks)
    np.testing.assert_array_equal(again.world, whole.world)
    for one, other in zip(again.alignment, whole.alignment, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert again.numbers.tolist() == whole.numbers.tolist()


def test_the_journal_holds_whole_entries_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "journal")
    journal.save("one", {"numbers": np.arange(3), "reasons": np.array(["", rules.CUT_OFF])})
    entry = Journal(tmp_path / "journal").load("one")
    assert entry["numbers"].tolist() == [0, 1, 2] and entry["reasons"].tolist() == ["", rules.CUT_OFF]

    def power_is_lost(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(Path, "replace", power_is_lost)
    with pytest.raises(SystemExit):
        journal.save("one", {"numbers": np.arange(9)})
    with pytest.raises(SystemExit):
        write_whole(tmp_path / "other", b"content")
    assert "two" not in journal and journal.load("one")["numbers"].tolist() == [0, 1, 2]
    assert not (tmp_path / "other").exists()
