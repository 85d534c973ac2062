"""The control server: API, login, events, metrics and the way to WHEP, over real sockets."""

from __future__ import annotations

import json
import re
import socket
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType
from prometheus_client.parser import text_string_to_metric_families

from realtime.config.control import Control, ControlError
from realtime.control.actions import ACTIONS
from realtime.control.desk import Desk, Event
from realtime.control.keys import Keymap
from realtime.control.network.server import ControlServer
from realtime.control.show_state import ShowStatus, StageState, show_facts
from realtime.transport.orders import Orders
from realtime.transport.statuses import OutputStatus, PlayoutStatus
from realtime.transport.telemetry import Meter, Totals
from tests.realtime.control.network.place import BEARER, CHOICES, TOKEN, FakeWhep, Place


def test_an_action_over_http(place: Place) -> None:
    status, body, _ = place.ask("POST", "api/actions/fade-length", body='{"seconds": 1.5}')
    assert (status, body["result"], body["orders"]["fade_s"]) == (200, "done", 1.5)
    status, body, _ = place.ask("POST", "api/actions/take", body='{"confirm": true}')
    assert status == 200
    assert place.desk.orders.taken
    status, body, _ = place.ask("POST", "api/actions/player", body='{"name": "Jones", "confirm": true}')
    assert (status, body["orders"]["player"]) == (200, "Jones")
    assert place.ask("POST", "api/actions/slate")[0] == 200
    assert place.ask("GET", "api/state")[1]["orders"]["slate"] is True


def test_the_beat_over_http(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(monotonic_ns=iter(range(0, 10**10, 60 * 10**9 // 97)).__next__)
    monkeypatch.setattr("realtime.control.desk.time", now)
    for n in range(4):
        status, body, _ = place.ask("POST", "api/actions/tap")
        assert (status, body["orders"]["bpm"]) == (200, 97.0 if n == 3 else 0)
    status, body, _ = place.ask("POST", "api/actions/tempo", body='{"bpm": 128.5}')
    assert (status, body["orders"]["bpm"], body["orders"]["taps"]) == (200, 128.5, [])
    status, body, _ = place.ask("POST", "api/actions/tempo", body='{"bpm": 20}')
    assert (status, body["error"]) == (422, "bpm must be 30 to 300 bpm (given: 20)")
    assert place.ask("POST", "api/actions/beat", body='{"on": true}')[1]["orders"]["beat"] is True
    assert place.ask("POST", "api/actions/take", body='{"confirm": true}')[0] == 200
    status, body, _ = place.ask("POST", "api/actions/beat")
    assert (status, body["error"]) == (409, "beat must be confirmed, or armed before")
    assert place.ask("POST", "api/actions/beat", body='{"confirm": true}')[1]["orders"]["beat"] is False


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "api/actions/tkae", "", 404, "there is no action 'tkae'; there are: arm, take"),
        ("GET", "api/none", "", 404, "GET /api/none"),
        ("GET", "api/actions/take", "", 405, "Method Not Allowed"),
        ("POST", "api/actions/take", "", 409, "take must be confirmed"),
        ("POST", "api/actions/take", '{"confirm": "yes"}', 409, "take must be confirmed"),
        ("POST", "api/actions/slate", '{"secnds": 1}', 422, "give nothing (given: secnds)"),
        ("POST", "api/actions/delay", '{"seconds": 6}', 422, "seconds must be 0 to 5 s (given: 6)"),
        ("POST", "api/actions/delay", '{"seconds": "1"}', 422, "seconds must be a number (given: '1')"),
        ("POST", "api/actions/player", '{"name": "Smith"}', 422, "there are: Demo, Jones"),
        ("POST", "api/actions/pick", '{"x": 0.1}', 422, "give x, y, or x0, y0, x1, y1 (given: x)"),
        ("POST", "api/actions/slate", "{", 400, "the body is not JSON"),
        ("POST", "api/actions/slate", "[]", 400, "must be a JSON object"),
        ("POST", "api/actions/slate", "x" * 70_000, 413, "Too Large"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    place: Place, method: str, path: str, body: str, status: int, words: str
) -> None:
    before = place.desk.orders
    found, answer, _ = place.ask(method, path, body=body)
    assert found == status
    assert list(answer) == ["error"]
    assert words in answer["error"]
    assert "\n" not in answer["error"]
    assert place.desk.orders == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "api/state"),
        ("GET", "api/actions"),
        ("GET", "api/doctor"),
        ("GET", "api/events"),
        ("POST", "api/actions/slate"),
        ("POST", "whep/preview"),
    ],
)
def test_without_the_token_nothing_is_told_or_done(place: Place, method: str, path: str) -> None:
    for headers in ({"X": ""}, {"Authorization": "Bearer wrong"}, {"Cookie": f"{place.cookie}=wrong"}):
        status, answer, _ = place.ask(method, path, headers=headers)
        assert status == 401
        assert "Authorization: Bearer" in answer["error"]
    assert not place.desk.orders.slate


