"""A short soak of a real show with fake networks: it is hurt, recovers, and is told of. No figure of time is
judged here: the machine may be busy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.reliability import trial as trials
from tools.reliability.faults import FAULTS
from tools.reliability.soak import main
from tools.reliability.trial import trial
from tools.reliability.trial_show import running

FAKE = "tests.tools.reliability.fake_show"
PROCESSES = {"supervisor", "performer", "playout", "web server", "output webrtc", "output recorder"}
CLIP = "assets/fan_dance.mp4"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "RECOVER_S", 300.0)


def test_a_short_soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "ANSWER_S", 30.0)
    faults = ["performer-killed", "camera-unplugged", "recorder-disk-full"]
    flags = ["--minutes", "0.3", "--faults", ",".join(faults), "--viewers", "2", "--out", str(tmp_path)]
    assert main(flags, FAKE) in (0, 1)
    found = json.loads((tmp_path / "soak.json").read_text(encoding="utf-8"))
    outcomes = {each["fault"]: each for each in found["outcomes"]}
    assert list(outcomes) == faults
    assert all(each["recovered_s"] is not None for each in outcomes.values())
    assert outcomes["performer-killed"]["restarts"] == {"performer": 1}
    assert outcomes["camera-unplugged"]["off_live_s"] > 3  # of a performer it may be too short to be seen
    assert not any("started again" in line or "shared memory" in line for line in found["broken"])
    whole = [  # the last one may be of a process that is being started again
        sample
        for sample in found["samples"]
        if {name for name in sample["processes"] if not name.startswith("spare ")} == PROCESSES
    ]
    assert whole, found["samples"][-1]
    assert any(
        all(held["memory_mb"] > 5 and held["handles"] > 3 for held in sample["processes"].values())
        for sample in whole
    )
    assert any((sample["watching"] or 0) >= 1 for sample in whole)
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.soak
def test_what_hangs_is_replaced_and_viewers_are_served_again() -> None:
    with trial(Path(CLIP), 1, FAKE) as show:
        webrtc = show.hurt_by(FAULTS["webrtc-killed"])
        playout = show.hurt_by(FAULTS["playout-killed"])
        nets = show.hurt_by(FAULTS["nets-nan"])
        port = show.hurt_by(FAULTS["port-taken"])
        assert webrtc.recovered_s is not None and webrtc.restarts == {"output webrtc": 1}
        assert webrtc.viewer_gap_s > 0.5
        assert playout.recovered_s is not None and playout.restarts == {"playout": 1}
        assert playout.lost > 0
        assert nets.recovered_s is not None and nets.off_live_s > 1
        assert port.recovered_s is not None and port.restarts["web server"] >= 1
        assert not show.restarts() - show.restarted
