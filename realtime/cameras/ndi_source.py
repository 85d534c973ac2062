"""An NDI source as a camera. Needs cyndilib (the extra `ndi`), which brings NDI's proprietary library.

cyndilib 0.1.3 holds Python's lock while it waits for a picture or for a change of the network. So nothing
here waits in it: pictures and names are asked for again and again, with pauses.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.time_units import NS_PER_S
from realtime.cameras.camera_name import CaptureError, NotThereYet
from realtime.cameras.source_clock import SourceClock
from realtime.config.outputs import NDI_INSTALL

FIND_S = 3.0
"""So long a source is looked for, and its first picture waited for, before the next try begins."""
LOST_S = 2.0
"""A source that sends nothing for so long is lost. So is one that has closed its connection."""
POLL_S, FIND_POLL_S = 0.001, 0.1
UNSTAMPED_S = 1e11
"""NDI's "no time" in seconds is larger."""


class NdiSource:
    """A `video_source.Source`. Pictures come in BGR at the sender's size; fields are made frames by NDI."""

    recorded = False
    damaged = 0
    media_ns = None

    def __init__(self, camera: str, name: str) -> None:
        """Finds it and takes one picture. name: "HOST (SOURCE)", or the source's part alone. Raises
        CaptureError, and NotThereYet where no source has the name."""
        self.name = camera
        until_s = time.monotonic() + FIND_S
        network = _network(f"camera {camera}: ")
        source = self._found(network, name, until_s)
        self._network = network
        self._receiver, self._video = network.borrow()
        self._stamp_s = self._stamp()[0]  # a receiver that was used before still has its last picture
        self._receiver.set_source(source)
        self._clock = SourceClock()
        self._due_s = 0.0
        self._has_begun = False
        self._taken_ns = self._next(until_s)
        if self._taken_ns is None:
            self.close()
            raise CaptureError(f"camera {camera}: the NDI source {source} sends no picture")
        self._has_begun = True
        width, height = self._video.get_resolution()
        self.fps = self._rate()
        self.gives = f"{width}x{height} NDI {self.fps:.1f}"

    def grab(self) -> int:
        """Waits for the next picture; gives when it was taken, by the sender's clock, 0 where it has none.
        Raises CaptureError."""
        taken_ns, self._taken_ns = self._taken_ns, None
        if taken_ns is not None:
            return taken_ns
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        taken_ns = self._next(time.monotonic() + LOST_S)
        if taken_ns is None:
            raise CaptureError(
                f"camera {self.name} gives no picture any more: check its sender and the network"
            )
        return taken_ns

    def picture(self) -> NDArray[np.uint8]:
        """The picture of the last `grab`, (H, W, 3) uint8 BGR."""
        width, height = self._video.get_resolution()
        with memoryview(self._video) as view:  # NDI's own memory: free again at the end of the block
            rows = np.frombuffer(view, np.uint8).reshape(height, -1, 4)
            picture = cv2.cvtColor(rows[:, :width], cv2.COLOR_BGRA2BGR)
            del rows
        return np.asarray(picture, np.uint8)

    def close(self) -> None:
        self._receiver.set_source(None)
        self._network.give_back(self._receiver, self._video)

    def _found(self, network: _Network, name: str, until_s: float) -> Any:
        """cyndilib's Source. Raises NotThereYet, or CaptureError where several have the name."""
        while True:
            names = network.names()
            found = matching(name, names)
            if len(found) > 1:
                raise CaptureError(
                    f"camera {self.name}: several NDI sources have that name: {', '.join(found)}: write the "
                    "whole name"
                )
            if found:
                return network.source(found[0])
            if time.monotonic() > until_s:
                network.look_anew()
                seen = f"found: {', '.join(names)}" if names else "no NDI source is found"
                raise NotThereYet(f"camera {self.name}: there is no NDI source of that name; {seen}")
            time.sleep(FIND_POLL_S)

    def _next(self, until_s: float) -> int | None:
        """Waits for a picture that was not there before. None where none comes. See `grab`."""
        while True:
            stamp_s, has_time = self._stamp()
            now_s, now_ns = time.monotonic(), time.monotonic_ns()
            if self._video.get_resolution()[0] and stamp_s != self._stamp_s:
                self._stamp_s = stamp_s
                self._due_s = now_s + 0.5 / self._rate()
                return self._clock(round(stamp_s * NS_PER_S), now_ns) if has_time else 0
            if now_s > until_s or (self._has_begun and not self._receiver.get_num_connections()):
                return None
            time.sleep(POLL_S)

    def _stamp(self) -> tuple[float, bool]:
        """Takes the newest picture. The sender's stamp of it in seconds, and whether that is a time."""
        self._receiver.frame_sync.capture_video()
        stamp_s = self._video.get_timestamp_posix()
        if 0 < stamp_s < UNSTAMPED_S:
            return stamp_s, True
        return self._video.get_timecode_posix(), False

    def _rate(self) -> float:
        fps = float(self._video.get_frame_rate())
        return fps if 1 <= fps <= 1000 else 30.0


