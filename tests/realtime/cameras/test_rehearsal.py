import time

import numpy as np

from realtime.cameras.video_source import VideoSource
from realtime.pictures import timecode

MS = 1_000_000


def test_it_comes_at_its_rate_with_the_time_in_the_picture() -> None:
    source = VideoSource("test://640x360@50")
    assert (source.fps, source.gives, source.recorded) == (50.0, "640x360 test 50.0", False)
    due_ns, ages_ms, pictures = [], [], []
    for _ in range(20):
        due_ns.append(source.grab())
        assert time.monotonic_ns() >= due_ns[-1], "it waits until it is due"
        picture = source.picture()
        drawn = timecode.read(picture)
        assert drawn is not None
        ages_ms.append(timecode.age_ms(time.time_ns() / MS, drawn))
        pictures.append(picture)
    source.close()
    assert pictures[0].shape == (360, 640, 3)
    steps = np.diff(due_ns) / (20 * MS)
    assert np.allclose(steps, np.rint(steps), atol=1e-3), "what is late is left out"
    assert np.all(steps >= 1 - 1e-3)
    assert min(ages_ms) < 20
    below = slice(timecode.BLOCK, 330)
    assert np.any(pictures[0][below] != pictures[-1][below]), "the fan moves"


def test_another_shape_shows_the_whole_fan() -> None:
    source = VideoSource("test://720x1280@30")
    source.grab()
    picture = source.picture()
    source.close()
    assert picture.shape == (1280, 720, 3)
    assert np.ptp(picture[1270, 600:].astype(int), axis=0).max() == 0, "what the clip does not fill"


def test_the_pictures_after_a_pause_are_those_of_now() -> None:
    source = VideoSource("test://640x360@50")
    source.grab()
    time.sleep(0.3)
    before_ns = time.monotonic_ns()
    assert source.grab() > before_ns - 20 * MS
    source.close()
