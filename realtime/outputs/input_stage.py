"""The recorder of inputs, a process of its own: keeps what `run_live.py --record-inputs` asks for.

It takes the camera's pictures and the programme's from shared memory, and hands each to a thread that encodes
and writes. That hand-over holds one picture, the newest; what is overtaken is counted. A disk that is full
ends the recording with one line; the show goes on.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zmq

from engines.time_units import NS_PER_S
from realtime.config.inputs import INPUTS, RecordInputs
from realtime.inputs.folder import CAMERA, PROGRAMME, TICKS
from realtime.inputs.lines import JsonLines
from realtime.inputs.track_writer import TrackWriter
from realtime.outputs.disk import FREE_BYTES, LOOK_S, free_bytes
from realtime.outputs.worker import TAKE_S, Counts
from realtime.pictures.picture import Picture, backdrop, place
from realtime.stages.context import Rig, StageContext
from realtime.stages.stage_link import StageLink
from realtime.transport.bus import Bus, receive_newest
from realtime.transport.frame_ring import FrameRing
from realtime.transport.latest import Latest
from realtime.transport.orders import Orders
from realtime.transport.programme_ring import ProgrammeReader
from realtime.transport.statuses import OutputStatus
from realtime.transport.texts import one_line

POLL_MS = 20
CLOSE_S = 2.0
SAMPLE_WIDTH = 480
"""Pixels: of the programme's small pictures."""


class Kept(NamedTuple):
    """A picture on its way to a track. line: what its line says besides where it lies."""

    picture: Picture
    at_ns: int
    line: Mapping[str, Any]


class TrackThread:
    """Encodes and writes a track in a thread of its own. error: why it writes no more; "" while it does."""

    def __init__(self, folder: Path, name: str, counts: Counts) -> None:
        """Raises OSError."""
        self.error = ""
        self._writer = TrackWriter(folder, name)
        self._counts = counts
        self._latest: Latest[Kept] = Latest(counts, f"{name}_overtaken")
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, kept: Kept) -> None:
        """Never blocks."""
        self._latest.put(kept)

    def close(self) -> None:
        """Ends the track, unless the disk takes longer than CLOSE_S."""
        self._ending = True
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        try:
            while True:
                ending = self._ending
                kept = self._latest.take(0 if ending else TAKE_S)
                if kept is not None:
                    self._writer.write(*kept)
                    self._counts.wrote()
                elif ending:
                    break
            self._writer.close()
        except Exception as error:  # noqa: BLE001  # the disk's, FFmpeg's, OpenCV's: it is told
            self.error = getattr(error, "strerror", None) or one_line(error)
            with contextlib.suppress(Exception):  # it is told already
                self._writer.close()


class CameraPictures:
    """The other end is `performer.inputs_tap`."""

    def __init__(self, bus: Bus, rig: Rig, process: str) -> None:
        self.socket = bus.receiver("inputs", process)
        self._ring = None if rig.inputs is None else FrameRing.attach(rig.inputs)
        self._sequence = self._lost = self._gone = 0

    @property
    def missed(self) -> int:
        """Pictures that were overtaken before they were read."""
        return self._gone + self._lost

    def newest(self) -> Kept | None:
        """A copy of the newest picture, if there is one that was not read yet."""
        message = receive_newest(self.socket)
        if message is None or self._ring is None:
            return None
        slot, sequence, width, height, frame_id, captured_ns, camera, self._lost = json.loads(message)
        self._gone += max(0, sequence - self._sequence - 1) if self._sequence else 0
        self._sequence = sequence
        picture = np.empty((height, width, 3), np.uint8)
        if not self._ring.read_part(slot, sequence, picture):
            self._gone += 1
            return None
        return Kept(
            picture, captured_ns, {"frame_id": frame_id, "captured_ns": captured_ns, "camera": camera}
        )


