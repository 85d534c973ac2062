"""Five real minutes on the beat of a click track; `beat_run` says how it is measured."""

from pathlib import Path

import numpy as np
import pytest

from tests.realtime.beat_run import FRAME_MS, run


@pytest.mark.soak
@pytest.mark.parametrize("bpm", [97, 120])
@pytest.mark.parametrize("midi", [False, True])
def test_the_delay_is_a_frame_off_the_beat_at_most(bpm: float, midi: bool, tmp_path: Path) -> None:
    seen = run(bpm, 300, tmp_path, midi=midi)
    assert len(seen.around_ms) > 280
    assert np.abs(seen.around_ms).max() <= FRAME_MS
