"""Real clips are found well, and a fault that is put into one is found.

The footage is not part of the repository.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.camera import CameraSample, Verdict, judge
from tools.camera.check import people_in

REAL = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "real"
WELL = (
    "drive/gillhung_4girls.mp4",
    "drive/vibeold_2girls.mp4",
    "terryky_seniors5.mp4",
    "sam2_juggle.mp4",
    "tfjs_pose_1.mp4",
)


def judged(name: str, light_hz: float = 0.0, seconds: float = 4.0) -> dict[str, Verdict]:
    """light_hz: light that flickers so, by an eighth, is put into the clip."""
    path = REAL / name
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    pytest.importorskip("av")
    from tools.footage.video import VideoReader

    sample, reader = CameraSample(seconds), VideoReader(path)
    try:
        for t_ns, picture in reader:
            if t_ns > seconds * 1e9:
                break
            rows = t_ns / 1e9 + np.arange(picture.shape[0]) / picture.shape[0] / 60
            light = 1 + 0.125 * np.sin(2 * np.pi * light_hz * rows)[:, None, None]
            sample.add((picture * light).clip(0, 255).astype(np.uint8) if light_hz else picture, t_ns)
    finally:
        reader.close()
    verdicts = judge(sample, asked_fps=sample.fps, people=people_in(sample.kept))
    return {verdict.name: verdict for verdict in verdicts}


@pytest.mark.parametrize("name", WELL)
def test_real_clips_are_well(name: str) -> None:
    told = judged(name)
    assert all(verdict.is_well for verdict in told.values()), told
    assert "people" in told["exposure"].found


def test_flicker_is_found_among_people_who_dance() -> None:
    told = judged("drive/gillhung_4girls.mp4", light_hz=100)["bands"]
    assert "100 Hz light" in told.found and "1/100 or 1/50 s" in told.do