def test_a_browser_logs_in_once(place: Place) -> None:
    status, _, headers = place.ask("POST", "api/login", headers={"X": ""}, body=json.dumps({"token": TOKEN}))
    assert status == 200
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    logged_in = {"Cookie": cookie.split(";")[0]}
    assert place.ask("GET", "api/state", headers=logged_in)[0] == 200
    for wrong in ('{"token": "wrong"}', '{"token": 1}', "{}"):
        status, answer, headers = place.ask("POST", "api/login", headers={"X": ""}, body=wrong)
        assert status == 401
        assert "not the show's token" in answer["error"]
        assert "Set-Cookie" not in headers


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
def test_foreign_pages_are_refused_even_with_the_token(place: Place, headers: dict[str, str]) -> None:
    for path in ("api/actions/slate", "api/events"):
        assert place.ask("POST", path, headers={**BEARER, **headers})[0] == 403
    assert place.ask("GET", "api/events", headers={**BEARER, **headers})[0] == 403
    assert not place.desk.orders.slate


def test_the_pages_need_no_token_and_no_other_host(place: Place) -> None:
    for path in ("", "console", "console/operator.js", "api/openapi.json", "state", "metrics"):
        status, _, headers = place.ask("GET", path, headers={"X": ""})
        assert status == 200, path
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert set(place.ask("GET", "state", headers={"X": ""})[1]) == {"state", "player", "delay_ms", "fps"}


def test_openapi_has_every_address_but_the_pages_and_points_nowhere_else(place: Place) -> None:
    document = place.ask("GET", "api/openapi.json")[1]
    assert {path: set(operations) for path, operations in document["paths"].items()} == {
        **{f"/api/actions/{name}": {"post"} for name in ACTIONS},
        **{f"/api/{name}": {"get"} for name in ("state", "actions", "doctor", "events", "openapi.json")},
        "/api/login": {"post"},
        "/state": {"get"},
        "/metrics": {"get"},
        **{f"/whep/{source}": {"post"} for source in ("programme", "preview")},
        **{f"/whep/{source}/{{session}}": {"delete"} for source in ("programme", "preview")},
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], path
            if path not in ("/api/login", "/metrics"):  # a login without a token; metrics on this machine
                status = place.ask(method.upper(), path.strip("/"), headers={"X": ""})[0]
                assert (status == 401) == ("security" not in operation), path
    refs = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert refs == set(document["components"]["schemas"])


def test_openapi_knows_every_argument(place: Place) -> None:
    paths = place.ask("GET", "api/openapi.json")[1]["paths"]
    for name, action in ACTIONS.items():
        post = paths[f"/api/actions/{name}"]["post"]
        assert post["summary"] == action.help
        schema = post["requestBody"]["content"]["application/json"]["schema"]
        for form, described in zip(action.forms, schema.get("oneOf", [schema]), strict=True):
            assert described.get("required", []) == [argument.name for argument in form]
            assert ("confirm" in described["properties"]) == (action.risk != "none")
    delay = paths["/api/actions/delay"]["post"]["requestBody"]
    seconds = delay["content"]["application/json"]["schema"]["properties"]["seconds"]
    assert (seconds["type"], seconds["minimum"], seconds["maximum"]) == ("number", 0, 5)
    assert delay["required"] is True


