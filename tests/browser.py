"""Headless Chromium for the tests that look at the page."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

VIEWPORT = {"width": 960, "height": 600}
PATIENCE_S = 60
"""How long is waited for what must happen: a machine that is busy may leave a browser no time for seconds."""


@contextmanager
def chromium() -> Iterator:
    """Headless Chromium. Skips the test where Playwright or Chromium is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("Chromium is not installed (apt install chromium)")
    # The loopback switch and the permission let WebRTC work on a machine that has no network at all.
    arguments = [
        "--no-sandbox",
        "--allow-loopback-in-peer-connection",
        "--force-webrtc-ip-handling-policy=default",
    ]
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=arguments, timeout=2000 * PATIENCE_S)
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser, viewport=VIEWPORT):
    """An empty page of somebody new. What is waited for in it may take PATIENCE_S."""
    context = browser.new_context(viewport=viewport, permissions=["camera"])
    context.set_default_timeout(1000 * PATIENCE_S)
    return context.new_page()


@contextmanager
def chromium_page(url: str) -> Iterator:
    """A page of headless Chromium at `url`; see `chromium`."""
    with chromium() as browser:
        page = new_page(browser)
        page.goto(url)
        yield page


def wait_until(page: Any, happened: Callable[[], bool]) -> None:
    """The page, and what is heard of it, go on meanwhile."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        page.wait_for_timeout(50)


def screenshot(page, what: str = "main") -> NDArray[np.uint8]:
    """What the page shows of the element `what`: (H, W, 3) uint8 BGR; by default the programme's page."""
    png = np.frombuffer(page.locator(what).screenshot(), np.uint8)
    return cv2.imdecode(png, cv2.IMREAD_COLOR)


def fitted(shot: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The part of a shot, (h, w, 3), where a picture of `size`, width and height, is shown whole."""
    height, width = shot.shape[:2]
    scale = min(width / size[0], height / size[1])
    wide, high = round(scale * size[0]), round(scale * size[1])
    left, top = (width - wide) // 2, (height - high) // 2
    return shot[top : top + high, left : left + wide]
