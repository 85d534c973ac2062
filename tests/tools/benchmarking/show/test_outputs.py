from __future__ import annotations

from pathlib import Path

import pytest

from tools.benchmarking.show import outputs

CLIP = Path(__file__).resolve().parents[4] / "assets" / "fan_dance.mp4"


def test_every_encoder_encodes_every_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "SIZES", {(64, 48): 200_000})
    monkeypatch.setattr(outputs, "PICTURES", 4)
    rows = outputs.measure(CLIP, rounds=12)
    assert [row.what for row in rows][1:] == ["aiortc, H.264, 64x48", "aiortc, VP8, 64x48"]
    for row in rows:
        assert row.figures["samples"] == 7  # twelve less the warm-up
        assert isinstance(row.figures["kbit_s"], int) and row.figures["kbit_s"] > 0