@pytest.mark.parametrize(
    ("method", "path", "schema"),
    [("GET", "api/state", "State"), ("POST", "api/actions/slate", "Done"), ("POST", "api/login", "Error")],
)
def test_answers_are_as_openapi_says(place: Place, method: str, path: str, schema: str) -> None:
    schemas = place.ask("GET", "api/openapi.json")[1]["components"]["schemas"]
    answer = place.ask(method, path)[1]
    assert set(answer) == set(schemas[schema]["properties"]) == set(schemas[schema]["required"])
    if "orders" in answer:
        assert set(answer["orders"]) == set(schemas["Orders"]["properties"])


def test_a_second_client_hears_of_everything_at_once(place: Place) -> None:
    async def work(session: ClientSession) -> list[dict[str, Any]]:
        url = f"{place.server.url}api/events"
        async with (
            session.ws_connect(url, headers=BEARER) as one,
            session.ws_connect(url, headers=BEARER) as two,
        ):
            hello = await two.receive_json(timeout=60)
            assert hello["type"] == "hello"
            assert [action["name"] for action in hello["actions"]] == list(ACTIONS)
            assert hello["orders"]["fade_s"] == Orders().fade_s
            await one.receive_json(timeout=60)
            await one.send_json({"action": "take", "confirm": True, "id": 7})
            replies = [await one.receive_json(timeout=60) for _ in range(3)]
            assert {"type": "reply", "id": 7, "status": 200, "result": "done"} in replies
            heard = [await two.receive_json(timeout=60) for _ in range(2)]
            await one.send_str("{")
            await one.send_str("[]")
            await one.send_json({"action": "cut", "id": 8})
            await one.send_json({"action": "cut", "arguments": [1], "id": 9})
            statuses = []
            while len(statuses) < 4:
                event = await one.receive_json(timeout=60)
                if event["type"] == "reply":
                    statuses.append((event["id"], event["status"]))
            assert statuses == [(None, 400), (None, 422), (8, 409), (9, 422)]
            place.desk.report({"state": "LIVE"})
            while (event := await two.receive_json(timeout=60))["type"] != "state":
                heard.append(event)
            return [*heard, event]

    action, state, refused, live = place.run(work)
    assert (action["type"], action["action"], action["result"]) == ("action", "take", "done")
    assert action["who"] == "api 127.0.0.1"
    assert state["orders"]["taken"] is True
    assert refused["result"] == "cut must be confirmed, or armed before"
    assert live["show"] == {"state": "LIVE"}


def test_a_client_that_does_not_read_is_let_go_and_holds_up_nobody(place: Place) -> None:
    async def work(session: ClientSession) -> None:
        url = f"{place.server.url}api/events"
        async with session.ws_connect(url, headers=BEARER, max_msg_size=0) as socket:
            await socket.receive_json(timeout=60)
            for n in range(40):
                place.desk.tell("x" * 1_000_000 + str(n))
            for n in range(300):
                place.desk.tell(str(n))
            while (message := await socket.receive(timeout=60)).type is WSMsgType.TEXT:
                pass
            assert socket.close_code == 1013, message

    place.run(work)


