"""The whole show, as `make live` starts it, seen in a real browser."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from tests.browser import chromium_page, fitted, screenshot

ROOT = Path(__file__).resolve().parent.parent
PLAYER = ROOT / "players" / "demo"
START_S = 300
SHOW_S = 120

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (PLAYER / "player.toml").exists(), reason="players/demo is not there yet"),
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


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
            show.wait(20)
        except subprocess.TimeoutExpired:
            show.kill()
            raise


def state_of(port: int) -> dict:
    """GET /state; {} while the page is not served yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/state", timeout=5) as answer:
            return json.load(answer)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return {}


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
            page.locator("#notice").wait_for(state="hidden", timeout=30_000)
            page.get_by_text("LIVE", exact=True).wait_for(timeout=30_000)
            shots = [screenshot(page).astype(int)]
            deadline = time.monotonic() + 30
            while len(shots) < 4:  # on a slow machine it takes a while until he has moved
                assert time.monotonic() < deadline, "the player stands still"
                page.wait_for_timeout(300)
                shot = screenshot(page).astype(int)
                if (np.abs(shot - shots[-1]).max(axis=2) > 40).mean() > 0.003:
                    shots.append(shot)

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
            page.locator("#notice").wait_for(state="hidden", timeout=30_000)
            children = psutil.Process(show.pid).children(recursive=True)
            alive = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
            (performer,) = [child for child in alive if "dancecam performer" in " ".join(child.cmdline())]
            performer.kill()
            killed = time.monotonic()
            states, counts = set(), [page.evaluate(frames)]
            while states < {"FALLBACK", "LIVE"} or state_of(port)["state"] != "LIVE":
                page.wait_for_timeout(1000)
                counts.append(page.evaluate(frames))
                states.add(state_of(port)["state"])
                if time.monotonic() - killed > START_S:
                    pytest.fail(f"not LIVE again, only {states}: {log.read_text(encoding='utf-8')[-2000:]}")
    assert min(np.diff(counts)) > 0, f"the page stood still: {counts}"
    told = json.loads(report.read_text(encoding="utf-8"))
    events = [entry["event"] for entry in told["timeline"]]
    after = events[events.index("LIVE") :]
    assert [after.index(state) for state in ("HOLD", "FALLBACK")] == sorted(
        after.index(state) for state in ("HOLD", "FALLBACK")
    )
    assert "LIVE" in after[after.index("FALLBACK") :]
    assert told["restarts"] == {"performer": 1}
