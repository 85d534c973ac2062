"""Headless Chromium for the tests that look at the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

VIEWPORT = {"width": 960, "height": 600}


@contextmanager
def chromium_page(url: str) -> Iterator:
    """A page of headless Chromium at `url`. Skips the test where Playwright or Chromium is missing."""
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
        browser = play.chromium.launch(executable_path=path, args=arguments)
        try:
            context = browser.new_context(viewport=VIEWPORT, permissions=["camera"])
            page = context.new_page()
            page.goto(url)
            yield page
        finally:
            browser.close()


def screenshot(page) -> NDArray[np.uint8]:
    """What the page shows: (H, W, 3) uint8 BGR, without the line of numbers at its foot."""
    png = np.frombuffer(page.locator("main").screenshot(), np.uint8)
    return cv2.imdecode(png, cv2.IMREAD_COLOR)
