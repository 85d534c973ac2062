"""Asks Linux's driver about a camera, without taking a picture (linux/videodev2.h)."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Ioctl = Callable[[int, bytearray], object]
"""(request, argument, which is changed in place). Raises OSError."""

CAPTURE = 1
"""V4L2_CAP_VIDEO_CAPTURE, and V4L2_BUF_TYPE_VIDEO_CAPTURE."""
DEVICE_CAPS = 0x80000000
MOST = 64
"""The most formats, sizes or rates that are read: a driver whose list does not end is given up."""
EXPOSURE_AUTO, EXPOSURE_ABSOLUTE, EXPOSURE_AUTO_PRIORITY = 0x009A0901, 0x009A0902, 0x009A0903
MANUAL, SHUTTER_PRIORITY = 1, 2
"""Values of EXPOSURE_AUTO with a fixed exposure time."""


def _request(direction: int, number: int, size: int) -> int:
    """_IOC of asm-generic/ioctl.h; direction: 2 reads, 3 writes and reads."""
    return direction << 30 | size << 16 | ord("V") << 8 | number


QUERYCAP = _request(2, 0, 104)
ENUM_FMT = _request(3, 2, 64)
G_CTRL = _request(3, 27, 8)
ENUM_FRAMESIZES = _request(3, 74, 44)


@dataclass(frozen=True)
class Driver:
    """captures: whether it gives pictures (cameras have other devices too). formats: FOURCC → the largest
    width and height. exposure_ms: None where the driver does not tell. fixed_exposure: set by hand.
    slows_down: whether the driver may reduce the rate in the dark; None where it does not tell."""

    card: str
    captures: bool
    formats: dict[str, tuple[int, int]]
    exposure_ms: float | None = None
    fixed_exposure: bool | None = None
    slows_down: bool | None = None


def ask(device: Path) -> Driver:
    """Asks the driver of `device`. Raises OSError."""
    fd = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    try:
        return read_driver(lambda request, argument: fcntl.ioctl(fd, request, argument, True))
    finally:
        os.close(fd)


def read_driver(ioctl: Ioctl) -> Driver:
    """Asks the driver behind `ioctl`. Raises OSError where it is not a V4L2 device."""
    data = bytearray(104)
    ioctl(QUERYCAP, data)
    card = data[16:48].split(b"\0")[0].decode(errors="replace")
    everything, of_device = struct.unpack_from("<II", data, 84)
    captures = bool((of_device if everything & DEVICE_CAPS else everything) & CAPTURE)
    auto = _control(ioctl, EXPOSURE_AUTO)
    exposure = _control(ioctl, EXPOSURE_ABSOLUTE)  # in units of 0.1 ms
    priority = _control(ioctl, EXPOSURE_AUTO_PRIORITY)
    return Driver(
        card=card,
        captures=captures,
        formats=_formats(ioctl) if captures else {},
        exposure_ms=None if exposure is None else exposure / 10,
        fixed_exposure=None if auto is None else auto in (MANUAL, SHUTTER_PRIORITY),
        slows_down=None if priority is None else bool(priority),
    )


def _formats(ioctl: Ioctl) -> dict[str, tuple[int, int]]:
    found = {}
    for index in range(MOST):
        data = bytearray(64)
        struct.pack_into("<II", data, 0, index, CAPTURE)
        if not _asked(ioctl, ENUM_FMT, data):
            break
        code = bytes(data[44:48])
        found[code.decode(errors="replace").strip()] = _largest(ioctl, code)
    return found


def _largest(ioctl: Ioctl, code: bytes) -> tuple[int, int]:
    sizes = [(0, 0)]
    for index in range(MOST):
        data = bytearray(44)
        struct.pack_into("<I4s", data, 0, index, code)
        if not _asked(ioctl, ENUM_FRAMESIZES, data):
            break
        kind, *values = struct.unpack_from("<I6I", data, 8)
        sizes.append((values[0], values[1]) if kind == 1 else (values[1], values[4]))  # discrete, or in steps
    return max(sizes, key=lambda size: size[0] * size[1])


def _control(ioctl: Ioctl, control: int) -> int | None:
    data = bytearray(struct.pack("<Ii", control, 0))
    return struct.unpack("<Ii", data)[1] if _asked(ioctl, G_CTRL, data) else None


def _asked(ioctl: Ioctl, request: int, data: bytearray) -> bool:
    """Whether the driver answers. The end of a list, and missing controls, are errors."""
    try:
        ioctl(request, data)
    except OSError:
        return False
    return True
