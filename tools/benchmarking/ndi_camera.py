"""NDI in and out in one loop on this machine: the camera is an NDI source, and so is the programme.

    python -m tools.benchmarking.ndi_camera
    python -m tools.benchmarking.ndi_camera --seconds 60

Measured are: the way of a picture over NDI, from when its time is drawn in the sender until it is at hand
here; capture to programme of whole shows with a file, the rehearsal's picture and an NDI source as camera;
what the programme shows when the sender is killed and started again; and switches between cameras. No
discovery service is needed. Needs cyndilib (the extra `ndi`), and the bundled player.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from engines.time_units import NS_PER_MS, NS_PER_S
from realtime.cameras.camera_name import CaptureError, NotThereYet
from realtime.cameras.video_source import VideoSource
from realtime.config.show import BUNDLED_CLIP
from realtime.performer.capture_thread import Captured, CaptureThread
from realtime.pictures import timecode
from realtime.transport.telemetry import Meter
from tools.benchmarking.ndi import LOOPBACK
from tools.benchmarking.playing import CannotMeasure, percentiles

ROOT = Path(__file__).resolve().parents[2]
SOURCE, REHEARSAL = "Dancecam benchmark camera", "test://1280x720@30"
CAMERA = f"ndi://{SOURCE}"
FIND_S, START_S, LOST_S, AGAIN_S = 30.0, 300.0, 5.0, 0.1
SWITCH_S = 3.0
LEAST_PICTURES = 10
"""Percentiles of fewer are not told."""

SHOW = """
camera = {camera}
start = "live"
[webrtc]
port = 0
"""
PROGRAMME = """
[[outputs]]
kind = "ndi"
source = "Dancecam benchmark programme"
"""


def send() -> None:
    """Sends the rehearsal's picture, until the process is killed."""
    import cv2
    import numpy as np
    from cyndilib.audio_frame import AudioSendFrame
    from cyndilib.sender import Sender
    from cyndilib.video_frame import VideoSendFrame
    from cyndilib.wrapper.ndi_structs import FourCC

    source = VideoSource(REHEARSAL)
    video = VideoSendFrame()
    video.set_resolution(1280, 720)
    video.set_frame_rate(Fraction(30))
    video.set_fourcc(FourCC.BGRX)
    sender = Sender(SOURCE, clock_video=False, clock_audio=False)
    sender.set_video_frame(video)
    sender.set_audio_frame(AudioSendFrame())
    sender.open()
    out = np.zeros((720, 1280, 4), np.uint8)
    while True:
        source.grab()
        cv2.cvtColor(source.picture(), cv2.COLOR_BGR2BGRA, dst=out)
        sender.write_video(out.reshape(-1))


@contextmanager
def sending() -> Iterator[None]:
    """An NDI camera, in a process of its own, which is found before the block begins. Raises CannotMeasure,
    CaptureError."""
    process = subprocess.Popen([sys.executable, "-m", "tools.benchmarking.ndi_camera", "--send"], cwd=ROOT)
    try:
        open_soon().close()
        yield
    finally:
        process.kill()
        process.wait()


def open_soon() -> VideoSource:
    """Raises CannotMeasure, CaptureError."""
    deadline = time.monotonic() + FIND_S
    while time.monotonic() < deadline:
        try:
            return VideoSource(CAMERA)
        except NotThereYet:
            continue
        except CaptureError:  # found only just now, so that no time was left for its first picture
            if time.monotonic() >= deadline:
                raise
            time.sleep(AGAIN_S)
    raise CannotMeasure(f"{CAMERA} is not found")


def transport(seconds: float) -> dict[str, Any]:
    """How old pictures are when they are at hand, by the time that is drawn in them, and by the time that the
    source tells for them, ms."""
    drawn_ms: list[float] = []
    told_ms: list[float] = []
    with sending():
        source = open_soon()
        until = time.monotonic() + seconds
        while time.monotonic() < until or len(drawn_ms) < LEAST_PICTURES:
            taken_ns = source.grab()
            drawn = timecode.read(picture := source.picture())
            told_ms.append((time.monotonic_ns() - taken_ns) / NS_PER_MS)
            if drawn is None:
                raise CannotMeasure(f"no time can be read in a picture of {picture.shape}")
            drawn_ms.append(timecode.age_ms(time.time_ns() / NS_PER_MS, drawn))
        source.close()
    return {
        "pictures": len(drawn_ms),
        "since_drawn": percentiles(drawn_ms),
        "since_told": percentiles(told_ms),
    }


