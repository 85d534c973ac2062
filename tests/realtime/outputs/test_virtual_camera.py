import sys
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from realtime.config.outputs import VirtualCamera
from realtime.outputs.sink import Format, OutputError
from realtime.outputs.virtual_camera import VirtualCameraSink
from realtime.transport.programme_ring import ProgrammeFrame
from tests.realtime.outputs.feeding import playing, wait_for_state, wait_until

FORMAT = Format((64, 48), Fraction(30000, 1001))


def frame(tick: int) -> ProgrammeFrame:
    return ProgrammeFrame(np.full((48, 64, 3), tick % 200, np.uint8))


def test_without_a_device_it_is_one_line_with_the_next_step() -> None:
    pytest.importorskip("pyvirtualcam", reason="pyvirtualcam is not installed")
    sink = VirtualCameraSink(VirtualCamera(kind="virtual_camera", device="/dev/video-none"), FORMAT)
    try:
        reason = wait_for_state(sink, "failed").reason
        assert reason.startswith("virtual_camera: there is no virtual camera at /dev/video-none (")
        assert "modprobe v4l2loopback" in reason
        assert len(reason.splitlines()) == 1
    finally:
        sink.close()


def test_pictures_go_to_the_device_and_a_device_that_goes_is_opened_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list = []

    class Device:
        """As pyvirtualcam's camera; the first one is unplugged after ten pictures."""

        device = "/dev/video9"

        def __init__(self, width: int, height: int, fps: float, fmt: str, device: str | None) -> None:
            assert (width, height, round(fps, 2), fmt, device) == (64, 48, 29.97, "bgr", None)
            self.greys: list[int] = []
            opened.append(self)

        def send(self, picture: np.ndarray) -> None:
            if len(opened) == 1 and len(self.greys) == 10:
                raise RuntimeError("no such device")
            self.greys.append(int(picture[0, 0, 0]))

        def close(self) -> None:
            pass

    library = SimpleNamespace(Camera=Device, PixelFormat=SimpleNamespace(BGR="bgr"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", library)
    sink = VirtualCameraSink(VirtualCamera(kind="virtual_camera"), FORMAT)
    try:
        with playing(sink.send, frame, FORMAT.fps):
            wait_until(lambda: len(opened) == 2 and len(opened[1].greys) > 5, "pictures on the second device")
        steps = np.diff(opened[0].greys) % 200  # the grey starts again after 200 ticks
        assert ((steps > 0) & (steps < 100)).all()
        assert sink.status().where == "/dev/video9"
    finally:
        sink.close()


def test_a_missing_package_is_one_line_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(OutputError, match="pip install pyvirtualcam"):
        VirtualCameraSink(VirtualCamera(kind="virtual_camera"), FORMAT)
