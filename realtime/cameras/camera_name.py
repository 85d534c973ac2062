"""What an operator's word for a camera means, before anything is opened; and the errors of all cameras."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qsl

from realtime.config.outputs import NDI_INSTALL

NDI, TEST, REPLAY = "ndi://", "test://", "replay://"

EXAMPLE = "test://1280x720@30"
WIDTHS, HEIGHTS, RATES = (512, 3840), (64, 2160), (1, 120)


class CaptureError(RuntimeError):
    """A camera that gives no picture; the text names it and the next step."""


class NotThereYet(CaptureError):  # it is no error of a show: it begins, and waits
    """A camera that may still come: nobody on the network has its name yet."""


@dataclass(frozen=True)
class CameraName:
    """kind: "camera" (a capture device), "file", "stream", "ndi", "test" or "replay". target: of a device its
    index or path, of an NDI source its name, else the word itself."""

    kind: str
    target: str | int

    @classmethod
    def parse(cls, camera: str) -> CameraName:
        """An index, URL, device or file. Raises CaptureError for a file or device that is not there."""
        if camera.isascii() and camera.isdecimal():
            camera_device = Path(f"/dev/video{int(camera)}")
            if Path("/dev").is_dir() and not camera_device.exists():
                raise CaptureError(
                    f"camera {camera}: there is no {camera_device}; {_cameras_here()}, or name a video file"
                )
            return cls("camera", int(camera))
        if camera.startswith(NDI):
            return _ndi(camera)
        if camera.startswith(TEST):
            Rehearsal.parse(camera)
            return cls("test", camera)
        if camera.startswith(REPLAY):
            Replayed.parse(camera)
            return cls("replay", camera)
        if "://" in camera:
            return cls("stream", camera)
        path = Path(camera)
        if camera.startswith("/dev/"):
            if not path.exists():
                raise CaptureError(f"camera {camera}: no such device; {_cameras_here()}")
            return cls("camera", camera)
        if path.is_dir():
            raise CaptureError(f"camera {camera} is a folder: name a video file in it")
        if not path.is_file():
            raise CaptureError(
                f"camera {camera}: no such file (a camera is an index, a device, a file or a URL)"
            )
        return cls("file", camera)


@dataclass(frozen=True)
class Rehearsal:
    """What `test://WIDTHxHEIGHT@RATE` asks for. size: (width, height), pixels. fps: pictures a second."""

    size: tuple[int, int] = (1280, 720)
    fps: float = 30.0

    @classmethod
    def parse(cls, camera: str) -> Rehearsal:
        """Size and rate may be left out. Raises CaptureError."""
        match = re.fullmatch(r"(?:(\d{1,5})x(\d{1,5}))?(?:@(\d{1,3}(?:\.\d{1,3})?))?", camera[len(TEST) :])
        if match is None:
            raise CaptureError(f"camera {camera}: write {EXAMPLE}")
        width, height, rate = match.groups()
        picture = cls((int(width), int(height)) if width else cls.size, float(rate) if rate else cls.fps)
        bounds = zip((*picture.size, picture.fps), (WIDTHS, HEIGHTS, RATES), strict=True)
        if not all(low <= value <= high for value, (low, high) in bounds):
            low, high = zip(WIDTHS, HEIGHTS, RATES, strict=True)
            raise CaptureError(
                f"camera {camera}: it may be from {low[0]}x{low[1]}@{low[2]} to {high[0]}x{high[1]}@{high[2]}"
            )
        return picture


@dataclass(frozen=True)
class Replayed:
    """What `replay://FOLDER?camera=PLACE&origin=FILE` asks for: a recording of inputs as a camera.

    folder: of the recording. place: of the camera in it, from 0. origin: a file that says at which of this
    machine's times the recording's times are 0. Until it is there no picture comes; so who makes it says when
    the replay begins, and several cameras, and those of a performer that was restarted, play in step. None:
    the recording begins by itself.
    """

    folder: Path
    place: int = 0
    origin: Path | None = None

    @classmethod
    def parse(cls, camera: str) -> Replayed:
        """Raises CaptureError."""
        name, _, asked = camera[len(REPLAY) :].partition("?")
        fields = dict(parse_qsl(asked))
        place = fields.pop("camera", "0")
        origin = fields.pop("origin", None)
        if fields or not (place.isascii() and place.isdecimal()):
            raise CaptureError(f"camera {camera}: write {REPLAY}FOLDER")
        if not Path(name).is_dir():
            raise CaptureError(
                f"camera {camera}: there is no folder {name}: run_live.py --record-inputs FOLDER makes one"
            )
        return cls(Path(name), int(place), None if origin is None else Path(origin))


def _ndi(camera: str) -> CameraName:
    name = camera[len(NDI) :]
    if not name:
        raise CaptureError(f"camera {camera}: which one? run_live.py --list-cameras lists NDI's sources")
    if find_spec("cyndilib") is None:
        raise CaptureError(f"camera {camera}: NDI needs the package cyndilib: {NDI_INSTALL}")
    return CameraName("ndi", name)


def _cameras_here() -> str:
    found = sorted(str(path) for path in Path("/dev").glob("video*"))
    return f"found: {', '.join(found)}" if found else "this machine has no camera"
