"""What the console warns of: the machine before the show, agreements that end, a recording that runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from realtime.control.desk import Desk
from realtime.control.keys import Keymap
from realtime.control.network.server import ControlServer
from realtime.control.show_state import ShowStatus, StageState, show_facts
from realtime.transport.orders import Orders
from realtime.transport.statuses import OutputStatus, PlayoutStatus
from realtime.transport.telemetry import Totals
from tests.browser import PATIENCE_S, chromium_page

pytestmark = pytest.mark.browser

CHOICES = {"player": {"Number 23": "", "Jones": "Jones"}, "background": {"plate": ""}}
FOUND = [
    {"level": "OK", "check": "gpu", "found": "there is one", "advice": ""},
    {"level": "WARN", "check": "disk", "found": "it is nearly full", "advice": "make room"},
    {"level": "FAIL", "check": "camera", "found": "<b>it is gone</b>", "advice": "plug it in"},
]
RIGHTS = {
    "Number 23": {"until": "2026-12-05", "days_left": 4},
    "Jones": {"until": "2026-11-30", "days_left": -1},
}


@dataclass
class Place:
    desk: Desk
    answer: dict[str, Any] = field(default_factory=lambda: {"findings": None})
    told: threading.Event = field(default_factory=threading.Event)
    """A page has been told of findings."""

    def checkup(self) -> dict[str, Any]:
        answer = self.answer
        if answer["findings"] is not None:
            self.told.set()
        return answer

    def show(
        self, recorder: Any = "off", rights: dict[str, Any] | None = None, keeps: str | None = None
    ) -> None:
        status = ShowStatus(
            stages={"playout": StageState(ready=True)},
            playout=PlayoutStatus(state="LIVE" if self.desk.orders.taken else "FALLBACK"),
            outputs=[
                OutputStatus(name="recorder", kind="recorder", state=recorder),
                *([] if keeps is None else [OutputStatus("inputs", "inputs", "running", keeps)]),
            ],
        )
        facts = show_facts(CHOICES, self.desk.orders, status, {})
        facts["rights"] = rights or {}
        self.desk.report(facts)


@pytest.fixture
def place() -> Place:
    return Place(Desk(Orders(), Keymap(), CHOICES))


@pytest.fixture
def page(place: Place) -> Iterator[Any]:
    place.show()
    with (
        closing(
            ControlServer(
                place.desk, Totals(), lambda: None, token="a-token-of-a-test", host="127.0.0.1", port=0,
                checkup=place.checkup,
            )
        ) as server,
        chromium_page(server.console_url) as one,
    ):  # fmt: skip
        one.get_by_text("FALLBACK", exact=True).wait_for()
        yield one


def test_what_was_found_is_shown_until_something_is_on_air(place: Place, page: Any, tmp_path: Path) -> None:
    findings = page.locator("#findings")
    assert findings.is_hidden()
    place.answer = {"findings": FOUND}
    findings.wait_for(state="visible")
    page.screenshot(path=tmp_path / "findings.png")
    lines = findings.locator("li").all_inner_texts()
    assert lines == [
        "WARN disk: it is nearly full. make room",
        "FAIL camera: <b>it is gone</b>. plug it in",
    ]
    place.desk.act("take", who="a test", confirmed=True)
    place.show()
    page.get_by_text("LIVE", exact=True).wait_for()
    findings.wait_for(state="hidden")
    place.desk.act("fallback", who="a test")
    place.show()
    page.get_by_text("FALLBACK", exact=True).wait_for()
    assert findings.is_hidden(), "it does not come back"


def test_nothing_is_shown_where_all_is_well(place: Place, page: Any) -> None:
    place.answer = {"findings": FOUND[:1]}
    assert place.told.wait(PATIENCE_S)
    page.wait_for_timeout(1000)
    assert page.locator("#findings").is_hidden()


def test_a_recording_is_plain_to_see(place: Place, page: Any) -> None:
    badge = page.locator("#recording")
    assert badge.is_hidden()
    place.show(recorder="running")
    badge.wait_for(state="visible")
    assert badge.inner_text() == "● REC"
    box = badge.bounding_box()
    assert box["width"] > 40
    assert box["y"] < 120, "it is at the top"
    place.show(recorder="failed")
    badge.wait_for(state="hidden")


def test_that_the_camera_is_kept_is_plain_to_see(place: Place, page: Any) -> None:
    badge = page.locator("#kept")
    place.show(keeps="")  # a replay, which keeps the programme alone
    page.get_by_role("row", name="inputs").wait_for()
    assert badge.is_hidden()
    place.show(keeps="the camera's pictures are being kept in /x")
    badge.wait_for(state="visible")
    assert badge.inner_text() == "● CAMERA IS KEPT"
    assert badge.get_attribute("title") == "the camera's pictures are being kept in /x"
    assert badge.bounding_box()["y"] < 120, "it is at the top"
    assert page.get_by_text("the camera's pictures are being kept in /x").is_visible(), "in the outputs"
    place.show()
    badge.wait_for(state="hidden")


def test_an_agreement_that_ends_is_shown_with_the_player(place: Place, page: Any) -> None:
    place.show(rights=RIGHTS)
    page.get_by_role("button", name="Number 23 agreed until 2026-12-05").wait_for()
    page.get_by_role("button", name="Jones agreement ended 2026-11-30").wait_for()
