"""The regression test of the whole show: the bundled fan drives the demo player twice, with the real nets."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import pytest

import run_live
from realtime.config.inputs import RecordInputs
from realtime.config.show import BUNDLED_CLIP, BUNDLED_PLAYER, Show, WebRtc
from realtime.inputs.folder import ACTIONS, begin
from realtime.inputs.lines import JsonLines
from realtime.performer.networks import Nets, load_nets
from realtime.supervise.supervisor import Supervisor
from tests.demo_nets import tinted_demo_nets
from tests.realtime.fakes import Heard
from tests.realtime.test_show_runs import in_background, states, wait_for
from tests.test_replay import BUSY, off
from tools.replay import timeline
from tools.replay.__main__ import Said, replay
from tools.replay.compare import Comparison

START_S = 300
FPS, EVERY, PICTURES = 4, 6, 90
"""A camera that is slow enough for two cores without AVX-512."""

LEAST_SEEN = 0.6
"""A machine that shows fewer of so few pictures is busy with something else: its rehearsal says nothing."""

pytestmark = pytest.mark.skipif(
    not (BUNDLED_PLAYER / "player.toml").exists(), reason="players/demo is not there yet"
)


def slow_clip(path: Path) -> Path:
    """The bundled clip as a camera of FPS gives it."""
    with av.open(str(BUNDLED_CLIP)) as source, av.open(str(path), "w") as clip:
        stream = clip.add_stream("libx264", rate=FPS, options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for n, frame in enumerate(source.decode(video=0)):
            if n % EVERY == 0:
                frame.pts, frame.time_base = n // EVERY, Fraction(1, FPS)
                clip.mux(stream.encode(frame))
            if n == EVERY * PICTURES:
                break
        clip.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds on air, mirrored from the fourth on."""
    folder = tmp_path_factory.mktemp("rehearsal")
    recording = folder / "recording"
    keep = RecordInputs(folder=recording)
    show = Show(
        camera=str(slow_clip(folder / "fan.mp4")),
        start="live",
        hold_ms=2000,
        webrtc=WebRtc(port=0),
        record_inputs=keep,
    )
    begin(keep, show, datetime.now())
    actions = JsonLines(recording / ACTIONS, "actions")
    supervisor = Supervisor(show, run_live.check(show, None), load_nets, Heard(), inputs=actions)

    def operate() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"], START_S)
        time.sleep(4)
        supervisor.desk.act("mirror", {"on": True}, who="test")
        time.sleep(6)

    errors = in_background(supervisor, operate)
    supervisor.run()
    actions.close()
    assert not errors
    found = timeline.read(recording)
    seen = found.seen(found.camera[0], found.end_ns)
    if len(seen) < LEAST_SEEN * len(found.camera):
        pytest.skip(
            f"this machine is too busy for a show: it showed {len(seen)} of {len(found.camera)} pictures"
        )
    return recording


def again(recording: Path, out: Path, nets: Callable[[Show], Nets]) -> Comparison:
    return replay(recording, out, BUSY, Said(aloud=False), nets=nets)


def test_the_same_code_gives_the_same_show(rehearsal: Path, tmp_path: Path) -> None:
    comparison = again(rehearsal, tmp_path / "replay", load_nets)
    assert comparison.ok, [check for check in comparison.checks if not check.ok]


def test_another_tint_of_the_player_is_found(rehearsal: Path, tmp_path: Path) -> None:
    comparison = again(rehearsal, tmp_path / "replay", tinted_demo_nets)
    assert {"pictures", "worst"} <= off(comparison)
    (check,) = [check for check in comparison.checks if check.name == "pictures"]
    assert check.off is not None and check.off > 2 * check.most
