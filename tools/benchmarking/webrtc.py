"""Measures WebRTC to headless Chromium, from the programme's tick to the screen: ours beside aiortc's plain
VP8.

    python -m tools.benchmarking.webrtc
    python -m tools.benchmarking.webrtc --size 1920x1080 --bitrate 12000000 --seconds 20
    python -m tools.benchmarking.webrtc --fps 59.94 --rounds 3

The time is drawn into every picture when it is handed to the output, and read back from the page when the
browser reports that the picture is on the screen. The two are measured in turn, round by round, at the same
bitrate. Needs Playwright (the extra `dev`) and Chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from realtime.config.outputs import WebRtc, WebRtcServing
from realtime.config.show import Show
from realtime.outputs.output_stage import feed
from realtime.outputs.sink import Format
from realtime.outputs.webrtc.webrtc_sink import WebRtcSink
from realtime.pictures import timecode
from realtime.stages.context import StageContext
from realtime.stages.stage_link import StageLink
from realtime.stages.table import WEBRTC, output_stage
from realtime.transport.programme_ring import ProgrammeFrame
from tools.benchmarking.hosting import hosted
from tools.benchmarking.plain_vp8 import PlainSettings
from tools.benchmarking.playing import (
    CannotMeasure,
    add_programme_flags,
    percentiles,
    playing,
    programme_of,
    wait_running,
)

WATCHING = Path(__file__).with_name("watching.js")
SETTLE_S = 3.0
"""The time after a viewer has joined before anything counts."""
BROWSER_FLAGS = (
    "--no-sandbox",
    "--allow-loopback-in-peer-connection",
    "--force-webrtc-ip-handling-policy=default",
    "--autoplay-policy=no-user-gesture-required",
)


@dataclass(frozen=True)
class Figures:
    """What a viewer saw. Times are in ms, from the tick to the screen."""

    shown_fps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    jitter_buffer_ms: float
    kbit_s: float
    pictures: int
    unreadable: int


def run(context: StageContext, link: StageLink) -> None:
    """Runs the process of our output, on a port of its own."""
    rig, serving = context.rig, WebRtcServing(context.stage.settings)
    feed(WebRtcSink(serving, Format(rig.programme_size, rig.show.programme.fps)), context, link)


def measure(programme: Format, bitrate: int, *, seconds: float, rounds: int) -> dict[str, Figures]:
    """Our output and the peer, by name, each watched for seconds * rounds. Raises CannotMeasure,
    VideoError."""
    ours, plain = _free_port(), _free_port()
    stages: dict[str, tuple[str, WebRtc | PlainSettings]] = {
        "ours, H.264": ("tools.benchmarking.webrtc:run", WebRtc(port=ours, bitrate=bitrate)),
        "aiortc, VP8": ("tools.benchmarking.plain_vp8:run", PlainSettings(plain, bitrate)),
    }
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in stages}
    with ExitStack() as stack:
        outputs = [
            stack.enter_context(
                hosted(Show(), programme, replace(output_stage(WEBRTC, name, settings), entry=entry))
            )
            for name, (entry, settings) in stages.items()
        ]
        for output in outputs:
            wait_running(output)

        def send(frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
            for output in outputs:
                output.send(frame, tick, due_ns)

        with playing(send, programme), _page() as page:
            for _ in tqdm(range(rounds), unit="round"):
                for name, (_, settings) in stages.items():
                    seen[name].append(_watch(page, f"http://127.0.0.1:{settings.port}", seconds))
    return {name: _figures(found, seconds) for name, found in seen.items()}


def _watch(page: Any, url: str, seconds: float) -> dict[str, Any]:
    """The result of `watcher.take` for `seconds`, with the growth of the jitter buffer's values and the
    bytes."""
    offer = page.evaluate("watcher.offer()")
    request = urllib.request.Request(  # noqa: S310  # our own address
        f"{url}/whep/programme", offer.encode(), {"Content-Type": "application/sdp"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        location, sdp = answer.headers["Location"], answer.read().decode()
    page.evaluate("sdp => watcher.answer(sdp)", sdp)
    page.wait_for_timeout(1000 * SETTLE_S)
    before = page.evaluate("watcher.take()")
    page.wait_for_timeout(1000 * seconds)
    after: dict[str, Any] = page.evaluate("watcher.take()")
    for name in ("jitterBufferDelay", "jitterBufferEmittedCount", "bytesReceived"):
        after[name] -= before[name]
    leave = urllib.request.Request(url + location, method="DELETE")  # noqa: S310
    urllib.request.urlopen(leave, timeout=10).close()  # noqa: S310
    page.evaluate("watcher.leave()")
    return after


def _figures(found: list[dict[str, Any]], seconds: float) -> Figures:
    shown = [pair for each in found for pair in each["shown"]]
    if not shown:
        raise CannotMeasure("the browser showed no picture whose time could be read")
    ages = [timecode.age_ms(at, drawn) for at, drawn in shown]
    emitted = sum(each["jitterBufferEmittedCount"] for each in found)
    return Figures(
        shown_fps=round(len(shown) / (seconds * len(found)), 2),
        **percentiles(ages),
        jitter_buffer_ms=round(1000 * sum(each["jitterBufferDelay"] for each in found) / max(1, emitted), 1),
        kbit_s=round(sum(each["bytesReceived"] for each in found) * 8 / 1000 / (seconds * len(found))),
        pictures=len(shown),
        unreadable=sum(each["unreadable"] for each in found),
    )


@contextmanager
def _page() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise CannotMeasure(f"Playwright is missing ({error}): pip install 'dancecam[dev]'") from error
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise CannotMeasure("Chromium is missing: apt install chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=list(BROWSER_FLAGS))
        try:
            page = browser.new_page()
            page.add_script_tag(content=WATCHING.read_text(encoding="utf-8"))
            yield page
        finally:
            browser.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.benchmarking.webrtc",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_programme_flags(parser)
    parser.add_argument("--bitrate", type=int, default=8_000_000, help="bit/s (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="of each round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures as JSON, with the ratio of the medians. Exit status 1 where nothing was measured."""
    parser = _parser()
    options = parser.parse_args(arguments)
    programme = programme_of(parser, options)
    try:
        found = measure(programme, options.bitrate, seconds=options.seconds, rounds=options.rounds)
    except CannotMeasure as error:
        print(f"webrtc: {error}", file=sys.stderr)
        return 1
    ours, plain = found.values()
    report: dict[str, Any] = {name: vars(figures) for name, figures in found.items()}
    report["ours / VP8, p50"] = round(ours.p50_ms / plain.p50_ms, 3)
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
