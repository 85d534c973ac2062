"""The whole show, as `make live` starts it, seen in a real browser."""

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from tests.browser import PATIENCE_S, chromium_page, fitted, screenshot
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
PLAYER = ROOT / "players" / "demo"
START_S = 300
SHOW_S = 900
"""It is ended before; this is for a test that is killed."""
LONGEST_STILL_S = 8
"""A busy browser may have no time for seconds; the page itself joins again after four without a picture."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (PLAYER / "player.toml").exists(), reason="players/demo is not there yet"),
]


@contextlib.contextmanager
def live_show(port: int, report: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """run_live.py with its defaults. It is asked to end when the block does, and writes its report."""
    arguments = ["--headless", "--seconds", str(SHOW_S), "--report", str(report), "--port", str(port)]
    with log.open("wb") as output:
        show = subprocess.Popen(
            [sys.executable, "run_live.py", *arguments], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield show
    finally:
        show.send_signal(signal.SIGTERM)
        try:
            show.wait(60)
        except subprocess.TimeoutExpired:
            show.kill()
            raise


def state_of(port: int) -> dict:
    """GET /state; {} while the page is not served yet."""
    return json.loads(asked(port, "state") or "{}")


def asked(port: int, path: str) -> str:
    """Nothing where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return answer.read().decode()
    except (OSError, http.client.HTTPException):
        return ""


def seconds_in(port: int, state: str) -> float:
    """How long the programme has been in this state: a short one is not missed, as it is in `state_of`."""
    deadline = time.monotonic() + PATIENCE_S
    while not (metrics := asked(port, "metrics")):
        assert time.monotonic() < deadline, "the page is served no more"
        time.sleep(0.25)
    found = re.search(rf'^dancecam_state_seconds_total{{state="{state}"}} (\S+)$', metrics, re.MULTILINE)
    return float(found[1]) if found else 0.0


def performer_of(show: subprocess.Popen[bytes]) -> psutil.Process:
    for child in psutil.Process(show.pid).children(recursive=True):
        try:
            if child.cmdline()[:1] == ["dancecam performer"]:
                return child
        except psutil.Error:  # it has just ended
            continue
    pytest.fail("there is no performer")


def wait_for_live(show: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while state_of(port).get("state") != "LIVE":
        if show.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the show did not go LIVE: {log.read_text(encoding='utf-8')[-2000:]}")
        time.sleep(0.25)


def test_the_player_dances_on_the_page(tmp_path: Path) -> None:
    port, report, log = free_port(), tmp_path / "report.json", tmp_path / "log.txt"
    plate = cv2.imread(str(PLAYER / "plate.png"))
    with live_show(port, report, log) as show:
        wait_for_live(show, port, log)
        with chromium_page(f"http://127.0.0.1:{port}/") as page:
            page.locator("#notice").wait_for(state="hidden")
            page.get_by_text("LIVE", exact=True).wait_for()
            shots = [screenshot(page).astype(int)]
            deadline = time.monotonic() + PATIENCE_S
            while len(shots) < 4:  # on a slow machine it takes a while until he has moved
                assert time.monotonic() < deadline, "the player stands still"
                page.wait_for_timeout(300)
                shot = screenshot(page).astype(int)
                if (np.abs(shot - shots[-1]).max(axis=2) > 40).mean() > 0.003:
                    shots.append(shot)
            while seconds_in(port, "live") <= 2:
                assert time.monotonic() < deadline, "it is not LIVE for long"
                page.wait_for_timeout(300)

    for shot in shots:
        picture = fitted(shot, plate.shape[1::-1])
        scene = cv2.resize(plate, picture.shape[1::-1], interpolation=cv2.INTER_AREA).astype(int)
        assert picture.std() > 20, "the picture is blank"
        differs = np.abs(picture - scene).max(axis=2) > 40
        assert differs.mean() < 0.4, "this is not the player's scene: the slate, or another picture"
        assert differs.mean() > 0.03, "nobody is in the scene"

    assert json.loads(report.read_text(encoding="utf-8"))["programme"]["seconds"]["live"] > 2


def test_the_page_plays_on_while_the_performer_is_killed(tmp_path: Path) -> None:
    port, report, log = free_port(), tmp_path / "report.json", tmp_path / "log.txt"
    frames = "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames"
    with live_show(port, report, log) as show:
        wait_for_live(show, port, log)
        with chromium_page(f"http://127.0.0.1:{port}/") as page:
            page.locator("#notice").wait_for(state="hidden")
            fallback_s = seconds_in(port, "fallback")
            performer_of(show).kill()
            killed = time.monotonic()
            counts = [(killed, page.evaluate(frames))]
            while seconds_in(port, "fallback") <= fallback_s or state_of(port).get("state") != "LIVE":
                page.wait_for_timeout(1000)
                counts.append((time.monotonic(), page.evaluate(frames)))
                if time.monotonic() - killed > START_S:
                    pytest.fail(f"not LIVE again: {log.read_text(encoding='utf-8')[-2000:]}")
    grew = [at for (_, before), (at, now) in pairwise(counts) if now > before]
    longest_s = max(np.diff([killed, *grew, counts[-1][0]]))
    assert grew and longest_s < LONGEST_STILL_S, f"the page stood still: {counts}"
    told = json.loads(report.read_text(encoding="utf-8"))
    events = [entry["event"] for entry in told["timeline"]]
    after = events[events.index("LIVE") :]
    assert "LIVE" in after[after.index("FALLBACK") :]  # a HOLD before it may be too short to be seen
    assert told["restarts"] == {"performer": 1}
