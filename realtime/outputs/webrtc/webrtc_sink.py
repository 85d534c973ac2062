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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

from aiohttp import web
from aiortc import RTCPeerConnection, RTCSessionDescription

from realtime.config.outputs import WebRtc, WebRtcServing
from realtime.outputs.h264 import EncoderSettings, nvenc_works, to_i420
from realtime.outputs.sink import Format, OutputError, OutputSink
from realtime.outputs.webrtc.aiortc_patches import Unexpected, new_peer, only_h264, prepare
from realtime.outputs.webrtc.seats import Seats
from realtime.outputs.webrtc.shared_encoder import SharedEncoder, Viewer
from realtime.outputs.webrtc.whep import LOOPBACK, CannotAnswer, Whep
from realtime.outputs.worker import Counts
from realtime.stages.http_server import set_up
from realtime.transport.programme_ring import Part, ProgrammeFrame
from realtime.transport.statuses import OutputStatus
from realtime.transport.texts import one_line

logger = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 5.0
"""An offer that is not answered by then is refused."""

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
KEEPALIVE_S = 15.0
"""How long a connection of WHEP may be idle; an offer needs one, and then none."""

LOG_EVERY_S = 10.0
"""What strangers can bring about is logged this often at most."""

MOST_LOGGED = 200
"""Characters."""

LOOKUP_THREADS = 4
"""For names of STUN and TURN servers, which may take long; nothing else is done there."""

LOST_AFTER_S = 30
"""A viewer that is gone costs little, as all share an encoder; one whose machine is busy should stay."""

PARTS: dict[str, Part] = {"programme": "picture", "preview": "preview"}
"""Source, as viewers ask for it → part of the frame."""

FOR_OPERATORS = frozenset({"preview"})


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
        self._peers: dict[str, RTCPeerConnection] = {}
        self._seats = Seats(settings.viewers)
        self._leaving: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._logged_s = float("-inf")
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(Unexpected())
        self._lookups = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="names")
        self._loop.set_default_executor(self._lookups)
        self._sources = {source: SharedEncoder(self._loop, encodings[source]) for source in PARTS}
        self._thread = threading.Thread(target=self._loop.run_forever, name="webrtc", daemon=True)
        self._thread.start()
        loopback_only = serving.socket is None and settings.host in LOOPBACK
        whep = Whep(
            self,
            tuple(PARTS),
            FOR_OPERATORS,
            stun=[url for server in settings.ice_servers for url in server.urls if url.startswith("stun:")],
            token=serving.token,
            loopback_only=loopback_only,
            behind_control_server=serving.socket is not None,
        )
        self._runner, self._encoding = asyncio.run_coroutine_threadsafe(
            self._serve(whep, listener), self._loop
        ).result()

    # The main thread of the process.

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

    def status(self) -> OutputStatus:
        """`sent`: pictures to all viewers together. `fps`: of the programme, while it is watched."""
        sources = self._sources.values()
        return OutputStatus(
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
        self._lookups.shutdown(wait=False, cancel_futures=True)  # a name server may never answer
        for source in self._sources.values():
            source.close()

    def _causes(self) -> set[str]:
        return {cause for source in self._sources.values() for cause in tuple(source.dropped)}

    # The server's loop.

    async def join(self, source: str, offer: RTCSessionDescription, *, operator: bool) -> tuple[str, str]:
        """See `whep.Sessions`."""
        session = f"{source}/{secrets.token_urlsafe(16)}"
        gone = self._seats.take(session, operator=operator, now_s=monotonic())
        if gone is not None:
            self._drop_soon(gone)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await self._answer(session, source, offer)
        except BaseException as error:
            await self._drop(session)
            if not isinstance(error, Exception):
                raise
            why = "it took too long" if isinstance(error, TimeoutError) else _plain(one_line(error))
            self._log(f"an offer cannot be answered: {why}")
            raise CannotAnswer(f"the offer cannot be answered: {why}") from error
        self._loop.call_later(CONNECT_TIMEOUT_S, self._drop_unless_connected, session)
        return session.partition("/")[2], answer

    async def _answer(self, session: str, source: str, offer: RTCSessionDescription) -> str:
        """A new connection for the session, and its answer (SDP). Raises whatever aiortc raises."""
        peer = self._peers[session] = new_peer(self._settings.ice_servers)
        viewer = Viewer(self._sources[source])

        def changed() -> None:
            if peer.connectionState == "connected":
                self._seats.connected(session)
            elif peer.connectionState in ("failed", "closed"):
                self._drop_soon(session)

        peer.on("connectionstatechange", changed)
        viewer.on("ended", lambda: self._drop_soon(session))  # its sender failed
        transceiver = peer.addTransceiver(viewer, direction="sendonly")
        only_h264(transceiver)
        viewer.serve(transceiver.sender)
        await peer.setRemoteDescription(offer)
        for other in peer.getTransceivers():
            if other is not transceiver:
                other.direction = "inactive"  # we receive nothing
        await peer.setLocalDescription()
        answer: str = peer.localDescription.sdp
        return answer

    async def leave(self, source: str, session: str) -> bool:
        """See `whep.Sessions`."""
        if f"{source}/{session}" not in self._peers:
            return False
        await self._drop(f"{source}/{session}")
        return True

    async def _serve(
        self, whep: Whep, listener: socket.socket
    ) -> tuple[web.AppRunner, asyncio.Future[list[None]]]:
        runner = await set_up(
            whep.app, logger, shutdown_timeout=CLOSE_TIMEOUT_S, keepalive_timeout=KEEPALIVE_S
        )
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
        rest = asyncio.all_tasks() - {asyncio.current_task()}  # aiortc's, of connections that were half made
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=CLOSE_TIMEOUT_S)

    def _drop_unless_connected(self, session: str) -> None:
        if session in self._peers and self._peers[session].connectionState != "connected":
            self._drop_soon(session)

    def _drop_soon(self, session: str) -> None:
        task = self._loop.create_task(self._drop(session))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _drop(self, session: str) -> None:
        """Frees the seat at once, then what the connection holds."""
        self._seats.leave(session)
        peer = self._peers.pop(session, None)
        if peer is None:
            return
        try:
            for sender in peer.getSenders():
                if sender.track is not None:
                    sender.track.stop()
            await peer.close()
        except Exception as error:  # noqa: BLE001  # a connection that an offer has broken half way
            self._log(f"a connection ended badly: {_plain(one_line(error))}")

    def _log(self, text: str) -> None:
        """One line, and no flood of them."""
        self._failures += 1
        if monotonic() - self._logged_s >= LOG_EVERY_S:
            logger.warning("webrtc: %s%s", text, f" ({self._failures} such)" if self._failures > 1 else "")
            self._failures, self._logged_s = 0, monotonic()


def _plain(text: str) -> str:
    """What a stranger may have written, for a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:MOST_LOGGED])


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
