"""The programme and the preview by WebRTC, for viewers that ask for one of them by WHEP.

The server's loop runs in a thread of its own. Each picture is encoded once for all its viewers (once more for
those whose network takes only half or a quarter, see `bitrate`); nothing is queued, and nothing is done for a
picture that nobody watches.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import threading
from pathlib import Path

from aiohttp import web
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError

from realtime.outputs.h264 import EncoderSettings, nvenc_works, to_i420
from realtime.outputs.rtc import only_h264, prepare
from realtime.outputs.settings import WebRtc, WebRtcServing
from realtime.outputs.sink import Format, OutputError, OutputSink, Part, ProgrammeFrame, SinkStatus
from realtime.outputs.video_source import VideoSource, Viewer
from realtime.outputs.whep import LOOPBACK, CannotAnswer, TooMany, Whep
from realtime.outputs.worker import Counts

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 15.0
CLOSE_TIMEOUT_S = 2.0
LOST_AFTER_S = 30
"""A viewer that is gone costs little, as all share an encoder; one whose machine is busy should stay."""

PARTS: dict[str, Part] = {"programme": "picture", "preview": "preview"}
"""Source, as viewers ask for it → part of the frame."""


class WebRtcSink(OutputSink):
    """Serves WHEP from a thread of its own."""

    name = kind = "webrtc"

    def __init__(self, serving: WebRtcServing, programme: Format) -> None:
        """Raises OutputError: the port is taken, or no H.264 stream can hold the size, rate and bitrate."""
        settings = serving.settings
        encodings = {
            source: EncoderSettings(programme.size, programme.fps, bitrate, settings.keyframe_s)
            for source, bitrate in (("programme", settings.bitrate), ("preview", settings.preview_bitrate))
        }
        prepare(*encodings.values(), lost_after_s=LOST_AFTER_S)
        nvenc_works()  # asked here, where a second does not matter
        self._settings = settings
        self._programme = programme
        if serving.socket is None:
            listener = _listen(settings)
            self.where = f"http://{settings.host}:{listener.getsockname()[1]}/whep"
        else:
            listener = _listen_at(serving.socket)
            self.where = str(serving.socket)
        self._counts = Counts()
        self._peers: dict[tuple[str, str], RTCPeerConnection] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._sources = {source: VideoSource(self._loop, encodings[source]) for source in PARTS}
        self._thread = threading.Thread(target=self._loop.run_forever, name="webrtc", daemon=True)
        self._thread.start()
        loopback_only = serving.socket is None and settings.host in LOOPBACK
        whep = Whep(self, tuple(PARTS), token=serving.token, loopback_only=loopback_only)
        self._runner, self._encoding = asyncio.run_coroutine_threadsafe(
            self._serve(whep, listener), self._loop
        ).result()

    # The programme clock's thread.

    def wants(self) -> frozenset[Part]:
        """Nothing while nobody looks."""
        return frozenset(PARTS[name] for name, source in self._sources.items() if source.viewers)

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        """See `OutputSink.send`. Raises ValueError for a picture that is not of the programme's size."""
        wants = self.wants()
        for name, source in self._sources.items():
            picture = getattr(frame, PARTS[name])
            if PARTS[name] not in wants or picture is None or self._loop.is_closed():
                continue
            if picture.shape[1::-1] != self._programme.size:
                width, height = self._programme.size
                raise ValueError(f"frame is {picture.shape[1]}x{picture.shape[0]}, not {width}x{height}")
            source.put(to_i420(picture), tick)
            if name == "programme":
                self._counts.wrote()

    def stalled(self) -> bool:
        return any(source.stalled() for source in self._sources.values())

    def status(self) -> SinkStatus:
        """`sent`: pictures to all viewers together. `fps`: of the programme, while it is watched."""
        sources = self._sources.values()
        return SinkStatus(
            name=self.name,
            kind=self.kind,
            state="running",
            where=self.where,
            fps=round(self._counts.fps(), 2),
            sent=sum(source.sent for source in sources),
            dropped={cause: sum(source.dropped[cause] for source in sources) for cause in self._causes()},
            receivers={name: len(source.viewers) for name, source in self._sources.items()},
        )

    def close(self) -> None:
        """Say goodbye to the viewers and free the port."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._shut_down(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _causes(self) -> set[str]:
        return {cause for source in self._sources.values() for cause in tuple(source.dropped)}

    # The server's loop.

    async def join(self, source: str, offer: RTCSessionDescription) -> tuple[str, str]:
        """See `whep.Sessions`."""
        if len(self._peers) >= self._settings.viewers:
            raise TooMany(f"{self._settings.viewers} viewers are connected; close one")
        session = (source, secrets.token_urlsafe(16))
        peer = RTCPeerConnection()
        self._peers[session] = peer
        viewer = Viewer(self._sources[source])
        try:
            transceiver = peer.addTransceiver(viewer, direction="sendonly")
            only_h264(transceiver)
            viewer.serve(transceiver.sender)
            await peer.setRemoteDescription(offer)
            await peer.setLocalDescription()
        except (ValueError, InvalidAccessError, InvalidStateError, OperationError) as error:
            await self._drop(session)
            raise CannotAnswer(f"the offer cannot be answered: {error}") from error

        def changed() -> None:
            if peer.connectionState in ("failed", "closed"):
                self._drop_soon(session)

        def waited() -> None:
            if peer.connectionState != "connected":
                self._drop_soon(session)

        peer.on("connectionstatechange", changed)
        viewer.on("ended", lambda: self._drop_soon(session))  # its sender failed
        self._loop.call_later(CONNECT_TIMEOUT_S, waited)
        return session[1], peer.localDescription.sdp

    async def leave(self, source: str, session: str) -> bool:
        """See `whep.Sessions`."""
        if (source, session) not in self._peers:
            return False
        await self._drop((source, session))
        return True

    async def _serve(
        self, whep: Whep, listener: socket.socket
    ) -> tuple[web.AppRunner, asyncio.Future[list[None]]]:
        runner = web.AppRunner(whep.app, access_log=None, shutdown_timeout=CLOSE_TIMEOUT_S)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        return runner, asyncio.gather(*(source.run() for source in self._sources.values()))

    async def _shut_down(self) -> None:
        for session in tuple(self._peers):
            self._drop_soon(session)
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=CLOSE_TIMEOUT_S)
        self._encoding.cancel()
        await asyncio.gather(self._encoding, return_exceptions=True)
        await self._runner.cleanup()
        await self._loop.shutdown_default_executor()

    def _drop_soon(self, session: tuple[str, str]) -> None:
        task = self._loop.create_task(self._drop(session))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _drop(self, session: tuple[str, str]) -> None:
        peer = self._peers.pop(session, None)
        if peer is not None:
            for sender in peer.getSenders():
                if sender.track is not None:
                    sender.track.stop()
            await peer.close()


def _listen(settings: WebRtc) -> socket.socket:
    host, port = settings.host, settings.port
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OutputError(
            f"webrtc: cannot listen on {host}:{port} ({error.strerror}): close the program that has it, or "
            "choose another port with --port"
        ) from error


def _listen_at(path: Path) -> socket.socket:
    """For this user alone; what a killed process left there is removed."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
    except OSError as error:
        listener.close()
        raise OutputError(f"webrtc: cannot listen at {path} ({error.strerror})") from error
    return listener