@contextmanager
def playing_show(camera: str, folder: Path, seconds: float, outputs: str = PROGRAMME) -> Iterator[None]:
    """A whole show, with its report and log in `folder`, that ends by itself after so long on air."""
    show = folder / "show.toml"
    show.write_text(SHOW.format(camera=json.dumps(camera)) + outputs, encoding="utf-8")
    command = [sys.executable, "run_live.py", "--show", str(show), "--headless", "--seconds", str(seconds)]
    command += ["--report", str(folder / "report.json"), "--log", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            yield
            if process.wait(START_S + seconds):
                raise CannotMeasure(f"the show with {camera} failed")
        except subprocess.TimeoutExpired:
            raise CannotMeasure(f"the show with {camera} does not get on air") from None
        finally:
            process.kill()


def states(folder: Path) -> list[tuple[datetime, str]]:
    """What the programme showed, and from when, by the show's log."""
    found: list[tuple[datetime, str]] = []
    for line in next(folder.glob("show-*.jsonl")).read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n"):  # it is being written
            break
        event = json.loads(line)
        if event["type"] == "state" and (not found or found[-1][1] != event["show"].get("state")):
            found.append((datetime.fromisoformat(event["at"]), event["show"].get("state", "")))
    return found


def capture_to_programme(camera: str, seconds: float) -> dict[str, Any]:
    """Percentiles in ms, by the show's own report."""
    with tempfile.TemporaryDirectory() as folder:
        with playing_show(camera, Path(folder), seconds):
            pass
        report = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
    if "capture_to_programme" not in report["latency_ms"]:
        raise CannotMeasure(f"no picture of {camera} was shown")
    return {
        **report["latency_ms"]["capture_to_programme"],
        "captured": report["frames"]["captured"],
        "dropped": report["frames"]["dropped"],
        "seconds": report["programme"]["seconds"],
    }


def lost_and_back() -> dict[str, Any]:
    """What the programme shows after the sender was killed and after it was started again, and when, s.

    Without avahi NDI finds only one sender of a machine, so the programme is not sent here.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        sender = stack.enter_context(ExitStack())
        sender.enter_context(sending())
        stack.enter_context(playing_show(CAMERA, folder, 40, outputs=""))
        deadline = time.monotonic() + START_S
        while not any(folder.glob("show-*.jsonl")) or all(state != "LIVE" for _, state in states(folder)):
            if time.monotonic() > deadline:
                raise CannotMeasure("the show does not get on air")
            time.sleep(0.5)
        time.sleep(5)
        sender.close()
        killed = datetime.now().astimezone()
        time.sleep(LOST_S)
        begun = datetime.now().astimezone()
        sender.enter_context(sending())
        stack.pop_all().close()
        told = states(folder)
    return {
        "after_the_end": [
            [state, round((at - killed).total_seconds(), 2)] for at, state in told if killed < at < begun
        ],
        "after_the_start": [
            [state, round((at - begun).total_seconds(), 2)] for at, state in told if at > begun
        ],
    }


def switches() -> list[dict[str, Any]]:
    """From the order until the other camera is on, and the longest time between two frames meanwhile, ms."""
    frames: list[Captured] = []
    rows: list[dict[str, Any]] = []
    thread = CaptureThread(str(BUNDLED_CLIP), frames.append, Meter())
    with sending():
        thread.start(must_open=True)
        time.sleep(SWITCH_S)
        for camera in (CAMERA, REHEARSAL, CAMERA, str(BUNDLED_CLIP)):
            before, ordered_ns = frames[-1].switches, time.monotonic_ns()
            thread.switch(camera)
            time.sleep(SWITCH_S)
            on = next((frame for frame in frames if frame.switches > before), None)
            if on is None:
                raise CannotMeasure(f"{camera} does not come on")
            times = [frame.captured_ns for frame in frames if frame.captured_ns > ordered_ns - NS_PER_S]
            gaps = [later - earlier for earlier, later in pairwise(times)]
            rows.append(
                {
                    "to": Path(camera).name if camera == str(BUNDLED_CLIP) else camera,
                    "on_after_ms": round((on.captured_ns - ordered_ns) / NS_PER_MS),
                    "longest_gap_ms": round(max(gaps) / NS_PER_MS, 1),
                }
            )
            frames.clear()
            time.sleep(0.2)
        thread.stop()
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures as JSON. Exit status 1 where nothing was measured."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.benchmarking.ndi_camera",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seconds", type=float, default=20, help="on air, of each show (default: %(default)s)"
    )
    parser.add_argument("--send", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.send:
        send()
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "ndi-config.v1.json").write_text(json.dumps(LOOPBACK), encoding="utf-8")
            os.environ["NDI_CONFIG_DIR"] = folder
            found: dict[str, Any] = {"over_ndi_ms": transport(10), "switches": switches()}
            shows = {"file": str(BUNDLED_CLIP), "test": REHEARSAL, "ndi": CAMERA}
            with sending():  # beside all of them: it takes its share of the machine
                found["capture_to_programme_ms"] = {
                    name: capture_to_programme(camera, options.seconds) for name, camera in shows.items()
                }
            found["lost_and_back_s"] = lost_and_back()
            print(json.dumps(found, indent=1))
    except (CannotMeasure, CaptureError) as error:
        print(f"ndi_camera: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