class InputRecorder:
    """What is kept, for the process's main thread. status: for the operators."""

    def __init__(self, settings: RecordInputs, rig: Rig, link: StageLink, process: str) -> None:
        self._settings, self._link = settings, link
        self._camera = CameraPictures(link.bus, rig, process)
        self._programme = ProgrammeReader(link.bus, rig.programme, process)
        self._shown = link.bus.receiver("shown", process)
        self._poller = zmq.Poller()
        for socket in (self._camera.socket, self._shown):
            self._poller.register(socket, zmq.POLLIN)
        width, height = rig.programme_size
        self._sample_size = SAMPLE_WIDTH, max(1, round(height * SAMPLE_WIDTH / width))
        self._samples_ns = round(NS_PER_S / settings.samples_fps)
        self._next_sample_ns = 0
        self._next_look_s = 0.0
        self._counts, self._sampled = Counts(), Counts()
        self._ended = ""
        self._tracks: list[TrackThread] = []
        self._ticks: JsonLines | None = None
        try:
            self._look_at_disk()
            if not self._ended:
                self._ticks = JsonLines(settings.folder / TICKS, f"{INPUTS}:")
                self._tracks = [
                    TrackThread(settings.folder, name, counts)
                    for name, counts in ((CAMERA, self._counts), (PROGRAMME, self._sampled))
                ]
        except OSError as error:
            self._end(f"{settings.folder} cannot be written: {error.strerror}")
        if not self._ended and settings.camera:
            link.meter.event(
                time.monotonic_ns(), f"the camera's pictures are being kept in {settings.folder}"
            )

    def step(self) -> None:
        """Waits for what is next, and keeps it."""
        self._programme.want(frozenset() if self._ended else frozenset({"picture"}))
        self._poller.poll(POLL_MS)
        kept = self._camera.newest()
        entries = []
        while (message := receive_newest(self._shown)) is not None:
            entries.append(json.loads(message))
        if self._ended or self._ticks is None:
            return
        camera, programme = self._tracks
        if kept is not None:
            camera.put(kept)
        for entry in entries:
            self._ticks.append(entry)
        if entries and entries[-1]["due_ns"] >= self._next_sample_ns:
            self._sample(programme)
        errors = [track.error for track in self._tracks if track.error]
        if self._ticks.take_error() is not None:
            errors.append(TICKS)
        if errors:
            self._end(f"{self._settings.folder} cannot be written: {errors[0]}")
        self._look_at_disk()

    def _sample(self, track: TrackThread) -> None:
        taken = self._programme.take(0)
        if taken is None:
            return
        frame, tick, due_ns = taken
        self._next_sample_ns = (
            due_ns + self._samples_ns - self._samples_ns // 4
        )  # ticks are not always in time
        small = backdrop(*self._sample_size)
        place(frame.picture, small)
        track.put(Kept(small, due_ns, {"tick": tick}))

    def _look_at_disk(self) -> None:
        now_s = time.monotonic()
        if now_s < self._next_look_s:
            return
        self._next_look_s = now_s + LOOK_S
        free = free_bytes(self._settings.folder)
        if free < FREE_BYTES:
            self._end(f"the disk has only {free // 2**20} MB left")

    def _end(self, why: str) -> None:
        """The recording stays as it is; tells why, once."""
        if not self._ended:
            text = f"the recording in {self._settings.folder} was ended: {why}; the show goes on"
            self._ended = text
            self._link.meter.event(time.monotonic_ns(), text)
            self.close()

    def status(self) -> OutputStatus:
        settings = self._settings
        keeps = f"the camera's pictures are being kept in {settings.folder}" if settings.camera else ""
        dropped = self._counts.dropped() | self._sampled.dropped()
        if missed := self._camera.missed:
            dropped["camera_missed"] = missed
        return OutputStatus(
            name=INPUTS,
            kind=INPUTS,
            state="failed" if self._ended else "running",
            reason=self._ended or keeps,
            where=str(settings.folder),
            fps=round(self._counts.fps(), 2),
            sent=self._counts.sent,
            dropped=dropped,
        )

    def close(self) -> None:
        """May be called twice."""
        threads = [threading.Thread(target=track.close) for track in self._tracks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ticks, self._ticks = self._ticks, None
        if ticks is not None:
            ticks.close()


def run(context: StageContext, link: StageLink) -> None:
    """The process: until the operator or the parent ends it."""
    try:
        recorder = InputRecorder(context.stage.settings, context.rig, link, context.stage.name)
    except (ValueError, OSError) as error:
        raise RuntimeError(f"{INPUTS}: {one_line(error)}") from error
    orders = link.bus.receiver("orders", context.stage.name)
    try:
        while not link.stopped():
            recorder.step()
            message = receive_newest(orders)
            if message is not None and Orders.unpack(message).quit:
                link.stop()
            if link.is_due():
                link.output = recorder.status()
                link.beat(time.monotonic_ns(), ready=True)
    finally:
        recorder.close()
        link.output = recorder.status()
