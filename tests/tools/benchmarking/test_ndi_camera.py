"""The benchmark of NDI cameras: the way over NDI, and what it reads from a show's log."""

import json
from pathlib import Path

import pytest

from realtime.cameras import ndi_source
from tools.benchmarking import ndi_camera
from tools.benchmarking.ndi import LOOPBACK


def test_pictures_of_the_rehearsal_come_over_ndi_with_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cyndilib", reason="cyndilib is not installed")
    (tmp_path / "ndi-config.v1.json").write_text(json.dumps(LOOPBACK), encoding="utf-8")
    monkeypatch.setenv("NDI_CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr(ndi_camera, "FIND_S", 120.0)
    monkeypatch.setattr(ndi_source, "LOST_S", 60.0)
    found = ndi_camera.transport(1.5)
    assert found["pictures"] >= 10
    assert 0 < found["since_drawn"]["p50_ms"] < 1000
    assert 0 <= found["since_told"]["p50_ms"] <= found["since_drawn"]["p99_ms"]


def test_states_are_read_from_the_log_of_a_show(tmp_path: Path) -> None:
    def line(second: int, **event: object) -> str:
        return json.dumps({"at": f"2026-11-24T20:00:0{second}.000+00:00", **event})

    log = [
        line(0, type="state", show={}),
        line(1, type="state", show={"state": "FALLBACK"}),
        line(2, type="message", text="a text"),
        line(3, type="state", show={"state": "LIVE"}),
        line(4, type="state", show={"state": "LIVE", "player": "Jones"}),
        line(5, type="state", show={"state": "HOLD"}),
    ]
    (tmp_path / "show-20261124-200000.jsonl").write_text("\n".join(log) + "\n", encoding="utf-8")
    found = [(at.second, state) for at, state in ndi_camera.states(tmp_path)]
    assert found == [(0, ""), (1, "FALLBACK"), (3, "LIVE"), (5, "HOLD")]
