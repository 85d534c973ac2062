"""A short soak of a real show with fake networks: it is hurt, recovers, and is told of. No figure of time is
judged here: the machine may be busy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.reliability.faults import FAULTS
from tools.reliability.soak import main
from tools.reliability.trial import trial

FAKE = "tests.tools.reliability.fake_show"
CLIP = "assets/fan_dance.mp4"


def test_a_short_soak(tmp_path: Path) -> None:
    faults = ["performer-killed", "camera-unplugged", "recorder-disk-full"]
    flags = ["--minutes", "0.3", "--faults", ",".join(faults), "--viewers", "2", "--out", str(tmp_path)]
    assert main(flags, FAKE) in (0, 1)
    found = json.loads((tmp_path / "soak.json").read_text(encoding="utf-8"))
    outcomes = {each["fault"]: each for each in found["outcomes"]}
    assert list(outcomes) == faults
    assert all(each["recovered_s"] is not None for each in outcomes.values())
    assert outcomes["performer-killed"]["restarts"] == {"performer": 1}
    assert outcomes["performer-killed"]["off_live_s"] > 0.5
    assert outcomes["camera-unplugged"]["off_live_s"] > 3
    assert not any("started again" in line or "shared memory" in line for line in found["broken"])
    last = found["samples"][-1]
    assert {name for name in last["processes"] if not name.startswith("spare ")} == {
        "supervisor", "performer", "playout", "web server", "output webrtc", "output recorder",
    }  # fmt: skip
    assert all(held["memory_mb"] > 5 and held["handles"] > 3 for held in last["processes"].values())
    assert last["watching"] >= 1
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
