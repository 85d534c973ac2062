"""The console of a duet, in a real browser: whose fan a click picks, and what is said of both."""

from __future__ import annotations

import pytest

from realtime.control.keys import Keymap
from realtime.control.show_state import ShowStatus, StageState, hints_now, show_facts
from realtime.performer.duet_pace import DuetPace, said
from realtime.transport.statuses import PerformerStatus, PlayoutStatus
from realtime.transport.swap import SwapState, SwapStatus
from tests.browser import chromium, new_page, wait_until
from tests.realtime.control.network.place import CHOICES, TOKEN, Place

pytestmark = pytest.mark.browser

READY = {"playout": StageState(ready=True), "performer": StageState(ready=True)}


def tell(place: Place, *, second: str, too_slow: str = "") -> None:
    """What a show says whose first player is loaded."""
    performer = PerformerStatus(
        fan="sound",
        fan_2="learning" if second else "",
        too_slow=too_slow,
        camera_size=(640, 360),
        player=SwapStatus("Demo", SwapState.READY),
    )
    status = ShowStatus(READY, PlayoutStatus("FALLBACK", "FALLBACK", fps=30.0), performer)
    facts = show_facts(CHOICES, place.desk.orders, status, {})
    facts["second"] = second
    facts["hints"] = hints_now(facts, Keymap().of)
    place.desk.report(facts)


def test_a_click_picks_the_fan_of_the_player_who_is_switched_to(place: Place) -> None:
    too_slow = said(DuetPace(24.0, 12.0, 30.0))
    tell(place, second="Star", too_slow=too_slow)
    with chromium() as browser:
        page = new_page(browser, {"width": 1440, "height": 900})
        page.goto(f"{place.server.url}console#token={TOKEN}")
        page.get_by_text("connected", exact=True).wait_for()
        page.locator("#fan").get_by_text("1 sound, 2 learning", exact=True).wait_for()
        assert page.locator("#player").inner_text().endswith("+ Star")
        page.get_by_text("Two dancers are too much for this machine.").wait_for()
        switch, picker = page.locator("#picks-for"), page.locator("#picker")
        assert switch.is_hidden(), "the camera is not in the preview"
        # There is no video here, and what says so lies over the place of the pictures.
        page.locator("#preview-notice").evaluate("notice => { notice.style.pointerEvents = 'none'; }")
        page.keyboard.press("v")
        switch.wait_for()
        box = picker.bounding_box()
        x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 2
        page.mouse.click(x, y)
        wait_until(page, lambda: place.desk.orders.picks == 1)
        page.locator("#picked").wait_for()
        page.get_by_role("button", name="fan 2", exact=True).click()
        assert page.locator("#picked").is_hidden(), "the second one's pick is shown, and there is none"
        page.mouse.click(x, y)
        wait_until(page, lambda: place.desk.orders.picks_2 == 1)
        assert place.desk.orders.picks == 1 and len(place.desk.orders.pick_2) == 2
        page.locator("#picked").wait_for()
        page.locator('[data-action="unpick-2"]').click()
        wait_until(page, lambda: place.desk.orders.pick_2 == ())
        assert len(place.desk.orders.pick) == 2
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 844})
            found = switch.bounding_box()
            assert found["x"] >= 0 and found["x"] + found["width"] <= width

        tell(place, second="")
        switch.wait_for(state="hidden")
        assert page.locator('[data-action="unpick-2"]').is_hidden()
        page.locator("#fan").get_by_text("sound", exact=True).wait_for()