def test_metrics_are_prometheus(place: Place) -> None:
    meter = Meter()
    for ms in (4, 9, 30):
        meter.time("pose", ms * 1_000_000)
    meter.drop("nobody", 3)
    meter.count("programme.ticks", 60)
    meter.count("ns.live", 2_000_000_000)
    place.totals.add(meter.take())
    place.totals.restarted("performer")
    stages = {"playout": StageState(ready=True), "performer": StageState()}
    output = OutputStatus("wall", "ndi", "running", receivers={"programme": 2})
    status = ShowStatus(stages, PlayoutStatus(state="LIVE"), outputs=(output,))
    place.desk.report(show_facts(CHOICES, Orders(), status, place.totals.restarts))
    place.desk.measure(
        {
            "fps": 30.0,
            "latency_ms": 42.0,
            "confidence": 0.75,
            "outputs": [{"name": "wall", "fps": 29.9, "sent": 55, "dropped": {"slow": 4}}],
        }
    )
    status, text, headers = place.ask("GET", "metrics", headers={"X": ""})
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    pose = ("stage", "pose")
    assert found["dancecam_stage_seconds_bucket", ("le", "0.005"), pose] == 1
    assert found["dancecam_stage_seconds_bucket", ("le", "0.01"), pose] == 2
    assert found["dancecam_stage_seconds_bucket", ("le", "+Inf"), pose] == 3
    assert found["dancecam_stage_seconds_sum", pose] == pytest.approx(0.043, abs=0.0005)
    assert found["dancecam_frames_dropped_total", ("reason", "nobody"), pose] == 3
    assert found["dancecam_frames_dropped_total", ("reason", "wall: slow"), ("stage", "outputs")] == 4
    assert found["dancecam_ladder_state", ("state", "live")] == 1
    assert found["dancecam_ladder_state", ("state", "slate")] == 0
    assert found["dancecam_frame_age_seconds",] == 0.042
    assert found["dancecam_confidence",] == 0.75
    assert found["dancecam_restarts_total", ("stage", "performer")] == 1
    assert found["dancecam_restarts_total", ("stage", "playout")] == 0
    assert found["dancecam_viewers", ("output", "wall"), ("source", "programme")] == 2
    assert found["dancecam_output_sent_total", ("output", "wall")] == 55
    dashboard = (Path(__file__).resolve().parents[4] / "docs" / "grafana.json").read_text(encoding="utf-8")
    queried = set(re.findall(r"dancecam_[a-z_]+", dashboard))
    assert len(queried) >= 9
    assert queried <= {sample[0] for sample in found}


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ControlError, match=f"127.0.0.1:{port} .*--port"):
            ControlServer(
                Desk(Orders(), Keymap(), {}), Totals(), lambda: None, token=TOKEN, host="127.0.0.1", port=port
            )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        port = udp.getsockname()[1]
        before = set(threading.enumerate())
        with pytest.raises(ControlError, match=f"OSC .*127.0.0.1:{port} .*control.osc_port"):
            ControlServer(
                Desk(Orders(), Keymap(), {}),
                Totals(),
                lambda: None,
                token=TOKEN,
                host="127.0.0.1",
                port=0,
                control=Control(osc_port=port),
            )
        assert set(threading.enumerate()) <= before, "others may end meanwhile"


def test_whep_is_handed_on_and_the_programme_is_for_everybody(tmp_path: Path, place: Place) -> None:
    status, answer, _ = place.ask("POST", "whep/programme", body="offer")
    assert (status, answer["error"]) == (503, "the programme is starting")
    place.whep = str(tmp_path / "whep")
    assert place.ask("POST", "whep/programme", body="offer")[0] == 503
    with closing(FakeWhep(tmp_path / "whep")) as whep:
        sdp = {"Content-Type": "application/sdp"}
        status, text, headers = place.ask("POST", "whep/programme", headers=sdp, body="offer")
        assert (status, text) == (201, "v=0")
        assert headers["Location"] == "/whep/programme/x1"
        assert headers["ETag"] == '"1"'
        assert "X-Other" not in headers
        assert place.ask("POST", "whep/preview", headers=sdp, body="offer")[0] == 401
        assert place.ask("POST", "whep/preview", body="offer")[2]["Location"] == "/whep/preview/x1"
        assert place.ask("DELETE", "whep/preview/x1", headers=sdp)[0] == 200
        assert place.ask("PATCH", "whep/preview/x1", body="ice")[0] == 200
        assert whep.asked == [
            ("POST", "/whep/programme", "offer"),
            ("POST", "/whep/preview", "offer"),
            ("DELETE", "/whep/preview/x1", ""),
            ("PATCH", "/whep/preview/x1", "ice"),
        ]


def test_listeners_are_told_in_order_from_many_threads() -> None:
    desk = Desk(Orders(), Keymap(), {})
    heard: list[Event] = []
    stop = desk.listen(heard.append)
    threads = [
        threading.Thread(target=lambda: [desk.act("unpick", who="test") for _ in range(50)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    picks = [event["orders"]["picks"] for event in heard if event["type"] == "state"]
    assert picks == list(range(1, 201))
    stop()
    desk.act("unpick", who="test")
    assert len(heard) == 400
