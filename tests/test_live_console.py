"""A whole show under its operator's hands: console, real networks, three people in the camera."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from realtime.inputs.lines import read_lines
from tests.browser import chromium, fitted, new_page, screenshot
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
PLAYER, OTHER = ROOT / "players" / "demo", ROOT / "players" / "fan"
FAN = ROOT / "assets" / "fan_dance.mp4"
TOKEN = "a-token-of-a-test"
START_S, PATIENCE_S = 300, 60
FOLLOWED = (60, 170, 255)
"""The colour, BGR, of what is drawn on the person who is followed."""
PROGRAMME = (1280, 720)
DESKTOP, TABLET = {"width": 1440, "height": 900}, {"width": 1024, "height": 768}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (PLAYER / "player.toml").exists(), reason="players/demo is not there yet"),
]


def three_people(path: Path, frames: int = 240) -> Path:
    """The fan three times side by side, 1278x720, each at another moment of the clip."""
    sources = [cv2.VideoCapture(str(FAN)) for _ in range(3)]
    for n, source in enumerate(sources):
        source.set(cv2.CAP_PROP_POS_FRAMES, n * 150)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (3 * 426, 720))
    for _ in range(frames):
        writer.write(np.hstack([source.read()[1][:, 427:853] for source in sources]))
    writer.release()
    return path


class Live:
    """run_live.py with a show file of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        (folder / "show.toml").write_text(
            f'camera = "{three_people(folder / "fans.mp4")}"\nplayer = "{PLAYER}"\nplayers = ["{OTHER}"]\n'
            f'[webrtc]\nport = {self.port}\n[control]\ntoken = "{TOKEN}"\nlog = "logs"\n',
            encoding="utf-8",
        )
        self.console = f"http://127.0.0.1:{self.port}/console#token={TOKEN}"
        self.log = folder / "log.txt"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "run_live.py", "--show", str(folder / "show.toml"), "--headless"],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def state(self) -> dict[str, Any]:
        """{} where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/api/state", headers={"Authorization": f"Bearer {TOKEN}"})
            return json.load(connection.getresponse())
        except (OSError, http.client.HTTPException):
            return {}
        finally:
            connection.close()

    def wait_for(self, what: Callable[[dict[str, Any]], object], timeout_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not ((state := self.state()) and what(state)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(
                    f"it did not happen: {self.state()}\n{self.log.read_text(encoding='utf-8')[-2000:]}"
                )
            time.sleep(0.2)

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with contextlib.closing(Live(tmp_path)) as show:
        yield show


def assert_moves(page: Any, name: str) -> None:
    notice = page.locator(f"#{name}-notice")
    notice.wait_for(state="hidden")
    first, deadline = None, time.monotonic() + PATIENCE_S
    while True:
        shot = screenshot(page, f"#{name}").astype(int)
        if notice.is_hidden():
            if first is None or first.shape != shot.shape:
                first = shot
            elif (np.abs(shot - first).max(axis=2) > 40).mean() > 0.003:
                return
        assert time.monotonic() < deadline, f"{name} stands still"
        page.wait_for_timeout(800)


def hold(page: Any, key: str, until: Callable[[], None]) -> None:
    page.keyboard.down(key)
    try:
        until()
    finally:
        page.keyboard.up(key)


def test_an_operator_runs_a_show_from_the_console(live: Live, tmp_path: Path) -> None:
    live.wait_for(lambda state: state["stats"].get("stages_ms", {}).get("generate"), START_S)
    with chromium() as browser:
        one, two = new_page(browser, DESKTOP), new_page(browser, TABLET)
        for page in (one, two):
            page.goto(live.console)
            page.get_by_text("FALLBACK", exact=True).wait_for()
        for name in ("preview", "programme"):
            assert_moves(one, name)

        hold(one, "t", lambda: live.wait_for(lambda state: state["orders"]["taken"]))
        for page in (one, two):
            page.locator("body[data-tally=on]").wait_for()

        one.keyboard.press("v")
        two.locator("[data-action=camera-preview][aria-pressed=true]").wait_for()
        for third in (2, 0):
            pick_until_followed(one, third)

        one.get_by_role("button", name="Star", exact=True).hover()
        one.mouse.down()
        live.wait_for(lambda state: state["orders"]["player"] == "Star")
        one.mouse.up()
        two.locator("#player").get_by_text("Star").wait_for()
        live.wait_for(lambda state: state["show"]["dances"] == "Star" and state["show"]["on_air"], START_S)
        assert_dances_in_the_scene_of(one, OTHER)
        one.screenshot(path=tmp_path / "console.png")

        one.keyboard.press("Space")
        for page in (one, two):
            page.get_by_text("SLATE", exact=True).wait_for()
        two.screenshot(path=tmp_path / "tablet.png")
    (log,) = (tmp_path / "logs").glob("show-*.jsonl")
    live.wait_for(lambda _: "slate" in actions_in(log))
    assert list(dict.fromkeys(actions_in(log))) == ["take", "camera-preview", "pick", "player", "slate"]


def actions_in(log: Path) -> list[str]:
    """Those that were done, as far as they are written: a thread of its own does that."""
    lines = read_lines(log)
    return [line["action"] for line in lines if line["type"] == "action" and line["result"] == "done"]


def assert_dances_in_the_scene_of(page: Any, player: Path) -> None:
    """The programme shows this player's scene."""
    deadline = time.monotonic() + PATIENCE_S
    scenes = {folder: cv2.imread(str(folder / "plate.png")) for folder in (PLAYER, OTHER)}
    while True:
        shot = screenshot(page, "#programme")
        off = {}
        for folder, scene in scenes.items():
            picture = fitted(shot, scene.shape[1::-1]).astype(int)
            off[folder] = np.abs(picture - cv2.resize(scene, picture.shape[1::-1])).mean()
        if min(off, key=off.__getitem__) == player and off[player] < 25:
            return
        assert time.monotonic() < deadline, f"the other player is not seen: {off}"
        page.wait_for_timeout(500)


def pick(page: Any, x: float) -> None:
    """Clicks a person in the camera's picture, which fills the preview's."""
    box = page.locator("#picker").bounding_box()
    wide = min(box["width"], box["height"] * PROGRAMME[0] / PROGRAMME[1])
    left = box["x"] + (box["width"] - wide) / 2
    page.mouse.click(left + x * wide, box["y"] + box["height"] / 2)


def pick_until_followed(page: Any, third: int) -> None:
    """Clicks the fan in this third of the camera, and again if a machine that is busy lost him."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        pick(page, (third + 0.5) / 3)
        for _ in range(20):
            page.wait_for_timeout(300)
            if follows(page, third):
                return
    pytest.fail(f"the fan in third {third} is not followed")


def follows(page: Any, third: int) -> bool:
    """Whether the bones are drawn over the legs in this third; the shirts are of the bones' colour."""
    shot = fitted(screenshot(page, "#preview"), PROGRAMME).astype(int)
    legs = shot[round(0.62 * len(shot)) : round(0.95 * len(shot))]
    drawn = np.abs(legs - FOLLOWED).max(axis=2) < 60
    thirds = [int(part.sum()) for part in np.array_split(drawn, 3, axis=1)]
    return thirds[third] > 50 and thirds[third] > 0.8 * sum(thirds)
