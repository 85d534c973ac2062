"""The desk, the show log, OSC, the facts that clients are told, and what a show file says of controls."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.config.show import ShowError, load_show
from realtime.control.actions import ACTIONS
from realtime.control.desk import Desk, Event, Refused
from realtime.control.keys import Keymap
from realtime.control.network.metrics import EDGES_MS, buckets
from realtime.control.show_log import ShowLog, ShowLogError
from realtime.control.show_state import Figures, ShowStatus, StageState, reason, show_facts, status_line
from realtime.inputs.lines import LONGEST_QUEUE
from realtime.performer.confidence import NEVER_FILMED
from realtime.transport.orders import Orders
from realtime.transport.statuses import OutputStatus, PerformerStatus, PlayoutStatus, TempoStatus
from realtime.transport.swap import SwapState, SwapStatus
from realtime.transport.telemetry import BIN_MS, BINS, DROPS, Meter, Totals

ROOT = Path(__file__).resolve().parents[3]
S = 1_000_000_000


def test_a_risky_key_is_done_once_another_key_has_confirmed_it() -> None:
    desk = Desk(Orders(), Keymap({"take": "x"}), {})

    def key(character: str, at_s: float) -> str:
        return desk.key(character, who="terminal", now_ns=round(at_s * S))

    assert key("x", 0) == f"TAKE ({ACTIONS['take'].help})? Press y within 5 seconds"
    assert key("x", 1), "the same key again only asks again"
    assert not desk.orders.taken
    assert key("y", 2) == ""
    assert desk.orders.taken
    assert key(" ", 3) == ""
    assert desk.orders.slate
    assert "x  take" in key("h", 3)


@pytest.mark.parametrize("between", ["", "q", "h", "m", "z", "\x1b"])
def test_quit_needs_its_confirmation_right_after_it(between: str) -> None:
    for state in (Orders(), Orders(taken=True), Orders(armed=True)):
        desk = Desk(state, Keymap(), {})
        for second, character in enumerate(("q", between, "y")):
            if character:
                assert not desk.orders.quit
                desk.key(character, who="terminal", now_ns=second * S)
        assert desk.orders.quit is (between in ("", "q"))


def test_a_client_that_fails_does_not_fail_the_order() -> None:
    desk = Desk(Orders(), Keymap(), {})
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("its loop is closed")

    desk.listen(broken)
    desk.listen(heard.append)
    desk.act("slate", who="test")
    desk.measure({"fps": 30})
    assert desk.orders.slate
    assert [event["type"] for event in heard] == ["action", "state", "stats"]


def test_what_the_show_lacks_is_said_and_not_done() -> None:
    desk = Desk(Orders(), Keymap(), {}, lacking={"record": "the show has no recorder"})
    with pytest.raises(Refused, match="no recorder") as refused:
        desk.act("record", who="test")
    assert refused.value.status == 422
    assert desk.press("record", who="terminal", now_ns=0) == "record: the show has no recorder"
    assert not desk.orders.recording


def test_every_event_is_in_the_show_log_with_who_and_when(tmp_path: Path) -> None:
    log = ShowLog(tmp_path / "logs", datetime(2026, 11, 24, 23, 5, 9))
    desk = Desk(Orders(), Keymap(), {}, log)
    heard: list[Event] = []
    desk.listen(heard.append)
    desk.act("delay", {"seconds": 2}, who="console 10.0.0.5")
    with pytest.raises(Refused):
        desk.act("take", who="osc 10.0.0.6")
    desk.report({"state": "LIVE"})
    desk.report({"state": "LIVE"})  # nothing new
    desk.tell("Überraschung")
    desk.measure({"fps": 30})
    log.close(timeout_s=60)
    assert log.path == tmp_path / "logs" / "show-20261124-230509.jsonl"
    lines = [json.loads(line) for line in log.path.read_text(encoding="utf-8").splitlines()]
    assert [line["type"] for line in lines] == ["action", "state", "action", "state", "message"]
    assert lines[0]["who"] == "console 10.0.0.5"
    assert (lines[0]["action"], lines[0]["arguments"]) == ("delay", {"seconds": 2.0})
    assert lines[2]["result"] == "take must be confirmed, or armed before"
    assert lines[3]["show"] == {"state": "LIVE"}
    assert lines[4]["text"] == "Überraschung"
    assert all(datetime.fromisoformat(line["at"]).tzinfo is not None for line in lines)
    assert lines == [json.loads(json.dumps(event)) for event in heard if event["type"] != "stats"]


def test_a_show_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with pytest.raises(ShowLogError, match=r"logs/show-.*\.jsonl cannot be written: .+"):
        ShowLog(tmp_path / "logs", datetime(2026, 11, 24))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_holds_up_nobody(tmp_path: Path) -> None:
    (tmp_path / "show-20261124-000000.jsonl").symlink_to("/dev/full")
    log = ShowLog(tmp_path, datetime(2026, 11, 24))
    for n in range(3 * LONGEST_QUEUE):
        log.append({"n": n})
    log.close(timeout_s=60)
    assert "the show goes on" in str(log.take_error())
    assert log.take_error() is None


def test_a_player_is_ordered_by_name_and_the_shows_own_by_none() -> None:
    choices = {"player": {"Demo": "", "Jones": "Jones"}}
    desk = Desk(Orders(), Keymap(), choices)
    desk.act("player", {"name": "Jones"}, who="test")
    assert desk.orders.player == "Jones"
    assert show_facts(choices, desk.orders, ShowStatus(), {})["player"] == "Jones"
    desk.act("player", ["Demo"], who="test")
    assert desk.orders.player == ""
    with pytest.raises(Refused, match="there is no player 'Smith'; there are: Demo, Jones") as refused:
        desk.act("player", {"name": "Smith"}, who="test")
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("state", "orders", "ready", "words"),
    [
        ("SLATE", Orders(slate=True), True, "ordered"),
        ("SLATE", Orders(), True, "nothing to fall back on"),
        ("FALLBACK", Orders(), True, "waits for TAKE"),
        ("FALLBACK", Orders(taken=True), True, "no frames come steadily"),
        ("FALLBACK", Orders(taken=True), False, "the performer is not ready"),
        ("HOLD", Orders(taken=True), True, "no new frame"),
        ("FREEZE", Orders(frozen=True), True, "ordered"),
        ("LIVE", Orders(taken=True), True, "steadily"),
    ],
)
def test_the_reason_for_what_is_on_air(state: str, orders: Orders, ready: bool, words: str) -> None:
    assert words in reason(state, orders, ShowStatus({"performer": StageState(ready)}))


BOTH_READY = {"playout": StageState(ready=True), "performer": StageState(ready=True)}


def test_what_keeps_the_performers_frames_off_the_air_is_the_reason() -> None:
    def facts(state: str, **performer: Any) -> dict[str, Any]:
        status = ShowStatus(BOTH_READY, PlayoutStatus(state=state), PerformerStatus(**performer))
        return show_facts({}, Orders(taken=True), status, {})

    assert facts("FALLBACK", camera_size=(9, 9))["reason"] == "nobody is followed in the camera's picture"
    found = facts("FALLBACK", limits=NEVER_FILMED, fan="sound")
    assert (found["reason"], found["fan"]) == (NEVER_FILMED, "sound")
    assert facts("HOLD", limits=NEVER_FILMED)["reason"] == NEVER_FILMED
    camera = "camera 0 does not answer"
    assert facts("HOLD", limits=NEVER_FILMED, camera=camera)["reason"] == camera


def test_who_dances_until_the_next_player_is_loaded() -> None:
    choices = {"player": {"Demo": "", "Jones": "Jones"}}
    orders = Orders(player="Jones")
    for state, failed in ((SwapState.LOADING, False), (SwapState.FAILED, True)):
        status = ShowStatus(performer=PerformerStatus(player=SwapStatus("Demo", state)))
        facts = show_facts(choices, orders, status, {})
        assert (facts["player"], facts["dances"], facts["player_failed"]) == ("Jones", "Demo", failed)
    assert show_facts(choices, orders, ShowStatus(), {})["dances"] == ""


def test_a_playout_that_is_gone_is_not_said_to_be_live() -> None:
    live = ShowStatus(BOTH_READY, PlayoutStatus(state="LIVE"))
    assert show_facts({}, Orders(), live, {})["on_air"] is True
    facts = show_facts({}, Orders(), replace(live, stages={"playout": StageState(ready=False)}), {})
    assert (facts["state"], facts["on_air"]) == ("STARTING", False)


def test_all_that_clients_are_told_of_a_show() -> None:
    """Other programs read these: none may go, or change its name."""
    output = OutputStatus(
        "wall", "ndi", "failed", "no cable", "10.0.0.1", 29.9, 5, {"slow": 2}, {"programme": 3}
    )
    status = ShowStatus(
        BOTH_READY,
        PlayoutStatus("LIVE", "LIVE", fps=30.0, latency_ms=42.04, beats=1, beat_error_ms=-3.04),
        PerformerStatus(
            "sound", 0.5, camera_name="0", camera_gives="640x480 MJPG 30.0", camera_size=(640, 480)
        ),
        (output,),
        TempoStatus("Ableton Link", "nobody is there"),
    )
    assert show_facts({"player": {"Demo": ""}}, Orders(), status, {"playout": 2}) == {
        "state": "LIVE",
        "reason": "frames come steadily",
        "on_air": True,
        "coming": "LIVE",
        "delay_s": 0.0,
        "beats": 1,
        "tempo": {"source": "Ableton Link", "reason": "nobody is there", "bpm": None},
        "player": "Demo",
        "dances": "",
        "player_failed": False,
        "background": "",
        "dancer_rule": "largest",
        "choices": {"player": ["Demo"]},
        "fan": "sound",
        "fan_2": "",
        "too_slow": "",
        "camera": "",
        "camera_name": "0",
        "camera_gives": "640x480 MJPG 30.0",
        "camera_size": (640, 480),
        "stages": {
            "playout": {"ready": True, "restarts": 2, "doing": ""},
            "performer": {"ready": True, "restarts": 0, "doing": ""},
        },
        "outputs": [
            {
                "name": "wall",
                "kind": "ndi",
                "state": "failed",
                "reason": "no cable",
                "receivers": {"programme": 3},
                "tally": "off",
            }
        ],
    }
    figures = Figures().take(Totals(), status)
    assert figures["outputs"] == [{"name": "wall", "fps": 29.9, "sent": 5, "dropped": {"slow": 2}}]
    assert {name: figures[name] for name in ("fps", "latency_ms", "missed", "viewers", "confidence")} == {
        "fps": 30.0,
        "latency_ms": 42.0,
        "missed": 0,
        "viewers": 3,
        "confidence": 0.5,
    }
    assert figures["beat_error_ms"] == -3.0
    assert set(figures) - {"fps", "latency_ms", "missed", "viewers", "confidence", "outputs"} == {
        "beat_error_ms",
        "stages_ms",
        "loop_lag",
        "dropped",
        "preparing",
    }
    line = status_line(Orders(armed=True), status, Totals())
    assert line == "LIVE       30.0 fps  latency  42 ms  dropped 0  missed 0  viewers 3  armed"
    loading = replace(status, stages={"performer": StageState(False, "loading the networks", 12.3, 1, 3)})
    assert status_line(Orders(), loading, Totals()).endswith("  performer prepares: part 1 of 3, 12 s")
    assert Figures().take(Totals(), loading)["preparing"] == {
        "performer": {"doing": "loading the networks", "doing_s": 12.3, "part": 1, "parts": 3}
    }
    assert status_line(Orders(), ShowStatus(), Totals()) == "starting ..."


def test_an_alarm_is_told_with_what_to_press_and_a_note_without() -> None:
    desk = Desk(Orders(), Keymap({"camera": "x"}), {})
    heard: list[Event] = []
    desk.listen(heard.append)
    desk.tell("performer: camera 0 is broken; trying again")
    desk.tell("performer: camera 0 is back")
    assert heard[0]["hint"]["name"] == "The camera is lost"
    assert "camera (x) takes the next one" in heard[0]["hint"]["press"]
    assert "hint" not in heard[1]


def test_figures_are_of_late_and_drops_since_the_beginning() -> None:
    totals, figures, meter = Totals(), Figures(), Meter()
    for ms in (10, 20, 30):
        meter.time("pose", ms * 1_000_000)
    meter.drop("nobody")
    totals.add(meter.take())
    wall = OutputStatus("wall", "ndi", dropped={"slow": 2})
    first = figures.take(totals, ShowStatus(performer=PerformerStatus(confidence=0.9), outputs=(wall,)))
    assert first["stages_ms"] == {"pose": 20 + BIN_MS}
    assert first["confidence"] == 0.9
    assert first["dropped"]["pose"] == {"nobody": 1}
    assert first["dropped"]["outputs"] == {"wall: slow": 2}
    assert set(first["dropped"]) == {"camera", "pose", "generator", "programme", "outputs"}
    assert figures.take(totals, ShowStatus())["stages_ms"] == {"pose": None}
    meter.time("pose", 50 * 1_000_000)
    totals.add(meter.take())
    assert figures.take(totals, ShowStatus())["stages_ms"] == {"pose": 50 + BIN_MS}


def test_redo_is_counted_and_lock_is_turned_over() -> None:
    desk = Desk(Orders(), Keymap({}), {})
    for _ in range(2):
        desk.act("redo", who="console")
    assert (desk.orders.redos, desk.orders.locked) == (2, False)
    assert desk.act("lock", who="console").locked
    assert desk.act("lock", {"on": True}, who="console").locked
    assert not desk.act("lock", who="console").locked
    assert desk.orders.redos == 2


def test_a_camera_is_one_of_the_shows() -> None:
    desk = Desk(Orders(), Keymap({}), {"camera": {"0": "0", "ndi://B": "ndi://B"}})
    assert desk.act("camera", who="console").camera == 1
    assert desk.act("camera", {"place": 1}, who="console").camera == 0
    assert desk.act("camera", [2], who="osc").camera == 1
    with pytest.raises(Refused, match="the show has 2: 0, ndi://B"):
        desk.act("camera", {"place": 3}, who="console")


def test_every_cause_of_a_drop_has_its_stage() -> None:
    causes = set()
    rooms = (ROOT / "realtime" / room for room in ("performer", "programme"))
    for path in (path for room in rooms for path in room.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = {"drop": 0, "failed": 0, "Latest": 1}.get(name)
            if place is not None and len(node.args) > place:
                causes |= {
                    part.value
                    for part in ast.walk(node.args[place])
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    assert len(causes) >= 9
    assert causes <= set(DROPS)


def test_buckets_are_whole_bins() -> None:
    histogram = np.zeros(BINS, np.int64)
    histogram[[0, 3, 4, -1]] = 1
    found, total_s = buckets(histogram)
    assert dict(found)["0.001"] == 2
    assert dict(found)["0.002"] == 3
    assert dict(found)["+Inf"] == 4
    assert total_s == pytest.approx((0.125 + 0.875 + 1.125 + 1999.875) / 1000)
    assert all((edge / BIN_MS).is_integer() for edge in EDGES_MS)


def test_a_show_file_moves_keys_and_names_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text(
        """
        players = ["packs/jones"]
        [keys]
        take = "enter"
        quit = ""
        [control]
        token = "a-token-of-a-show"
        log = "logs"
        osc_port = 9001
        """,
        encoding="utf-8",
    )
    show = load_show(path)
    assert show.keys == {"take": "enter", "quit": ""}
    assert Keymap(show.keys).action_for("\r") == "take"
    assert show.players == (tmp_path / "packs" / "jones",)
    assert show.control.log == tmp_path / "logs"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[control]\ntoken = 'short'", "control.token"),
        ("[control]\ntoken = 'spaces are not good'", "control.token"),
        ("[control]\nport = 1", "unknown key 'control.port'"),
        ("[control]\nosc_port = -1", "control.osc_port"),
    ],
)
def test_mistakes_in_controls_are_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "show.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ShowError, match=re.escape(words)) as caught:
        load_show(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
