"""The board's colours: pictures of the chart, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import cv2

from calibration.board_colour import ColourError, Measured, draw_chart
from realtime.cameras.video_source import VideoSource
from realtime.config.show import Capture
from tools.camera.frames import STILLS, WARM_UP_S, Picture, frames, still

MOST_PICTURES = 40
"""Over more than a second of them the board's flicker evens out."""
WELL = 0.03
"""A cast that is hardly seen: the mean difference of two colours in a grey, of the white's brightness."""


def write_chart(path: Path, size: tuple[int, int]) -> str:
    """Writes the chart for a programme of `size`. Raises ColourError, OSError."""
    if path.suffix.lower() != ".png":
        raise ColourError(f"{path}: the chart is written as .png")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), draw_chart(size)):
        raise ColourError(f"{path}: it cannot be written")
    return f"{path}: show it on the whole board; or do the action chart in the running show"


def views(camera: str, seconds: float, size: tuple[int, int]) -> list[Picture]:
    """Pictures of a camera after it has settled, or of a photograph or video. Raises CaptureError."""
    if Path(camera).suffix.lower() in STILLS:
        return [still(camera)]
    source = VideoSource(camera, Capture(size=size))
    try:
        settle_s = 0.0 if source.recorded else WARM_UP_S
        kept: list[Picture] = []
        start_ns: int | None = None
        for t_ns, picture in frames(source, settle_s + seconds):
            start_ns = t_ns if start_ns is None else start_ns
            if t_ns - start_ns >= settle_s * 1e9 and len(kept) < MOST_PICTURES:
                kept.append(picture.copy())
    finally:
        source.close()
    return kept


def told(found: Measured) -> str:
    """For people."""
    red, blue = (f"{share - 1:+.0%}" for share in found.tint)
    gain, gamma = (", ".join(f"{value:.3f}" for value in values) for values in found.correction)
    return (
        f"white: red {red}, blue {blue} against green; greys are {found.cast:.1%} off neutral\n"
        f"corrected: gain {gain}; gamma {gamma} (red, green, blue); then {found.left:.1%} off\n"
        f"contrast as this camera sees it: gamma {found.contrast:.2f}"
    )