def matching(name: str, names: Iterable[str]) -> list[str]:
    """The NDI sources, "HOST (SOURCE)", that a name means: the one that is called so, or all whose part
    SOURCE is called so."""
    names = list(names)
    if name in names:
        return [name]
    return [each for each in names if each.partition("(")[2].removesuffix(")") == name]


def ndi_sources(seconds: float) -> list[str]:
    """The NDI sources that are found on the network in that time. Raises CaptureError without cyndilib."""
    network = _network("")
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        network.names()
        time.sleep(FIND_POLL_S)
    return sorted(network.names())


class _Network:
    """What of NDI a process keeps: the list of sources, and receivers that nobody uses at present.

    To destroy one of cyndilib's receivers holds up all threads of Python for half a second, whenever its
    garbage is collected. So none is ever dropped: there are as many as were in use at once, two while cameras
    are switched. To drop a list of sources takes 5 ms.
    """

    def __init__(self) -> None:
        """Raises ImportError."""
        from cyndilib.finder import Finder
        from cyndilib.receiver import Receiver
        from cyndilib.video_frame import VideoFrameSync
        from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat

        self._lock = threading.Lock()
        self._new_finder: Callable[[], Any] = Finder
        self._finder = self._new_finder()
        self._idle: list[tuple[Any, Any]] = []

        def receiver() -> tuple[Any, Any]:
            receiver, video = (
                Receiver(
                    color_format=RecvColorFormat.BGRX_BGRA,
                    bandwidth=RecvBandwidth.highest,
                    recv_name="Dancecam",
                ),
                VideoFrameSync(),
            )
            receiver.frame_sync.set_video_frame(video)
            return receiver, video

        self._make = receiver

    def names(self) -> list[str]:
        """Of the sources that are on the network now."""
        with self._lock:
            return list(self._finder.update_sources())

    def look_anew(self) -> None:
        """Where NDI asks machines by their address, without multicast, each tells only of the senders of one
        of its processes, and is not asked again: another list may find the others."""
        with self._lock:
            self._finder = self._new_finder()

    def source(self, name: str) -> Any:
        """cyndilib's Source of one of `names`."""
        with self._lock:
            return self._finder.get_source(name)

    def borrow(self) -> tuple[Any, Any]:
        """cyndilib's Receiver, connected to nothing, and its VideoFrameSync."""
        with self._lock:
            return self._idle.pop() if self._idle else self._make()

    def give_back(self, receiver: Any, video: Any) -> None:
        with self._lock:
            self._idle.append((receiver, video))


@functools.cache
def _the_network() -> _Network:
    return _Network()


def _network(who: str) -> _Network:
    """The process's only one. who: begins the error. Raises CaptureError without cyndilib."""
    try:
        return _the_network()
    except ImportError as error:
        raise CaptureError(f"{who}NDI needs the package cyndilib ({error}): {NDI_INSTALL}") from error
