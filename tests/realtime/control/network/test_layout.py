"""The console on a phone, a tablet, a laptop and a desk, in every state: nothing is cut off or covered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from realtime.control.alarms import ALARMS
from realtime.control.desk import Desk
from realtime.control.keys import Keymap
from realtime.control.network.server import ControlServer
from realtime.control.show_state import ShowStatus, StageState, hints_now, show_facts
from realtime.transport.orders import Orders
from realtime.transport.statuses import OutputStatus, PerformerStatus, PlayoutStatus
from realtime.transport.swap import SwapState, SwapStatus
from realtime.transport.telemetry import Totals
from tests.browser import chromium, new_page
from tests.realtime.control.network.test_console import CHOICES, LAYERS, LOW_CONTRASTS

pytestmark = pytest.mark.browser

SIZES = ((390, 844), (844, 390), (700, 900), (1024, 768), (1280, 720), (1280, 800), (1440, 900), (1920, 1080))

COVERED = """() => {
  const box = (element) => element.getBoundingClientRect();
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
    && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  const all = (what) => [...document.querySelectorAll(what)].filter((each) => each.checkVisibility());
  const name = (element) => element.id || element.dataset.action || element.className || element.textContent;
  const parts = all(".monitor, #controls, #panels section");
  const found = parts.flatMap((one, n) => parts.slice(n + 1).filter((other) => meet(box(one), box(other)))
    .map((other) => `${name(one)} over ${name(other)}`));
  for (const button of all("body > :not(dialog) button")) {
    for (const monitor of all(".monitor")) {
      if (meet(box(button), box(monitor))) found.push(`${name(button)} over ${name(monitor)}`);
    }
  }
  for (const button of all("header button, #toast button")) found.push(`${name(button)} moves with the page`);
  const cut = all("#choices, #controls, #why, .caption")
    .filter((each) => each.scrollWidth > each.clientWidth + 1);
  return [...found, ...cut.map((each) => `${name(each)} is cut off`)];
}"""
"""Parts of the console that cover one another, buttons over a monitor, and parts whose text is cut off."""

OVER_THE_PROGRAMME = """(top) => {
  const slate = document.querySelector("[data-action=slate]").style;
  slate.position = "fixed";
  slate.top = `${top}px`;
  slate.right = "40px";
}"""
"""Moves a button to where none may be."""

FOUND = [
    {
        "level": "FAIL",
        "check": "camera 0",
        "found": "no such device; there are: none",
        "advice": "plug it in",
    },
    *(
        {"level": "WARN", "check": f"disk {n}", "found": "12 GB are free", "advice": "make room"}
        for n in "abcd"
    ),
]


QUANTIZING = "quantizing the generator to INT8 (about half a minute, once)"
WELL = PerformerStatus(
    fan="sound",
    confidence=0.93,
    camera_size=(1280, 720),
    camera_name="0",
    camera_gives="1280x720 MJPG 30.0, asked for 60",
    player=SwapStatus("Number 23", SwapState.READY),
)
LOST = PerformerStatus(
    camera="camera rtsp://10.0.0.7/stream gives no picture any more: check the cable or the network",
    camera_name="0",
    player=SwapStatus("Number 23", SwapState.FAILED, "it is damaged"),
)
OUTPUTS = (
    OutputStatus("wall", "ndi", "running", tally="programme", receivers={"programme": 2}),
    OutputStatus("tape", "recorder", "running"),
)
FAILED = (OutputStatus("wall", "ndi", "failed", "wall: the network is unreachable"), OUTPUTS[1])
READY, LOADING = StageState(ready=True), StageState(False, QUANTIZING, 12.3, 1, 3)
TAKEN = Orders(layers=LAYERS, taken=True)
PICKING = Orders(layers=LAYERS, camera_preview=True, pick=(0.4, 0.5), armed=True)

# State, orders, how the performer's process is, what it says, and the outputs.
SCENES: dict[str, tuple[str, Orders, StageState, PerformerStatus, tuple[OutputStatus, ...]]] = {
    "live": ("LIVE", TAKEN, READY, WELL, OUTPUTS),
    "waits, and the doctor's findings": ("FALLBACK", Orders(layers=LAYERS), READY, WELL, OUTPUTS),
    "slate": ("SLATE", Orders(layers=LAYERS, slate=True), READY, WELL, OUTPUTS),
    "picking": ("FALLBACK", PICKING, READY, WELL, OUTPUTS),
    "preparing": ("FALLBACK", TAKEN, LOADING, PerformerStatus(), OUTPUTS),
    "preparing, before a take": ("FALLBACK", Orders(layers=LAYERS), LOADING, PerformerStatus(), OUTPUTS),
    "alarms": ("FALLBACK", TAKEN, READY, LOST, FAILED),
}


def shown(scene: str, findings: dict[str, Any]) -> tuple[Desk, ControlServer]:
    state, orders, process, performer, outputs = SCENES[scene]
    desk = Desk(orders, Keymap(), CHOICES)
    ready = {"playout": READY, "performer": process}
    status = ShowStatus(ready, PlayoutStatus(state=state, fps=30.0, latency_ms=71.4), performer, outputs)
    facts = show_facts(CHOICES, orders, status, {})
    facts["rights"] = {"Jones": {"until": "2026-12-12", "days_left": 13}}
    facts["hints"] = hints_now(facts, desk.keymap.of)
    desk.report(facts)
    loading = {
        "doing": process.doing, "doing_s": process.doing_s, "part": process.part, "parts": process.parts
    }  # fmt: skip
    desk.measure({"preparing": {"performer": loading} if process.doing else {}})  # type: ignore[typeddict-item]
    return desk, ControlServer(
        desk, Totals(), lambda: None, token="a-token-of-a-test", host="127.0.0.1", port=0,
        checkup=lambda: findings,
    )  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_is_cut_off_or_covered(scene: str, browser: Any, tmp_path: Path) -> None:
    findings = {"findings": FOUND if "findings" in scene else []}
    desk, server = shown(scene, findings)
    with closing(server):
        page = new_page(browser)
        page.goto(server.console_url)
        page.get_by_text(SCENES[scene][0], exact=True).wait_for()
        if findings["findings"]:
            page.locator("#findings").wait_for(state="visible")
        desk.tell("performer: camera 0 gives no picture any more: check the cable; trying again")
        page.locator("#log .press").wait_for(state="attached")
        page.locator("#log .press").get_by_text("camera (w) takes the next one").wait_for(state="attached")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.screenshot(path=tmp_path / f"{width}.png")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"at {width}x{height}"
            assert page.evaluate(COVERED) == [], f"at {width}x{height}"
            assert page.evaluate(LOW_CONTRASTS) == [], f"at {width}x{height}"
        top = page.locator(".programme").bounding_box()["y"] + 30
        page.evaluate(OVER_THE_PROGRAMME, top)
        assert page.evaluate(COVERED) == ["slate over monitor programme"], "the check sees nothing"
        page.close()


@pytest.mark.parametrize(
    ("scene", "hints", "preparing"),
    [
        ("live", [], ""),
        ("slate", [], ""),
        ("alarms", ["The camera is lost.", "The player cannot be loaded.", "An output failed."], ""),
        ("preparing", ["The performer prepares."], "part 1 of 3, for 12 s"),
        ("preparing, before a take", [], f"the performer is {QUANTIZING}: part 1 of 3, for 12 s"),
    ],
)
def test_it_says_what_is_wrong_and_how_far_it_is(
    scene: str, hints: list[str], preparing: str, browser: Any
) -> None:
    _, server = shown(scene, {"findings": []})
    with closing(server):
        page = new_page(browser)
        page.goto(server.console_url)
        page.get_by_text(SCENES[scene][0], exact=True).wait_for()
        assert page.locator("#hints strong").all_inner_texts() == hints
        assert page.locator("#preparing").is_visible() == bool(preparing)
        assert page.locator("#preparing span").text_content() == preparing
        page.close()


def test_a_console_that_is_cut_off_says_what_the_table_says(browser: Any) -> None:
    _, server = shown("live", {"findings": []})
    page = new_page(browser)
    with closing(server):
        page.goto(server.console_url)
        page.get_by_text("LIVE", exact=True).wait_for()
    page.get_by_text("NO SHOW", exact=True).wait_for()
    (row,) = (row for row in ALARMS if row.name == "The console is not connected")
    assert page.locator("#hints li").inner_text() == f"{row.name}. {row.press}"
    assert page.locator("#hints li").get_attribute("title") == row.means
    page.close()
