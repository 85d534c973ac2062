"""The programme as NDI sources: picture, or fill and key in one, and if wanted the key as a second source.

Needs cyndilib (the extra `ndi`), which brings NDI's proprietary library.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.config.outputs import NDI_INSTALL, Ndi
from realtime.outputs.sink import Format, OutputError
from realtime.outputs.worker import Tick, WorkerSink
from realtime.pictures.alpha import Layer
from realtime.transport.programme_ring import Part, ProgrammeFrame
from realtime.transport.statuses import Tally


class _Source:
    """One NDI source with a picture of its own, (H, W, 4) uint8, that is filled and sent."""

    def __init__(self, name: str, groups: str, programme: Format, *, alpha: bool) -> None:
        from cyndilib.audio_frame import AudioSendFrame
        from cyndilib.sender import Sender
        from cyndilib.video_frame import VideoSendFrame
        from cyndilib.wrapper.ndi_structs import FourCC

        width, height = programme.size
        video = VideoSendFrame()
        video.set_resolution(width, height)
        video.set_frame_rate(programme.fps)
        video.set_fourcc(FourCC.BGRA if alpha else FourCC.BGRX)
        self.picture: NDArray[np.uint8] = np.zeros((height, width, 4), np.uint8)
        self._bytes = self.picture.reshape(-1)
        # The programme has a clock; NDI's would wait inside `write_video`.
        self._sender: Any = Sender(name, groups, clock_video=False, clock_audio=False)
        self._sender.set_video_frame(video)
        # Without one, cyndilib 0.1.3 crashes where NDI refuses the source, instead of raising.
        self._sender.set_audio_frame(AudioSendFrame())
        try:
            self._sender.open()
        except MemoryError as error:
            raise OutputError(
                f"NDI refuses the source {name!r}: close the program on this machine that has it, or choose "
                "another name"
            ) from error

    def send(self) -> None:
        """Returns once NDI has compressed and copied the picture."""
        self._sender.write_video(self._bytes)

    def receivers(self) -> int:
        return int(self._sender.get_num_connections(0))

    def tally(self) -> Tally:
        self._sender.update_tally(0)
        if self._sender.program_tally:
            return "programme"
        return "preview" if self._sender.preview_tally else "off"

    def close(self) -> None:
        self._sender.close()


class NdiSink(WorkerSink):
    """Sends every tick, whether somebody receives it or not, so that a receiver finds a picture at once."""

    def __init__(self, settings: Ndi, programme: Format) -> None:
        """Raises OutputError where cyndilib is missing."""
        try:
            import cyndilib.sender  # noqa: F401
        except ImportError as error:
            raise OutputError(
                f"{settings.called}: NDI needs the package cyndilib ({error}): {NDI_INSTALL}"
            ) from error
        if settings.key_source == settings.source:
            raise OutputError(f"{settings.called}: two sources cannot share the name {settings.source!r}")
        keyed = settings.alpha or settings.key_source is not None
        parts = frozenset[Part]({"layer" if keyed else "picture"})
        super().__init__("ndi", settings.called, programme, parts, where=settings.source)
        self._settings = settings
        self._fill: _Source | None = None
        self._key: _Source | None = None
        self._tally_now: Tally = "off"
        self._receivers_now = 0
        self._start()

    def _open(self) -> None:
        settings = self._settings
        self._fill = _Source(settings.source, settings.groups, self.programme, alpha=settings.alpha)
        if settings.key_source is not None:
            self._key = _Source(settings.key_source, settings.groups, self.programme, alpha=False)

    def _write(self, tick: Tick) -> None:
        assert self._fill is not None  # noqa: S101  # opened before
        frame = tick.frame
        fill_frame(frame, self._fill.picture, keyed="layer" in self._parts)
        self._fill.send()
        if self._key is not None:
            key_frame(frame.layer, self._key.picture)
            self._key.send()
        self._tally_now = self._fill.tally()
        self._receivers_now = self._fill.receivers()

    def _shut(self) -> None:
        self._tally_now, self._receivers_now = "off", 0
        for source in (self._fill, self._key):
            if source is not None:
                source.close()
        self._fill = self._key = None

    def _tally(self) -> Tally:
        return self._tally_now

    def _receivers(self) -> dict[str, int]:
        return {"programme": self._receivers_now}


def fill_frame(frame: ProgrammeFrame, out: Layer, *, keyed: bool) -> None:
    """The fill with its alpha into `out` (H, W, 4) BGRA, straight, as NDI has it.

    keyed: the player alone where there is a layer; otherwise, and without one, the whole picture, opaque.
    """
    if keyed and frame.layer is not None:
        np.copyto(out, frame.layer)
    else:
        cv2.cvtColor(frame.picture, cv2.COLOR_BGR2BGRA, dst=out)


def key_frame(layer: Layer | None, out: Layer) -> None:
    """The key as a grey picture into `out` (H, W, 4): white where the player is, or all of it."""
    if layer is None:
        out[:] = 255
    else:
        cv2.cvtColor(cv2.extractChannel(layer, 3), cv2.COLOR_GRAY2BGRA, dst=out)
