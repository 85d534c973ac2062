from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.tracking.smoothing import LIVE, MEDIAPIPE, Smoothing
from tools.benchmarking.quality import smoothing
from tools.benchmarking.quality.smoothing import curve, jitter, lag, picture, smooth

TIMES = [round(frame * 1e9 / 30) for frame in range(300)]


@pytest.fixture
def joints() -> NDArray[np.float64]:
    """(300, 4, 2): joints that swing, about 80 pixels to each side."""
    time = np.arange(300) / 30
    swings = [np.sin(2 * np.pi * (0.5 + 0.2 * row) * time) for row in range(8)]
    return 80 * np.stack(swings, axis=1).reshape(300, 4, 2)


def test_a_lag_is_found_to_a_tenth_of_a_frame(joints: NDArray[np.float64]) -> None:
    for late in (0, 1, 3):
        assert lag(np.roll(joints, late, axis=0) + 7, joints) == pytest.approx(late, abs=0.11)


def test_smoothing_takes_jitter_and_brings_lag_and_a_lead_the_other_way_round(
    joints: NDArray[np.float64],
) -> None:
    noisy = joints + np.random.default_rng(0).normal(0, 2, joints.shape)
    points = {point.smoothing: point for point in curve(noisy, joints, TIMES, 1 / 300)}
    still = points[Smoothing(1.5, 6)]
    led = points[Smoothing(1.5, 6, lead_s=0.045)]
    assert still.jitter < 0.75 and still.lag > 0.4
    assert led.jitter > still.jitter and led.lag < still.lag - 0.5
    live = points[LIVE]
    assert live.jitter < points[MEDIAPIPE._replace(lead_s=LIVE.lead_s)].jitter and live.lag <= 0.5


def test_it_smooths_as_the_tracker_does(joints: NDArray[np.float64]) -> None:
    assert jitter(joints, joints) == 0
    np.testing.assert_allclose(smooth(joints, TIMES, 1 / 300, LIVE)[0], joints[0], atol=1e-4)


def test_the_curve_is_drawn(joints: NDArray[np.float64], tmp_path: Path) -> None:
    points = curve(joints + np.random.default_rng(0).normal(0, 2, joints.shape), joints, TIMES, 1 / 300)
    canvas = picture(points)
    assert canvas.shape == (400, 640, 3)
    coloured = np.ptp(canvas.astype(int), axis=2) > 60
    assert coloured.sum() > 500
    assert cv2.imwrite(str(tmp_path / "curve.png"), canvas)


def test_what_cannot_be_measured_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert smoothing.main([str(tmp_path / "none.mp4"), str(tmp_path / "none.npz")]) == 1
    assert "none.npz" in capsys.readouterr().err
