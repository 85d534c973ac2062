"""The console on the beat, in a real browser: taps by its key, tempo, how far behind, and a lost clock."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from realtime.control.show_state import Figures, ShowStatus, StageState, show_facts
from realtime.transport.statuses import PlayoutStatus, TempoStatus
from realtime.transport.telemetry import Totals
from tests.browser import chromium, new_page, wait_until
from tests.realtime.control.network.place import CHOICES, TOKEN, Place

pytestmark = pytest.mark.browser

READY = {"playout": StageState(ready=True), "performer": StageState(ready=True)}


def tell(place: Place, *, beats: int = 0, error_ms: float | None = None, reason: str = "") -> None:
    """What the stages of a show say."""
    playout = PlayoutStatus("LIVE", "LIVE", fps=30.0, latency_ms=71.4, beats=beats, beat_error_ms=error_ms)
    tempo = TempoStatus("MIDI clock of Deck", reason)
    status = ShowStatus(READY, playout, tempo=tempo)
    place.desk.report(show_facts(CHOICES, place.desk.orders, status, {}))
    place.desk.measure(Figures().take(Totals(), status))


def test_the_console_taps_and_shows_the_beat(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The taps come as they may; by the desk's clock they are even."""
    beats = itertools.count(0, 400_000_000)
    monkeypatch.setattr("realtime.control.desk.time", SimpleNamespace(monotonic_ns=beats.__next__))
    tell(place)
    with chromium() as browser:
        page = new_page(browser, {"width": 1440, "height": 900})
        page.goto(f"{place.server.url}console#token={TOKEN}")
        page.get_by_text("connected", exact=True).wait_for()
        page.locator("[data-action=tap]").wait_for()  # its keys come with the hello
        box, beat = page.locator("#beat-box"), page.locator("#beat-box dd")
        assert box.is_hidden(), "nobody asked for it"
        for _ in range(8):
            page.keyboard.press("g")
        wait_until(page, lambda: len(place.desk.orders.taps) == 8)
        bpm = place.desk.orders.bpm
        assert bpm == 150
        box.wait_for()
        assert beat.inner_text() == f"{bpm:.1f} bpm"
        assert page.locator("label", has_text="tempo").locator("output").inner_text() == f"{bpm:.1f} bpm"

        page.keyboard.press("o")
        page.locator('button[data-action="beat"][aria-pressed="true"]').wait_for()
        tell(place, beats=1, error_ms=-3.2)
        page.get_by_text(f"{bpm:.1f} bpm, 1 beat behind, −3 ms").wait_for()
        place.desk.act("tempo", {"bpm": 97.5}, who="test")
        tell(place, beats=2, error_ms=12.0, reason="the MIDI device Deck is gone")
        page.get_by_text("97.5 bpm, not heard any more, 2 beats behind, +12 ms").wait_for()
        assert box.get_attribute("title") == "the MIDI device Deck is gone"
        assert "warned" in str(box.get_attribute("class"))
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 844})
            found = box.bounding_box()
            assert found["x"] >= 0 and found["x"] + found["width"] <= width
