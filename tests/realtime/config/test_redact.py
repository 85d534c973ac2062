"""No password in a URL is shown, wherever a user has put it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import run_live
from realtime.cameras.camera_name import CaptureError
from realtime.cameras.video_source import VideoSource
from realtime.config.redact import encoding_hint, redact, shown
from realtime.config.show import ShowError, check_show
from realtime.performer.capture_thread import CaptureThread
from realtime.transport.telemetry import Meter, Totals
from tests.realtime.outputs.feeding import wait_until

HINT = "write @ as %40, # as %23"


@pytest.mark.parametrize(
    ("url", "where", "hinted"),
    [
        ("rtsp://10.0.0.7/stream", "rtsp://10.0.0.7/stream", False),
        ("rtsp://user:word@10.0.0.7:554/stream?token=word#word", "rtsp://10.0.0.7:554/stream", False),
        ("rtsp://user:w@rd@10.0.0.7/stream", "rtsp://10.0.0.7/stream", True),
        ("rtsp://user:w#rd@10.0.0.7/stream", "rtsp://...", True),
        ("rtsp://user:12#rd@10.0.0.7/stream", "rtsp://...", True),
        ("rtsp://user:w/rd@10.0.0.7/stream", "rtsp://...", True),
        ("rtsp://user:w?rd@10.0.0.7/stream", "rtsp://...", True),
        ("rtsp://user:w%40rd@10.0.0.7/stream", "rtsp://10.0.0.7/stream", False),
        (
            "rtsp://cam/user=admin&password=word&channel=1",
            "rtsp://cam/user=...&password=...&channel=1",
            False,
        ),
        ("rtsp://cam/user=admin_password=word_channel=1", "rtsp://cam/user=...", False),
        ("rtmp://user:word@cdn.example:1936/live/abcd", "rtmp://cdn.example:1936/live/...", False),
        ("udp://239.0.0.1:5000?ttl=4", "udp://239.0.0.1:5000", False),
        ("https://user:word@live.example/whip?key=word", "https://live.example/whip", False),
        ("clips/dance@home#1.mp4", "clips/dance@home#1.mp4", False),
        ("/dev/video0", "/dev/video0", False),
    ],
)
def test_what_is_secret_is_not_shown(url: str, where: str, hinted: bool) -> None:
    assert shown(url) == where
    assert (HINT in encoding_hint(url)) == hinted
    assert redact(f"cannot open '{url}': refused") == f"cannot open '{where}': refused"


@given(
    st.text(min_size=1, max_size=12).filter(lambda word: "\n" not in word),
    st.sampled_from(["/stream", "", "/a/b?c=d", "?x#y"]),
)
def test_no_password_is_shown(word: str, path: str) -> None:
    secret = f"SECRET{word}SECRET"
    assert "SECRET" not in shown(f"rtsp://user:{secret}@10.0.0.7:554{path}")


def test_a_camera_that_cannot_be_opened_is_named_without_its_password() -> None:
    with pytest.raises(CaptureError) as caught:
        VideoSource("rtsp://user:word#1@127.0.0.1:9/stream")
    assert "word#1" not in str(caught.value)
    assert HINT in str(caught.value)
    with pytest.raises(CaptureError, match=r"camera http://127\.0\.0\.1:9/stream: nothing answers") as caught:
        VideoSource("http://user:word@127.0.0.1:9/stream")
    assert HINT not in str(caught.value)


def test_a_camera_that_is_lost_and_comes_back_is_named_without_its_password() -> None:
    camera, meter = "http://user:word@127.0.0.1:9/stream", Meter()
    opened = iter([CaptureError("camera is away"), None])

    def open_source(name: str) -> SimpleNamespace:
        failure = next(opened, None)
        if failure is not None:
            raise failure

        def grab() -> int:
            raise CaptureError(f"camera {name} gives no picture any more")

        return SimpleNamespace(fps=30.0, gives="", recorded=False, grab=grab, close=lambda: None)

    capture = CaptureThread(camera, lambda _: None, meter, open_source=open_source)
    events: list[str] = []
    capture.start(must_open=False)

    def heard() -> bool:
        events.extend(text for _, text in meter.take().events)
        return any("is back" in text for text in events) and any("any more" in text for text in events)

    wait_until(heard, "the camera comes back and is lost again")
    capture.stop()
    assert "word" not in " ".join(events)
    assert "camera http://127.0.0.1:9/stream is back" in events


def test_run_live_says_who_dances_to_what_without_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Ended(RuntimeError):
        pass

    def supervisor(*_: object, **__: object) -> SimpleNamespace:
        def run() -> None:
            raise Ended

        report = Totals().report(0, 0)
        return SimpleNamespace(run=run, stop=None, interrupt=None, hang_up=None, report=lambda: report)

    monkeypatch.setattr(run_live, "Supervisor", supervisor)
    monkeypatch.setattr(run_live, "heed", lambda *_, **__: None)
    options = run_live.parse(["--headless", "--port", "0", "--camera", "rtsp://user:word@10.0.0.7/stream"])
    show = run_live.show_of(options)
    with pytest.raises(Ended):
        run_live.run(show, SimpleNamespace(name="Jones"), options)
    told = "".join(capfd.readouterr())
    assert "Jones dances to rtsp://10.0.0.7/stream" in told
    assert "word" not in told


@pytest.mark.parametrize(
    "data",
    [
        {"outputs": [{"kind": "whip", "token": "SECRET"}]},
        {"outputs": [{"kind": "whip", "url": "ftp://user:SECRET@host/x"}]},
        {"outputs": [{"kind": "stream", "url": "http://user:SECRET@host/live/x"}]},
        {"webrtc": {"ice_servers": [{"urls": "turn:user:SECRET@host"}]}},
        {"webrtc": {"ice_servers": [{"urls": "turn:host", "credential": "SECRET"}]}},
        {"webrtc": {"ice_servers": [{"urls": "turn:host", "username": ["SECRET"], "credential": "SECRET"}]}},
        {"webrtc": {"ice_servers": {"urls": "turn:host", "username": "u", "credential": "SECRET"}}},
        {"control": {"token": "SECRET"}},
    ],
)
def test_an_error_in_the_show_file_shows_no_secret(data: dict) -> None:
    with pytest.raises(ShowError) as caught:
        check_show(data, "show file x")
    assert "SECRET" not in str(caught.value)


def test_settings_in_a_message_keep_their_secrets() -> None:
    turn = {"urls": "turn:host", "username": "SECRET", "credential": "SECRET"}
    whip = {"kind": "whip", "url": "https://host/whip", "token": "SECRET"}
    show = check_show({"webrtc": {"ice_servers": [turn]}, "outputs": [whip]}, "show file x")
    assert show.webrtc.ice_servers[0].credential == "SECRET"
    assert "SECRET" not in repr(show)
