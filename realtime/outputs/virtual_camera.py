"""The programme as a camera that other programs on this machine can open (on Linux through v4l2loopback).

Needs pyvirtualcam (the extra `virtual-camera`), which is under the GPL: nothing else depends on it.
"""

from __future__ import annotations

from typing import Any

from realtime.config.outputs import VirtualCamera
from realtime.outputs.sink import Format, OutputError
from realtime.outputs.worker import BOARD_RETRY_S, Tick, WorkerSink
from realtime.transport.programme_ring import Part

INSTALL = "install it with: pip install pyvirtualcam==0.15.0"


class VirtualCameraSink(WorkerSink):
    """Tries again until the device is there."""

    def __init__(self, settings: VirtualCamera, programme: Format) -> None:
        """Raises OutputError where pyvirtualcam is missing."""
        try:
            import pyvirtualcam
        except ImportError as error:
            raise OutputError(
                f"{settings.called}: a virtual camera needs pyvirtualcam ({error}): {INSTALL}"
            ) from error
        self._library: Any = pyvirtualcam
        where = settings.device or "any device"
        super().__init__(
            "virtual_camera",
            settings.called,
            programme,
            frozenset[Part]({"picture"}),
            where=where,
            retry_s=BOARD_RETRY_S,
        )
        self._settings = settings
        self._camera: Any = None
        self._start()

    def _open(self) -> None:
        width, height = self.programme.size
        try:
            self._camera = self._library.Camera(
                width,
                height,
                float(self.programme.fps),
                fmt=self._library.PixelFormat.BGR,
                device=self._settings.device,
            )
        except (RuntimeError, ValueError) as error:
            raise OutputError(
                f"{self.name}: there is no virtual camera at {self._where} ({' '.join(str(error).split())}): "
                "on Linux load one with: modprobe v4l2loopback"
            ) from error
        self._where = self._camera.device

    def _write(self, tick: Tick) -> None:
        self._camera.send(tick.frame.picture)

    def _shut(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()
