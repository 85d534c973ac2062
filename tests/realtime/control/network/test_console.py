"""The two pages in a real browser: the programme's for everybody, and the operator's console."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from realtime.config.outputs import WebRtc, WebRtcServing
from realtime.control.actions import ACTIONS
from realtime.control.desk import Desk
from realtime.control.keys import Keymap
from realtime.control.network.server import ControlServer
from realtime.control.show_state import Figures, ShowStatus, StageState, show_facts
from realtime.outputs.sink import Format
from realtime.outputs.webrtc.webrtc_sink import WebRtcSink
from realtime.transport.orders import Orders
from realtime.transport.programme_ring import ProgrammeFrame
from realtime.transport.statuses import PerformerStatus, PlayoutStatus
from realtime.transport.swap import SwapState, SwapStatus
from realtime.transport.telemetry import Meter, Totals
from tests.browser import PATIENCE_S, chromium, chromium_page, new_page, screenshot
from tests.ports import free_port

pytestmark = pytest.mark.browser

SIZE = (320, 180)
FPS = 30
CAMERA_SIZE = [90, 120]
CAMERAS = ("0", "ndi://B")
TOKEN = "a-token-of-a-test"
CHOICES = {
    "player": {"Number 23": "", "Jones": "Jones"},
    "background": {name: name for name in ("plate", "green", "camera")},
    "layer": {name: name for name in ("logo", "name", "score", "sponsor", "ai-mark")},
    "camera": {name: name for name in CAMERAS},
}
LAYERS = dict.fromkeys(("logo", "name", "score", "sponsor"), False)
COURT = {"programme": (40, 120, 40), "preview": (120, 60, 20)}
DESKTOP, TABLET = {"width": 1440, "height": 900}, {"width": 1024, "height": 768}

Shot = np.ndarray[Any, np.dtype[np.int64]]
"""What a page shows, (H, W, 3)."""


class Show:
    """A desk with its server and a real WebRTC output: a white ball crosses a court in two seconds."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.desk = Desk(Orders(layers=LAYERS), Keymap(), CHOICES)
        path = folder / "whep"
        self.sink = WebRtcSink(WebRtcServing(WebRtc(), socket=path), Format(SIZE, Fraction(FPS)))
        self.totals = Totals()
        self.dances, self.swap_state = "Number 23", "ready"
        self.fan, self.confidence = "sound", 0.93
        self.server = ControlServer(
            self.desk, self.totals, lambda: str(path), token=TOKEN, host="127.0.0.1", port=port
        )
        self.told = 0
        """How often the desk was told of the show."""
        self._done = threading.Event()
        self._clock = threading.Thread(target=self._play)
        self._clock.start()

    def _play(self) -> None:
        start_ns, tick = time.monotonic_ns(), 0
        meter, figures = Meter(), Figures()
        while not self._done.wait(max(0.0, (start_ns + tick * 1e9 / FPS - time.monotonic_ns()) / 1e9)):
            pictures = {name: ball(court, tick) for name, court in COURT.items()}
            frame = ProgrammeFrame(pictures["programme"], preview=pictures["preview"])
            self.sink.send(frame, tick, start_ns + tick * 1_000_000_000 // FPS)
            meter.time("pose", (8 + tick % 5) * 1_000_000)
            self.totals.add(meter.take())
            performer = PerformerStatus(
                fan=self.fan,
                confidence=self.confidence,
                camera_size=CAMERA_SIZE,
                camera_name=CAMERAS[self.desk.orders.camera % 2],
                camera_gives="1280x720 MJPG 30.0, asked for 60",
                player=SwapStatus(self.dances, SwapState(self.swap_state)),
            )
            ready = {"playout": StageState(ready=True), "performer": StageState(ready=True)}
            playout = PlayoutStatus(state=state_of(self.desk.orders), fps=30.0, latency_ms=71.4)
            status = ShowStatus(ready, playout, performer)
            self.desk.report(show_facts(CHOICES, self.desk.orders, status, {}))
            self.told += 1
            if tick % 15 == 0:
                self.desk.measure(figures.take(self.totals, status))
            tick += 1

    def close(self) -> None:
        """May be called twice."""
        if self._done.is_set():
            return
        self._done.set()
        self._clock.join()
        self.server.close()
        self.sink.close()


def ball(court: tuple[int, int, int], tick: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    frame = np.full((SIZE[1], SIZE[0], 3), court, np.uint8)
    cv2.circle(frame, (tick % 60 * SIZE[0] // 60, SIZE[1] // 2), 30, (255, 255, 255), -1)
    return frame


def state_of(orders: Orders) -> str:
    if orders.slate:
        return "SLATE"
    if orders.frozen:
        return "FREEZE"
    return "LIVE" if orders.taken else "FALLBACK"


@contextmanager
def running(folder: Path, port: int = 0) -> Iterator[Show]:
    show = Show(folder, port)
    try:
        yield show
    finally:
        show.close()


def wait_for(what: Any, timeout_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def wait_until_it_moves(
    page: Any, what: str, notice: str, is_right: Callable[[Shot], bool], least: float
) -> None:
    """Until the element `what` shows a picture that is right, and later another one that differs in this
    share of it. How long that takes says nothing: the ball comes to the same place every two seconds, and a
    machine that is busy shows one picture for long."""
    first: Shot | None = None
    deadline = time.monotonic() + PATIENCE_S
    while True:
        page.locator(notice).wait_for(state="hidden")
        shot = screenshot(page, what).astype(int)
        if page.locator(notice).is_hidden() and is_right(shot):
            if first is None or first.shape != shot.shape:
                first = shot
            elif (np.abs(first - shot).max(axis=2) > 60).mean() > least:
                return
        assert time.monotonic() < deadline, (
            f"the court is not seen in {what}" if first is None else f"{what} stands still"
        )
        page.wait_for_timeout(300)


def assert_moves(page: Any, name: str) -> None:
    """The ball moves over the court in the element `name`."""

    def is_right(shot: Shot) -> bool:
        court = np.abs(shot - COURT[name]).max(axis=2) < 14
        return bool(court.mean() > 0.4)

    wait_until_it_moves(page, f"#{name}", f"#{name}-notice", is_right, 0.01)


def test_the_programmes_page_needs_no_token_and_comes_back_after_a_restart(tmp_path: Path) -> None:
    def is_right(shot: Shot) -> bool:
        court = np.abs(shot - COURT["programme"]).max(axis=2) < 12
        has_ball = (shot.min(axis=2) > 220).mean() > 0.02
        return bool(0.4 < court.mean() < 0.95 and has_ball)  # the green, in its own colour

    port = free_port()
    with running(tmp_path, port) as show, chromium_page(show.server.url) as page:
        notice = page.locator("#notice")
        wait_until_it_moves(page, "main", "#notice", is_right, 0.02)
        page.get_by_text("FALLBACK", exact=True).wait_for()
        page.locator("#numbers").get_by_text("fps shown · 71 ms delay").wait_for()

        show.close()
        page.get_by_text("NO SHOW").wait_for()
        page.get_by_text("Trying again").wait_for()
        with running(tmp_path, port):
            notice.wait_for(state="hidden")
            page.get_by_text("FALLBACK", exact=True).wait_for()


WATCH_HEARING = """() => {
  const Real = window.WebSocket;
  window.heard = "{}";
  window.WebSocket = class extends Real {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        if (["hello", "state"].includes(JSON.parse(data).type)) window.heard = data;
      });
    }
  };
}"""
WATCH_SENDING = """() => {
  const send = WebSocket.prototype.send;
  window.sentAt = [];
  WebSocket.prototype.send = function (...data) { window.sentAt.push(Date.now()); send.apply(this, data); };
}"""
WATCH_SHOWING = """() => {
  window.shownAt = [];
  const options = { subtree: true, attributes: true, childList: true };
  const observer = new MutationObserver(() => window.shownAt.push(Date.now()));
  for (const id of ["controls", "tally", "players"]) observer.observe(document.getElementById(id), options);
}"""


LET_GO_AT_ONCE = """(key) => {
  for (const type of ["keydown", "keyup"]) {
    document.body.dispatchEvent(new KeyboardEvent(type, { key, bubbles: true, cancelable: true }));
  }
}"""
"""In one go: between two messages to a browser that is busy a bar may fill."""


LOW_CONTRASTS = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = parts(colour).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((parts(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(0, 0, 0)";
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const lights = [getComputedStyle(element).color, ground(element)].map(light).sort((a, b) => b - a);
    const contrast = (lights[0] + 0.05) / (lights[1] + 0.05);
    if (contrast < 4.5) low.push(`${element.tagName} "${element.textContent}" ${contrast.toFixed(1)}`);
  }
  return low;
}"""
"""Texts whose contrast with their ground is below 4.5:1, WCAG 2.2 AA (success criterion 1.4.3)."""


def is_done(name: str, before: Orders, now: Orders) -> bool:
    """Whether the action has changed the orders as it should."""
    if ACTIONS[name].timed:
        return now.taps != before.taps
    return now == ACTIONS[name].order(before, {}, confirmed=True)


def test_the_operator_sees_and_does_everything_and_a_second_one_sees_it_too(
    tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    with running(tmp_path) as show, chromium() as browser:
        one, two = new_page(browser, DESKTOP), new_page(browser, TABLET)
        errors: list[str] = []
        for page in (one, two):
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.add_init_script(f"({WATCH_HEARING})()")
        one.goto(show.server.console_url)
        log_in_by_hand(two, f"{show.server.url}console")
        assert TOKEN not in one.url
        for page in (one, two):
            page.get_by_text("FALLBACK", exact=True).wait_for()
        for name in COURT:
            assert_moves(one, name)

        one.evaluate(WATCH_SENDING)
        two.evaluate(WATCH_SHOWING)
        delays_ms = {}
        order = [name for name, action in ACTIONS.items() if action.key and name not in ("help", "quit")]
        for name in [*order, "quit"]:
            delays_ms[name] = press_and_see(show, one, two, name)
            if name == "camera-preview":
                pick_a_fan(show, one)
            if name == "record":
                switch_player(show, one, two)
                switch_camera(show, one, two)
                see_the_fan(show, two)
                switch_a_layer(show, one, two)
                one.screenshot(path=tmp_path / "console.png")
                two.screenshot(path=tmp_path / "tablet.png")
        one.keyboard.press("h")
        one.get_by_role("heading", name="Keys").wait_for()
        assert one.evaluate(LOW_CONTRASTS) == []
        assert not errors
        shown = sorted(delays_ms.values())
        record_property("second_client_ms", delays_ms)
        print(f"\nsecond client: median {shown[len(shown) // 2]} ms, worst {shown[-1]} ms of {len(shown)}")
        assert shown[len(shown) // 2] < 2000  # at once, even on a machine that is busy
        assert shown[-1] < 15_000  # which may be away for a while


def hear(show: Show, *pages: Any) -> None:
    """Until these pages show what the show is now."""
    told = show.told
    wait_for(lambda: show.told > told + 1)  # one that began after this

    def heard(page: Any) -> bool:
        parts, state = json.loads(page.evaluate("window.heard")), show.desk.state()
        return all(
            parts.get(name) == json.loads(json.dumps(state[name])) for name in ("orders", "show", "confirm")
        )

    wait_for(lambda: all(heard(page) for page in pages))


def switch_a_layer(show: Show, one: Any, two: Any) -> None:
    """By its button, of which a locked layer has none that can be pressed; and name the fan."""
    hear(show, one)  # else its buttons are drawn anew while one is clicked
    pressed = show.desk.orders.layers["logo"]
    one.get_by_role("button", name="logo", exact=True).click()
    two.locator(f"[data-choice=layer][aria-pressed={str(not pressed).lower()}]", has_text="logo").wait_for()
    assert show.desk.orders.layers["logo"] is not pressed
    assert one.get_by_role("button", name="ai-mark").is_disabled()
    one.locator("#fan-name").fill("Zoë")
    one.locator("#fan-name").press("Enter")
    two.locator("#fan-name[placeholder=Zoë]").wait_for()
    assert show.desk.orders.fan_name == "Zoë"


def log_in_by_hand(page: Any, url: str) -> None:
    page.goto(url)
    page.locator("#token").fill("not the token")
    page.locator("#token").press("Enter")
    page.get_by_text("this is not the show's token").wait_for()
    page.locator("#token").fill(TOKEN)
    page.locator("#token").press("Enter")
    page.locator("#login").wait_for(state="hidden")


def press_and_see(show: Show, one: Any, two: Any, name: str) -> int:
    """Milliseconds from what page one sent to what page two showed."""
    hear(show, one, two)
    before = show.desk.orders
    two.evaluate("window.shownAt.length = 0")
    one.evaluate("window.sentAt.length = 0")
    must_hold = ACTIONS[name].needs_confirmation(before)
    key = ACTIONS[name].key.replace("space", "Space")
    if must_hold:
        one.evaluate(LET_GO_AT_ONCE, ACTIONS[name].key.replace("space", " "))  # it does nothing
        one.get_by_text("hold it until the bar is full").wait_for()
        assert show.desk.orders == before
    one.keyboard.down(key)
    if must_hold:
        wait_for(lambda: show.desk.orders != before)
    one.keyboard.up(key)
    wait_for(lambda: is_done(name, before, show.desk.orders))
    hear(show, one, two)
    sent = one.evaluate("window.sentAt[0]")
    shown = [at for at in two.evaluate("window.shownAt") if at >= sent]
    assert shown, f"page two did not hear of {name}"
    after = show.desk.orders
    for page in (one, two):
        assert page.evaluate(LOW_CONTRASTS) == []
        page.get_by_text(state_of(after), exact=True).wait_for()
        pressed = page.locator("[data-action=slate]").get_attribute("aria-pressed")
        assert pressed == str(after.slate).lower()
    return int(shown[0] - sent)


def switch_camera(show: Show, one: Any, two: Any) -> None:
    """By its button; the other page shows it."""
    assert one.locator("#camera").inner_text() == "1280x720 MJPG 30.0, asked for 60"
    other = CAMERAS[(show.desk.orders.camera + 1) % 2]
    show.desk.act("arm", {"on": True}, who="test")
    hear(show, one)
    button = one.locator("#cameras").get_by_role("button", name=other, exact=True)
    button.click()
    wait_for(lambda: CAMERAS[show.desk.orders.camera] == other)
    two.locator(f'#cameras [aria-pressed=true]:text-is("{other}")').wait_for()
    show.desk.act("arm", {"on": False}, who="test")


def pick_a_fan(show: Show, page: Any) -> None:
    """The camera's picture, 3:4, lies in the middle of the preview's 16:9."""
    box = page.locator("#picker").bounding_box()
    scale = min(box["width"] / SIZE[0], box["height"] / SIZE[1])
    height = SIZE[1] * scale
    width = height * CAMERA_SIZE[0] / CAMERA_SIZE[1]
    left, top = box["x"] + (box["width"] - width) / 2, box["y"] + (box["height"] - height) / 2
    page.mouse.click(left + 0.25 * width, top + 0.5 * height)
    wait_for(lambda: show.desk.orders.picks == 1)
    assert show.desk.orders.pick == pytest.approx((0.25, 0.5), abs=0.01)
    page.mouse.move(left + 0.2 * width, top + 0.9 * height)
    page.mouse.down()
    page.mouse.move(left + 0.6 * width, top + 0.1 * height, steps=3)
    page.mouse.up()
    wait_for(lambda: show.desk.orders.picks == 2)
    assert show.desk.orders.pick == pytest.approx((0.2, 0.1, 0.6, 0.9), abs=0.01)
    page.locator("#picker").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_for(lambda: show.desk.orders.picks == 3)
    assert show.desk.orders.pick == (0.52, 0.5)
    page.locator("#picker").blur()


def see_the_fan(show: Show, page: Any) -> None:
    """How well he is known, and how far the player's picture of him can be trusted."""
    for fan, confidence, word in (
        ("learning", 0.9, "as filmed"), ("locked", 0.6, "near"), ("sound", 0.2, "never filmed"),
        ("", None, "–"),
    ):  # fmt: skip
        show.fan, show.confidence = fan, confidence
        page.locator("#fan").get_by_text(fan or "–", exact=True).wait_for()
        page.locator(f"#confidence[value='{confidence or 0}']").wait_for()
        page.locator("#confidence-word").get_by_text(word, exact=True).wait_for()
    show.fan, show.confidence = "sound", 0.93
    page.locator("#confidence-word").get_by_text("as filmed").wait_for()


def switch_player(show: Show, one: Any, two: Any) -> None:
    hear(show, one)
    button = one.get_by_role("button", name="Jones")
    box = button.bounding_box()
    one.mouse.move(box["x"] + 5, box["y"] + 5)
    one.mouse.down()
    wait_for(lambda: show.desk.orders.player == "Jones")
    one.mouse.up()
    for state, dances, text in (
        ("loading", "Number 23", "Number 23 → Jones…"),
        ("failed", "Number 23", "Number 23 (Jones failed)"),
        ("ready", "Jones", "Jones"),
    ):
        show.dances, show.swap_state = dances, state
        two.locator("#player").get_by_text(text, exact=True).wait_for()
    for page in (one, two):
        assert page.evaluate(
            "(() => { const it = document.getElementById('choices');"
            " return it.scrollHeight <= it.clientHeight; })()"
        ), "a choice is hidden"
    assert two.get_by_role("button", name="Jones").get_attribute("aria-pressed") == "true"
