"""Receives an NDI source in a process of its own: `python -m tools.benchmarking.ndi_receiver SOURCE SECONDS`.

Prints JSON: the age of each new picture in ms when it is at hand, by the time drawn in it, and the format.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from engines.time_units import NS_PER_MS
from realtime.pictures import timecode

FIND_S, SETTLE_S, POLL_S = 20.0, 2.0, 0.001


def open_receiver(name: str) -> tuple[Any, Any]:
    """cyndilib's Receiver and VideoFrameSync of the source of that name. Raises LookupError."""
    from cyndilib.finder import Finder
    from cyndilib.receiver import Receiver
    from cyndilib.video_frame import VideoFrameSync
    from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat

    finder = Finder()
    finder.open()
    deadline, source = time.monotonic() + FIND_S, None
    while source is None:
        if time.monotonic() > deadline:
            raise LookupError(f"no source named {name}; found: {finder.get_source_names()}")
        finder.wait_for_sources(0.2)
        source = next((each for each in finder.iter_sources() if each.stream_name == name), None)
    receiver = Receiver(color_format=RecvColorFormat.BGRX_BGRA, bandwidth=RecvBandwidth.highest)
    video = VideoFrameSync()
    receiver.frame_sync.set_video_frame(video)
    receiver.set_source(source)
    return receiver, video


def main(name: str, seconds: float) -> int:
    try:
        receiver, video = open_receiver(name)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    ages, last = [], None
    start = time.monotonic() + SETTLE_S
    while time.monotonic() < start + seconds:
        receiver.frame_sync.capture_video()
        width, height = video.get_resolution()
        if width and height:
            # Copies only the strip: no view of the frame may be held when the next one is captured.
            strip = np.asarray(video.get_array()).reshape(height, width, 4)[: timecode.BLOCK].copy()
            now_ms = time.time_ns() / NS_PER_MS
            drawn = timecode.read(strip)
            if drawn is not None and drawn != last:
                last = drawn
                if time.monotonic() >= start:
                    ages.append(timecode.age_ms(now_ms, drawn))
        time.sleep(POLL_S)
    print(json.dumps({"ages_ms": ages, "format": video.get_fourcc().name}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
