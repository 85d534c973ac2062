"""The check of a camera: looks at it for some seconds, finds the people, and judges."""

from __future__ import annotations

from pathlib import Path

from calibration.camera import Box, CameraSample, Verdict, judge
from engines.pose.detector import Detector
from realtime.cameras.camera_name import CameraName
from realtime.cameras.video_source import VideoSource
from realtime.config.show import Capture
from tools.camera.frames import Picture, frames
from tools.doctor import v4l2

SURE = 0.6
"""The least score of a person: furniture reaches 0.58."""


def check(
    camera: str, seconds: float, ask: Capture, grey_card: tuple[float, float] | None, *, people: bool = True
) -> tuple[str, list[Verdict]]:
    """What the camera gives, and a line for each thing. people: look for them, too. Raises CaptureError."""
    named = CameraName.parse(camera)
    source = VideoSource(camera, ask)
    try:
        sample = CameraSample(seconds)
        for t_ns, picture in frames(source, seconds):
            sample.add(picture, t_ns)
        exposure_s, gives = exposure_of(named), source.gives
        asked_fps = float(ask.fps) if named.kind == "camera" else source.fps
    finally:
        source.close()
    found = people_in(sample.kept) if people else ()
    verdicts = judge(sample, asked_fps=asked_fps, people=found, exposure_s=exposure_s, grey_card=grey_card)
    return gives, verdicts


def exposure_of(camera: CameraName) -> float | None:
    """How long a picture is exposed, seconds; None where no driver tells."""
    if camera.kind != "camera":
        return None
    device = Path(f"/dev/video{camera.target}" if isinstance(camera.target, int) else camera.target)
    exposure_ms = v4l2.ask(device).exposure_ms
    return exposure_ms / 1000 if exposure_ms else None


def people_in(pictures: list[Picture]) -> list[list[Box]]:
    """For each picture, the boxes around its people, pixels."""
    detector = Detector(threads=1)
    return [
        [
            (float(x0), float(y0), float(x1), float(y1))
            for x0, y0, x1, y1 in (
                one.region.body_box for one in detector(picture, None) if one.score >= SURE
            )
        ]
        for picture in pictures
    ]
