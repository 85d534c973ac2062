"""Which cameras there are: for `run_live.py --list-cameras`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from realtime.cameras.camera_name import EXAMPLE, NDI, CaptureError
from realtime.cameras.ndi_source import ndi_sources

NDI_SECONDS = 3.0
"""So long the network is listened to: NDI's senders announce themselves about every second."""

V4L2 = Path("/sys/class/video4linux")


def camera_lines(v4l2: Path = V4L2) -> Iterator[str]:
    """What can be written after --camera, a line each. v4l2: where Linux lists its devices."""
    devices = [device for device in sorted(v4l2.glob("video*"), key=_number) if _takes_pictures(device)]
    for device in devices:
        yield f"{device.name.removeprefix('video'):<24} {_read(device / 'name')} (/dev/{device.name})"
    if not devices:
        yield "no capture device on this machine"
    try:
        sources = ndi_sources(NDI_SECONDS)
    except CaptureError as error:
        yield str(error)
    else:
        for source in sources:
            yield f'"{NDI}{source}"'
        if not sources:
            yield f"no NDI source was found in {NDI_SECONDS:g} s"
    yield f"{EXAMPLE:<24} the bundled fan, with the time in the picture"


def _number(device: Path) -> int:
    number = device.name.removeprefix("video")
    return int(number) if number.isdecimal() else 0


def _takes_pictures(device: Path) -> bool:
    """A webcam has two devices; the second one tells of the pictures and has none."""
    return _read(device / "index") in ("", "0")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
