"""Receives one NDI source in a process of its own: SOURCE FRAMES TALLY.

Prints JSON: the size, rate and format of the last picture, and its pixels at a few places (BGRA). Receives
until its input ends.
"""

import json
import sys
import time

import numpy as np

from tools.benchmarking import ndi_receiver

SEE_S = 60


def main(name: str, frames: int, tally: str) -> None:
    ndi_receiver.FIND_S = SEE_S
    receiver, video = ndi_receiver.open_receiver(name)
    deadline = time.monotonic() + SEE_S
    receiver.set_source_tally_program(tally == "programme")
    receiver.set_source_tally_preview(tally == "preview")
    seen: set[bytes] = set()
    picture = np.zeros((1, 1, 4), np.uint8)
    while len(seen) < frames:
        if time.monotonic() > deadline:
            sys.exit(f"only {len(seen)} pictures")
        receiver.frame_sync.capture_video()
        width, height = video.get_resolution()
        if width and height:
            picture = np.array(video.get_array()).reshape(height, width, 4)
            seen.add(picture[:16, :16].tobytes())
        time.sleep(0.01)
    height, width = picture.shape[:2]
    spots = {"corner": (-8, -8), "centre": (height // 2, width // 2), "left": (height // 2, width // 4)}
    print(
        json.dumps(
            {
                "size": [width, height],
                "format": video.get_fourcc().name,
                "fps": str(video.get_frame_rate()),
                "pixels": {where: picture[spot].tolist() for where, spot in spots.items()},
            }
        ),
        flush=True,
    )
    sys.stdin.read()  # meanwhile the tally travels back


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
