"""Checks the show's camera, or without a show every camera of the machine."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from realtime.cameras.camera_name import CameraName, CaptureError
from realtime.cameras.device import Device
from realtime.cameras.ndi_source import matching, ndi_sources
from realtime.config.redact import shown
from realtime.config.show import Capture
from tools.doctor.finding import Case, Finding, fail, ok, warn
from tools.doctor.v4l2 import Driver, ask

CHECK = "camera"
WARM_UP_S, MEASURE_S = 1.0, 2.0
WANTED_FPS = 30.0
ENOUGH = 0.9
"""The share of the wanted rate that is enough."""
PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935}
REACH_S = NDI_S = 3.0


def look_at_cameras(case: Case) -> Iterator[Finding]:
    """One line for each camera."""
    for name in case.show.every_camera:
        try:
            yield from _look_at(CameraName.parse(name), case)
        except CaptureError as error:
            yield fail(CHECK, str(error), "plug it in, or name another one in the show file")


def _look_at(camera: CameraName, case: Case) -> Iterator[Finding]:
    if camera.kind == "stream":
        yield look_at_stream(str(camera.target))
    elif camera.kind == "ndi":
        yield look_for_ndi(str(camera.target))
    elif camera.kind in ("test", "replay"):
        yield ok(CHECK, f"the show rehearses with {camera.target}")
    elif camera.kind == "camera":
        path = Path(f"/dev/video{camera.target}" if isinstance(camera.target, int) else camera.target)
        yield look_at_device(path, case.show.capture, measured=not case.beside_show)
    elif case.file is not None or case.beside_show:
        yield ok(CHECK, f"the show plays the file {camera.target}")
    else:
        found = [
            each for path in sorted(Path("/dev").glob("video*")) if (each := _of_device(path)) is not None
        ]
        yield from found or [warn(CHECK, "this machine has no camera", "plug one in, or name a stream")]


def _of_device(path: Path) -> Finding | None:
    """The finding for a device; None for one that gives no pictures."""
    try:
        return look_at_device(path, Capture(), measured=True) if ask(path).captures else None
    except OSError:
        return None


def look_at_stream(url: str) -> Finding:
    """Whether the address answers; the pictures are not examined."""
    parts = urlsplit(url)
    port = parts.port or PORTS.get(parts.scheme)
    if not parts.hostname or port is None:
        return ok(CHECK, f"{shown(url)} cannot be tried beforehand")
    try:
        socket.create_connection((parts.hostname, port), timeout=REACH_S).close()
    except OSError as error:
        return fail(
            CHECK,
            f"{shown(url)}: {parts.hostname}:{port} does not answer ({error.strerror or error})",
            "check its power, its cable and its address",
        )
    return ok(CHECK, f"{shown(url)}: {parts.hostname}:{port} answers")


def look_for_ndi(name: str) -> Finding:
    """Whether a source of that name is on the network. Raises CaptureError without cyndilib."""
    sources = ndi_sources(NDI_S)
    if matching(name, sources):
        return ok(CHECK, f"the NDI source {name!r} is on the network")
    found = f"; found: {', '.join(sources)}" if sources else ""
    return warn(
        CHECK, f"no NDI source {name!r} is on the network{found}", "start its sender; the show waits for it"
    )


def look_at_device(path: Path, wanted: Capture, *, measured: bool) -> Finding:
    """wanted: what it is asked for. measured: takes pictures for some seconds; without, only the driver is
    asked."""
    try:
        driver = ask(path)
    except OSError as error:
        advice = (
            "add this user to the group video" if isinstance(error, PermissionError) else "plug it in again"
        )
        return fail(CHECK, f"{path} cannot be opened: {error.strerror}", advice)
    if not measured:
        return ok(CHECK, f"{path} {driver.card}: {_formats(driver)}; the show has it, so it was not measured")
    try:
        device = Device(str(path), str(path), wanted)
    except CaptureError as error:
        return fail(CHECK, str(error), "close the program that has it, or plug it in again")
    try:
        fps = measure(device)
        height, width = device.picture().shape[:2]
        return judge(path, driver, fps, device.pixel_format, (width, height))
    except CaptureError as error:
        return fail(CHECK, str(error), "plug it in again, at another port")
    finally:
        device.close()


def measure(device: Device) -> float:
    """Measures pictures a second. Raises CaptureError."""
    until = time.monotonic() + WARM_UP_S
    while time.monotonic() < until:
        device.grab()
    began, taken = time.monotonic(), 0
    while time.monotonic() - began < MEASURE_S:
        device.grab()
        taken += 1
    return taken / (time.monotonic() - began)


def judge(path: Path, driver: Driver, fps: float, pixel_format: str, size: tuple[int, int]) -> Finding:
    """fps: measured. pixel_format, size: of the pictures received."""
    exposure = "" if driver.exposure_ms is None else f", exposure {driver.exposure_ms:g} ms"
    if exposure and driver.fixed_exposure is not None:
        exposure += " by hand" if driver.fixed_exposure else " by itself"
    found = (
        f"{path} {driver.card}: {size[0]}x{size[1]} {pixel_format}, {fps:.1f} pictures a second{exposure} "
        f"({_formats(driver)})"
    )
    if fps < ENOUGH * WANTED_FPS:
        if pixel_format != "MJPG":
            return warn(CHECK, found, "raw pictures fill USB: use a camera with MJPG, or a port of USB 3")
        advice = "give it more light, or a shorter exposure by hand (v4l2-ctl --list-ctrls)"
        return warn(CHECK, found, advice)
    if driver.slows_down and not driver.fixed_exposure:
        advice = "in the dark it slows down: v4l2-ctl -c exposure_dynamic_framerate=0"
        return warn(CHECK, found, advice)
    return ok(CHECK, found)


def _formats(driver: Driver) -> str:
    each = (f"{code} to {width}x{height}" for code, (width, height) in driver.formats.items())
    return f"offers {', '.join(each)}" if driver.formats else "it names no formats"
