"""The window on a monitor of Xvfb, as a screenshot of it shows it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.config.outputs import WebRtc, Window
from realtime.config.show import Show
from realtime.outputs.sink import Format, OutputError
from realtime.outputs.window import WindowSink
from realtime.transport.programme_ring import ProgrammeFrame
from tests.realtime.outputs.feeding import held_nobody_up, playing, wait_for_state, wait_until
from tools.benchmarking.hosting import hosted

SIZE = (320, 180)
SCREEN = (800, 600)
FORMAT = Format(SIZE, Fraction(30))


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder in which Xvfb keeps what its monitor shows."""
    pytest.importorskip("pygame", reason="pygame-ce is not installed")
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (apt install xvfb)")
    read, write = os.pipe()
    screen = f"{SCREEN[0]}x{SCREEN[1]}x24"
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", screen, "-fbdir", str(tmp_path)]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as numbers:
        number = numbers.readline().strip()
    monkeypatch.setenv("DISPLAY", f":{number}")
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    yield tmp_path
    server.terminate()
    server.wait()


def shown(folder: Path) -> np.ndarray:
    """What the monitor shows, (H, W, 3) BGR: Xvfb's frame buffer, an X window dump of 32 bits a pixel."""
    data = (folder / "Xvfb_screen0").read_bytes()
    header_bytes, colours = int.from_bytes(data[:4], "big"), int.from_bytes(data[76:80], "big")
    start = header_bytes + 12 * colours
    pixels = np.frombuffer(data, np.uint8, 4 * SCREEN[0] * SCREEN[1], start)
    return pixels.reshape(SCREEN[1], SCREEN[0], 4)[..., :3]


def frame(tick: int) -> ProgrammeFrame:
    """Green, with a red left half."""
    picture = np.full((SIZE[1], SIZE[0], 3), (40, 160, 40), np.uint8)
    picture[:, : SIZE[0] // 2] = (20, 20, 200)
    return ProgrammeFrame(picture)


def is_shown(screen: np.ndarray) -> bool:
    """Whether the picture of `frame` is as wide as the monitor, with black above and below."""
    height = SCREEN[0] * SIZE[1] // SIZE[0]  # 450
    top = (SCREEN[1] - height) // 2
    left, right = screen[top + 2 : -top - 2, 10:390], screen[top + 2 : -top - 2, 410:-10]
    return (
        screen[: top - 2].max() == 0
        and np.allclose(left.mean((0, 1)), (20, 20, 200), atol=2)
        and np.allclose(right.mean((0, 1)), (40, 160, 40), atol=2)
    )


def test_the_picture_fills_the_monitor_in_its_own_shape_and_keys_come_back(display: Path) -> None:
    show = Show(webrtc=WebRtc(port=0), outputs=(Window(kind="window"),))
    with hosted(show, FORMAT) as output:
        with playing(output.send, frame) as took:
            wait_until(lambda: output.status().sent > 15, "15 pictures")
            try:
                wait_until(lambda: is_shown(shown(display)), "X draws the picture")
            finally:
                cv2.imwrite(str(display / "screen.png"), shown(display))
            if shutil.which("xdotool"):
                subprocess.run(["xdotool", "key", "t", "space"], check=True)
                keys: list[str] = []
                wait_until(lambda: keys.append(output.pressed()) or "".join(keys) == "t ", "the keys")
        assert held_nobody_up(took)


def test_a_monitor_that_is_not_there_is_told(display: Path) -> None:
    sink = WindowSink(Window(kind="window", monitor=3, name="board"), FORMAT)
    assert (
        wait_for_state(sink, "failed").reason == "board: there is no monitor 3; this machine has 0: 800x600"
    )
    sink.close()


def test_without_a_desktop_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygame", reason="pygame-ce is not installed")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    sink = WindowSink(Window(kind="window"), FORMAT)
    reason = wait_for_state(sink, "failed").reason
    assert "no window can be opened" in reason
    assert len(reason.splitlines()) == 1
    sink.close()


def test_a_missing_package_is_one_line_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(OutputError, match="pip install pygame-ce") as failure:
        WindowSink(Window(kind="window"), FORMAT)
    assert len(str(failure.value).splitlines()) == 1
