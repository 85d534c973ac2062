"""The link's benchmark, on a small picture."""

from __future__ import annotations

import pytest

from tools.benchmarking import link
from tools.benchmarking.network import NoNetwork


def test_frames_are_counted_and_the_cable_limits_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "SETTLE_S", 0.5)
    try:
        found = link.measure((320, 240), 20, 2, "20mbit", alpha=False, camera=False)
    except NoNetwork as error:
        pytest.skip(f"no two network namespaces here: {error}")
    assert 0 < found["received_fps"] < 15  # 37 Mbit/s are offered
    assert 0 < found["cable_mbits"] < 22
    assert 0 < found["p50_ms"] <= found["p99_ms"]
