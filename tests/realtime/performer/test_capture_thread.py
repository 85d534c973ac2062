import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.cameras.camera_name import CaptureError
from realtime.cameras.video_source import VideoSource
from realtime.performer.capture_thread import CameraState, CameraWatch, Captured, CaptureThread
from realtime.transport.telemetry import Meter
from tests.realtime.fakes import write_clip

S = 1_000_000_000


def until(enough: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not enough():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def captured_until(
    thread: CaptureThread, frames: list[Captured], enough: Callable[[], bool], timeout_s: float = 60
) -> None:
    """And until the thread has ended."""
    try:
        deadline = time.monotonic() + timeout_s
        while not enough():
            assert time.monotonic() < deadline, f"only {len(frames)} frames came"
            time.sleep(0.01)
    finally:
        thread.stop()
    until(lambda: not thread.running, "it ends")


def test_a_file_is_stamped_with_its_own_time_and_loops(tmp_path: Path) -> None:
    source = VideoSource(str(write_clip(tmp_path / "clip.mp4", frames=6, fps=24)))
    assert source.recorded
    assert source.fps == 24
    assert source.media_ns is None
    stamps, greys, places = [], [], []
    for _ in range(15):
        stamps.append(source.grab())
        places.append(source.media_ns)
        greys.append(int(source.picture().mean()))
    source.close()
    assert np.diff(stamps) == pytest.approx(S / 24, abs=1e6)
    assert places == pytest.approx([n % 6 * S / 24 for n in range(15)], abs=1e6), "in the file"
    for n, grey in enumerate(greys):
        assert abs(grey - greys[n % 6]) <= 1
    assert np.diff(greys[:6]).min() > 2


def test_a_file_plays_at_its_own_rate(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=10, fps=50)
    frames: list[Captured] = []
    meter = Meter()
    thread = CaptureThread(str(clip), frames.append, meter, first_frame_id=1000)
    thread.start(must_open=True)
    captured_until(thread, frames, lambda: bool(frames) and frames[-1].frame_id >= 1060)
    stamps = {frame.frame_id: frame.captured_ns for frame in frames}
    first, last = min(stamps), max(stamps)
    assert first == 1000
    assert stamps[last] - stamps[first] >= (last - first) * S // 50 - 1_000_000
    steps = 0
    for one, other in pairwise(frames):
        media_ns = (other.media_ns or 0) - (one.media_ns or 0)
        captured_ns = other.captured_ns - one.captured_ns
        if media_ns > 0 and captured_ns < 100_000_000:  # not into another round, nor after it stood still
            assert captured_ns == pytest.approx(media_ns, abs=1_000_000), "they tell when their round began"
            steps += 1
    assert steps >= 5
    counts = meter.take().counts
    assert counts["frames.captured"] == len(frames) + counts.get("dropped.late_from_source", 0)


class FakeSource:
    """A camera that gives `frames` frames and then drops out."""

    name = "fake"
    fps = 50.0
    gives = ""
    recorded = False
    damaged = 0
    media_ns: int | None = None

    def __init__(self, frames: int) -> None:
        self._left = frames
        self.closed = False

    def grab(self) -> int:
        time.sleep(0.002)
        self._left -= 1
        if self._left < 0:
            raise CaptureError("camera fake gives no picture any more: check the cable")
        return 0

    def picture(self) -> NDArray[np.uint8]:
        return np.zeros((4, 4, 3), np.uint8)

    def close(self) -> None:
        self.closed = True


def test_a_camera_that_drops_out_is_opened_again() -> None:
    opened: list[FakeSource] = []
    tries = 0

    def open_source(camera: str) -> FakeSource:
        nonlocal tries
        tries += 1
        if tries == 2:
            raise CaptureError("camera fake: it cannot be opened")
        opened.append(FakeSource(5))
        return opened[-1]

    frames: list[Captured] = []
    meter = Meter()
    thread = CaptureThread("fake", frames.append, meter, open_source=open_source)
    thread.start(must_open=True)
    captured_until(thread, frames, lambda: len(frames) >= 10)
    assert [frame.frame_id for frame in frames] == list(range(len(frames)))
    assert opened[0].closed
    texts = [text for _, text in meter.take().events]
    assert texts[0] == "camera fake gives no picture any more: check the cable; trying again"
    assert texts[1] == "camera fake is back"
    assert tries >= 3


def test_a_restarted_show_waits_for_its_camera() -> None:
    tries = 0

    def open_source(camera: str) -> FakeSource:
        nonlocal tries
        tries += 1
        raise CaptureError("camera fake: it cannot be opened")

    meter = Meter()
    thread = CaptureThread("fake", lambda _: None, meter, open_source=open_source)
    thread.start(must_open=False)
    until(lambda: tries == 2 or not thread.running, "it is tried again")
    assert thread.running
    thread.stop()
    assert [text for _, text in meter.take().events] == ["camera fake: it cannot be opened; trying again"]


def test_a_missing_camera_ends_the_start() -> None:
    thread = CaptureThread("none.mp4", lambda _: None, Meter())
    with pytest.raises(CaptureError, match=r"none\.mp4"):
        thread.start(must_open=True)


def test_a_camera_that_hangs_is_left_to_itself_and_opened_anew() -> None:
    hangs, closed = threading.Event(), threading.Event()

    class Hanging(FakeSource):
        def grab(self) -> int:
            if self._left <= 1:
                hangs.set()
                closed.wait(120)
            return super().grab()

    opened: list[FakeSource] = []

    def open_source(camera: str) -> FakeSource:
        opened.append(FakeSource(1000) if opened else Hanging(5))
        return opened[-1]

    frames: list[Captured] = []
    thread = CaptureThread("fake", frames.append, Meter(), open_source=open_source)
    thread.start(must_open=True)
    assert hangs.wait(60)
    before = len(frames)
    since_ns = thread.in_driver_since_ns
    assert since_ns is not None and thread.running and thread.frames == before == 4
    thread.replace()
    captured_until(thread, frames, lambda: len(frames) > before + 5)
    closed.set()
    until(lambda: opened[0].closed, "the old one is closed once it comes back")
    assert [frame.frame_id for frame in frames] == list(range(len(frames)))


def test_a_hung_camera_is_told_of_then_replaced_then_given_up() -> None:
    watch = CameraWatch()
    steps = [(0, 0, 1), (3, 0, 1), (5, 0, 1), (11, 0, 1), (13, 0, 1), (14, 13, 1), (24, 13, 1), (26, 13, 1)]
    assert [watch.step(now * S, since * S, frames).name for now, since, frames in steps] == [
        "WELL", "WELL", "SILENT", "SILENT", "HUNG", "SILENT", "SILENT", "HOPELESS",
    ]  # fmt: skip
    watch = CameraWatch()
    assert watch.step(13 * S, 0, 1) is CameraState.HUNG
    assert watch.step(20 * S, 19 * S, 2) is CameraState.WELL, "a picture has come"
    assert watch.step(40 * S, 39 * S, 2) is CameraState.WELL


def test_a_camera_that_drops_out_does_not_hang() -> None:
    watch = CameraWatch()
    assert all(watch.step(now * S, None, 1) is CameraState.WELL for now in range(100))


class Shared:
    """Sources that each fill their pictures with a number, and can be held back."""

    def __init__(self, *names: str) -> None:
        self.greys = {name: grey for grey, name in enumerate(names, 1)}
        self.broken: set[str] = set()
        self.opened: list[tuple[str, FakeSource]] = []

    def __call__(self, camera: str) -> FakeSource:
        if camera in self.broken:
            raise CaptureError(f"camera {camera}: it cannot be opened")
        grey = self.greys[camera]

        class Grey(FakeSource):
            name = camera
            gives = f"{camera} 50.0"

            def picture(self) -> NDArray[np.uint8]:
                return np.full((4, 4, 3), grey, np.uint8)

        self.opened.append((camera, Grey(10**6)))
        return self.opened[-1][1]


def test_a_switch_shows_the_other_camera_without_a_gap_and_closes_the_one_before() -> None:
    cameras, frames, meter = Shared("a", "b"), list[Captured](), Meter()
    thread = CaptureThread("a", frames.append, meter, open_source=cameras)
    thread.start(must_open=True)
    until(lambda: len(frames) > 5, "a plays")
    thread.switch("b")
    thread.switch("b")
    until(lambda: frames[-1].switches == 1, "b is on")
    assert (thread.camera, thread.name, thread.gives, thread.trouble) == ("b", "b", "b 50.0", "")
    until(lambda: cameras.opened[0][1].closed, "a is closed")
    thread.switch("a")
    captured_until(thread, frames, lambda: frames[-1].switches == 2)
    assert [frame.frame_id for frame in frames] == list(range(len(frames)))
    assert np.all(np.diff([frame.captured_ns for frame in frames]) >= 0)
    for frame in frames:
        assert frame.picture[0, 0, 0] == (2 if frame.switches == 1 else 1), "never one of the other"
    assert [name for name, _ in cameras.opened] == ["a", "b", "a"]
    assert [text for _, text in meter.take().events] == [
        "camera a gives a 50.0",
        "camera b is on", "camera b gives b 50.0",
        "camera a is on", "camera a gives a 50.0",
    ]  # fmt: skip


def test_until_the_other_camera_gives_a_picture_the_one_before_goes_on() -> None:
    cameras, frames = Shared("a", "b"), list[Captured]()
    cameras.broken.add("b")
    thread = CaptureThread("a", frames.append, Meter(), open_source=cameras)
    thread.start(must_open=True)
    until(lambda: len(frames) > 5, "a plays")
    thread.switch("b")
    until(lambda: thread.trouble == "camera b: it cannot be opened", "the trouble is told")
    before = len(frames)
    until(lambda: len(frames) > before + 5, "a goes on")
    assert thread.name == "a" and frames[-1].switches == 0
    cameras.broken.clear()
    captured_until(thread, frames, lambda: frames[-1].switches == 1)
    assert thread.name == "b"


def test_a_switch_can_be_taken_back_before_the_other_camera_is_on() -> None:
    cameras, frames = Shared("a", "b"), list[Captured]()
    cameras.broken.add("b")
    thread = CaptureThread("a", frames.append, Meter(), open_source=cameras)
    thread.start(must_open=True)
    until(lambda: len(frames) > 1, "a plays")
    thread.switch("b")
    until(lambda: thread.trouble != "", "b is waited for")
    waiting = thread._next
    thread.switch("a")
    assert thread.trouble == ""
    assert waiting is not None
    waiting.thread.join(60)  # it may just be trying once more
    cameras.broken.clear()
    before = len(frames)
    captured_until(thread, frames, lambda: len(frames) > before + 200)
    assert {frame.switches for frame in frames} == {0}
    assert [name for name, _ in cameras.opened] == ["a"]


def test_another_camera_relieves_one_that_is_lost() -> None:
    cameras, frames = Shared("a", "b"), list[Captured]()
    cameras.broken.add("a")
    thread = CaptureThread("a", frames.append, Meter(), open_source=cameras)
    thread.start(must_open=False)
    until(lambda: thread.trouble != "", "a is lost")
    thread.switch("b")
    captured_until(thread, frames, lambda: len(frames) > 3)
    assert thread.trouble == ""
    assert frames[0].switches == 1


def test_a_sources_own_time_is_the_frames() -> None:
    class Stamped(FakeSource):
        def grab(self) -> int:
            super().grab()
            return time.monotonic_ns() - 20_000_000

    frames: list[Captured] = []
    thread = CaptureThread("fake", frames.append, Meter(), open_source=lambda camera: Stamped(50))
    begun_ns = time.monotonic_ns()
    thread.start(must_open=True)
    captured_until(thread, frames, lambda: len(frames) > 3)
    assert frames[0].captured_ns <= time.monotonic_ns() - 20_000_000
    assert frames[0].captured_ns >= begun_ns - 20_000_000
