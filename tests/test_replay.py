"""A rehearsal is recorded, run again and compared; and what differs is found."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import cv2
import pytest

from realtime.inputs.folder import ACTIONS, COMPARISON, SHEET, begin
from realtime.inputs.lines import JsonLines, read_lines
from realtime.inputs.track_reader import Track
from realtime.supervise.supervisor import Supervisor
from tests.fake_rehearsal import grey_nets, show_of, tinted_nets
from tests.realtime.fakes import SIZE, Heard
from tests.realtime.test_show_runs import child, in_background, states, wait_for
from tools.replay import timeline
from tools.replay.__main__ import Said, main, replay
from tools.replay.compare import Comparison
from tools.replay.tolerances import tolerances

ROOT = Path(__file__).resolve().parents[1]
BUSY = tolerances(
    ["actions=1000", "states=2000", "frames=80", "ticks=15", "latency p50=500", "latency p95=1000"]
)
"""Times that a machine with other work to do keeps too; pictures are compared as strictly as ever."""

ATTEMPTS = 3
"""Where other work leaves a show no time at all, it falls back, and that is found."""


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording of a show in which the operator drew the skeleton, and later pressed slate and cut."""
    folder = tmp_path_factory.mktemp("rehearsal")
    recording = folder / "recording"
    show, player = show_of(folder, recording)
    assert show.record_inputs is not None
    begin(show.record_inputs, show, datetime.now())
    actions = JsonLines(recording / ACTIONS, "actions")
    heard = Heard()
    supervisor = Supervisor(show, player, grey_nets, heard, inputs=actions)

    def operate() -> None:
        wait_for(lambda: states(supervisor)[-1:] == ["LIVE"], 180)
        wait_for(lambda: supervisor.status().keeps_camera, 180)
        time.sleep(1.5)
        supervisor.desk.act("skeleton", {"on": True}, who="test", confirmed=True)
        time.sleep(3)
        supervisor.desk.act("slate", who="test")
        time.sleep(1)
        supervisor.desk.act("cut", who="test", confirmed=True)
        time.sleep(1.5)

    errors = in_background(supervisor, operate)
    supervisor.run()
    actions.close()
    assert not errors
    assert any(f"the camera's pictures are being kept in {recording}" in line for line in heard.lines)
    return recording


def run_again(recording: Path, out: Path, nets: object = grey_nets) -> Comparison:
    _, player = show_of(out.parent, out)
    return replay(recording, out, BUSY, Said(aloud=False), nets=nets, player=player)  # type: ignore[arg-type]


def off(comparison: Comparison) -> set[str]:
    return {check.name for check in comparison.checks if not check.ok}


def test_a_rehearsal_is_kept_for_this_user_alone(rehearsal: Path) -> None:
    assert stat.S_IMODE(rehearsal.stat().st_mode) == 0o700
    track = Track(rehearsal, "camera")
    kept = list(track.pictures())
    assert len(kept) == len(track.lines) > 20
    stamps = [line["captured_ns"] for line in track.lines]
    assert stamps == sorted(stamps)
    greys = {round(float(picture.mean())) for _, _, picture in kept}
    assert kept[0][2].shape == (SIZE[1], SIZE[0], 3) and len(greys) > 8
    done = [line["action"] for line in read_lines(rehearsal / ACTIONS) if line["type"] == "action"]
    assert done == ["skeleton", "slate", "cut"]


def test_the_same_show_gives_the_same(rehearsal: Path, tmp_path: Path) -> None:
    for _ in range(ATTEMPTS):
        comparison = run_again(rehearsal, tmp_path / "replay")
        if comparison.ok:
            break
    assert comparison.ok, [check for check in comparison.checks if not check.ok]
    assert comparison.counts["compared"] >= 3
    names = {check.name: check for check in comparison.checks}
    assert "SLATE" in names["states"].rehearsal
    assert names["actions"].replay == "3 done"
    assert names["worst"].off is not None and names["worst"].off < 4
    sheet = cv2.imread(str(tmp_path / "replay" / SHEET))
    assert sheet is not None and sheet.shape[1] == 2 * 480
    written = json.loads((tmp_path / "replay" / COMPARISON).read_text(encoding="utf-8"))
    assert written["ok"] and len(written["pictures"]) == comparison.counts["compared"]


def test_another_player_is_found(rehearsal: Path, tmp_path: Path) -> None:
    comparison = run_again(rehearsal, tmp_path / "replay", tinted_nets)
    assert {"pictures", "worst"} <= off(comparison)
    assert "actions" not in off(comparison)


@pytest.mark.parametrize(("dropped", "seen_in"), [("skeleton", "worst"), ("slate", "states")])
def test_an_action_that_does_nothing_is_found(
    rehearsal: Path, tmp_path: Path, dropped: str, seen_in: str
) -> None:
    copy = shutil.copytree(rehearsal, tmp_path / "recording")
    lines = (copy / ACTIONS).read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if json.loads(line).get("action") != dropped]
    assert len(kept) == len(lines) - 1
    (copy / ACTIONS).write_text("\n".join(kept) + "\n", encoding="utf-8")
    assert seen_in in off(run_again(copy, tmp_path / "replay"))


def test_a_rehearsal_that_was_killed_is_replayed_up_to_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "recording"
    command = [sys.executable, "-m", "tests.fake_rehearsal", str(tmp_path)]
    show = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        track = recording / "camera.jsonl"
        wait_for(lambda: sum(1 for _ in read_lines(track)) > 100, 240)
        recorder = child("output inputs")
        assert recorder is not None
        recorder.kill()  # another one goes on, in another video
        wait_for(lambda: (recording / "camera-1.mkv").exists(), 180)
        wait_for(lambda: sum(1 for line in read_lines(track) if line["video"] == 1) > 60, 180)
    finally:
        os.killpg(show.pid, signal.SIGKILL)
        show.wait()
    kept = [line["video"] for _, line, _ in Track(recording, "camera").pictures()]
    assert kept.count(0) > 50 and kept.count(1) > 20, "all but the last second"
    assert not (recording / "report.json").exists()
    comparison = run_again(recording, tmp_path / "replay")
    names = {check.name: check for check in comparison.checks}
    assert names["pictures"].ok and names["worst"].ok, comparison.checks
    # A recorder that starts slowly begins in LIVE, and a busy machine falls back more often.
    assert "LIVE" in names["states"].rehearsal and "SLATE" not in names["states"].rehearsal
    lacks = timeline.read(recording).hole() is not None  # until the other recorder, unless that was quick
    assert ("it lacks pictures of the camera for " in capsys.readouterr().out) is lacks
    assert comparison.counts["compared"] >= 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none"], "is no recording of inputs"),
        (["none", "--allow", "fly=3"], "write NAME=VALUE; the names are: actions"),
    ],
)
def test_what_cannot_be_replayed_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], words: str
) -> None:
    assert main([str(tmp_path / arguments[0]), *arguments[1:]]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_results_do_not_go_where_something_else_lies(
    capsys: pytest.CaptureFixture[str], rehearsal: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").touch()
    assert main([str(rehearsal), "--out", str(tmp_path)]) == 2
    assert "choose another folder with --out" in capsys.readouterr().err
    assert (tmp_path / "notes.txt").exists()
