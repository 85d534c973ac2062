"""A programme for measuring outputs: the bundled clip on the programme's clock, with the time drawn into
it."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.time_units import NS_PER_MS, NS_PER_S
from realtime.outputs.sink import Format
from realtime.pictures import timecode
from realtime.programme.timing.clock import ProgrammeClock
from realtime.transport.programme_ring import ProgrammeFrame
from tools.benchmarking.hosting import HostedOutput
from tools.footage.video import VideoReader

CLIP = Path(__file__).resolve().parents[2] / "assets" / "fan_dance.mp4"
PICTURES = 30
"""Different pictures, which are repeated."""
START_S = 60.0


class CannotMeasure(RuntimeError):
    """Something is missing for a measurement; the text is one line with the next step."""


def add_programme_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --size and --fps; `programme_of` reads them."""
    parser.add_argument("--size", default="1280x720", metavar="WxH", help="(default: %(default)s)")
    parser.add_argument("--fps", default="30", help="a number or a fraction (default: %(default)s)")


def programme_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Format:
    """The programme of the flags; ends the program with a line where they are wrong."""
    try:
        width, height = map(int, options.size.split("x"))
        programme = Format((width, height), Fraction(options.fps))
    except (ValueError, ZeroDivisionError):
        parser.error(f"--size {options.size} --fps {options.fps}: write for example 1280x720 and 30")
    if width < timecode.WIDTH:
        parser.error(f"--size {options.size}: the time needs {timecode.WIDTH} pixels of width")
    return programme


def percentiles(ages_ms: Sequence[float]) -> dict[str, float]:
    """For at least one age: p50_ms, p95_ms, p99_ms."""
    return {f"p{p}_ms": round(float(np.percentile(ages_ms, p)), 1) for p in (50, 95, 99)}


@contextmanager
def playing(
    send: Callable[[ProgrammeFrame, int, int], None], programme: Format, *, layered: bool = False
) -> Iterator[None]:
    """Calls `send` with the clip's pictures, each with its time, on the programme's clock, while the block
    runs.

    layered: with a layer too, opaque where the time is drawn and half transparent elsewhere.
    """
    reader = VideoReader(CLIP)
    pictures: list[NDArray[np.uint8]] = [
        cv2.resize(picture, programme.size, interpolation=cv2.INTER_LINEAR)
        for _, picture in islice(reader, PICTURES)
    ]
    reader.close()
    layers = [np.dstack([picture, np.full_like(picture[..., 0], 128)]) for picture in pictures]
    for layer in layers:
        layer[: timecode.BLOCK, :, 3] = 255
    clock = ProgrammeClock(programme.fps, time.monotonic_ns())
    done = threading.Event()

    def play() -> None:
        while not done.is_set():
            wait_ns = clock.due_ns(clock.next_tick) - time.monotonic_ns()
            if wait_ns > 0:
                time.sleep(wait_ns / NS_PER_S)
            tick = clock.take(time.monotonic_ns())
            if tick is None:
                continue
            n = tick % len(pictures)
            frame = ProgrammeFrame(pictures[n], layers[n] if layered else None)
            timecode.draw(layers[n] if layered else pictures[n], time.time_ns() // NS_PER_MS)
            send(frame, tick, clock.due_ns(tick))

    thread = threading.Thread(target=play, name="programme clock")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def wait_running(output: HostedOutput) -> None:
    """Waits until the output runs. Raises CannotMeasure where it does not start."""
    deadline = time.monotonic() + START_S
    while (status := output.status()).state != "running":
        if status.state == "failed" or time.monotonic() > deadline:
            raise CannotMeasure(f"{output.name} does not start: {status.reason}")
        time.sleep(0.05)
