"""The programme pushed to a WebRTC server by WHIP (RFC 9725): MediaMTX, LiveKit, a broadcaster.

Candidates are gathered before the offer is sent; trickling them, ICE restarts and the server's list of ICE
servers (the RFC's sections 4.3 and 4.6, all optional) are not supported; ours come from the settings.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urljoin

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError

from realtime.config.outputs import Whip
from realtime.config.redact import encoding_hint, redact, shown
from realtime.outputs.h264 import EncoderSettings, to_i420
from realtime.outputs.sink import Format, OutputError
from realtime.outputs.webrtc.aiortc_patches import Unexpected, new_peer, only_h264, prepare
from realtime.outputs.webrtc.shared_encoder import SharedEncoder, Viewer
from realtime.outputs.worker import Tick, WorkerSink
from realtime.transport.programme_ring import Part
from realtime.transport.statuses import OutputStatus

T = TypeVar("T")

HTTP_TIMEOUT_S, GOODBYE_S = 10.0, 2.0
CONNECT_TIMEOUT_S = 10.0
LOST_AFTER_S = 8
LONGEST_RETRY_S = 600.0
"""A server's Retry-After is believed up to this."""

ADVICE = {
    401: "the token is refused: check it in the show file",
    403: "the token is refused: check it in the show file",
    404: "there is no such endpoint: check the URL in the show file",
    406: "the server takes no H.264",
    409: "somebody else is sending there",
}
"""HTTP status → what it means here. Others are told as they are."""


class WhipSink(WorkerSink):
    """One session at a time; a server that refuses, fails or goes away is tried again."""

    def __init__(self, settings: Whip, programme: Format) -> None:
        """Raises OutputError where the programme cannot be encoded."""
        where = shown(settings.url)
        super().__init__("whip", settings.called, programme, frozenset[Part]({"picture"}), where=where)
        encoding = EncoderSettings(programme.size, programme.fps, settings.bitrate, settings.keyframe_s)
        prepare(encoding, lost_after_s=LOST_AFTER_S)
        self._settings = settings
        self._headers = {} if settings.token is None else {"Authorization": f"Bearer {settings.token}"}
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(Unexpected())
        self._source = SharedEncoder(self._loop, encoding)
        self._peer: RTCPeerConnection | None = None
        self._resource: str | None = None
        self._encoding: asyncio.Task[None] | None = None
        threading.Thread(target=self._loop.run_forever, name="whip", daemon=True).start()
        self._start()

    def stalled(self) -> bool:
        return super().stalled() or self._source.stalled()

    def status(self) -> OutputStatus:
        status = super().status()
        return replace(status, dropped=dict(Counter(status.dropped) + Counter(self._source.dropped)))

    def close(self) -> None:
        super().close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._source.close()

    def _open(self) -> None:
        self._call(self._connect())

    def _write(self, tick: Tick) -> None:
        peer = self._peer
        if peer is None or peer.connectionState != "connected":
            raise OutputError(f"{self.name}: the connection to {self._where} was lost")
        self._source.put(to_i420(tick.frame.picture), tick.number)

    def _shut(self) -> None:
        self._call(self._disconnect())

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    # The loop.

    async def _connect(self) -> None:
        peer = self._peer = new_peer(self._settings.ice_servers)
        connected = asyncio.Event()

        def changed() -> None:
            if peer.connectionState in ("connected", "failed", "closed"):
                connected.set()

        peer.on("connectionstatechange", changed)
        viewer = Viewer(self._source)
        transceiver = peer.addTransceiver(viewer, direction="sendonly")
        only_h264(transceiver)
        viewer.serve(transceiver.sender)
        self._encoding = asyncio.create_task(self._source.run())
        await peer.setLocalDescription()
        answer = await self._post(peer.localDescription.sdp)
        try:
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await asyncio.wait_for(connected.wait(), CONNECT_TIMEOUT_S)
        except (ValueError, InvalidAccessError, InvalidStateError, OperationError) as error:
            raise OutputError(f"{self.name}: the answer of {self._where} cannot be used: {error}") from error
        except TimeoutError as error:
            raise OutputError(
                f"{self.name}: {self._where} answers, but no media connection came about in "
                f"{CONNECT_TIMEOUT_S:g} s: is its UDP port open?"
            ) from error

    async def _post(self, offer: str) -> str:
        """The server's answer; remembers the session. Raises OutputError."""
        headers = {**self._headers, "Content-Type": "application/sdp", "Accept": "application/sdp"}
        try:
            async with (
                ClientSession(timeout=ClientTimeout(HTTP_TIMEOUT_S)) as http,
                http.post(self._settings.url, data=offer, headers=headers) as response,
            ):
                if response.status != 201:
                    raise self._refused(response)
                if "Location" not in response.headers:
                    raise OutputError(f"{self.name}: {self._where} is no WHIP endpoint: it names no session")
                # RFC 9725, section 4.2: relative to the URL that answered, after any redirect.
                self._resource = urljoin(str(response.url), response.headers["Location"])
                return await response.text()
        except (ClientError, TimeoutError, OSError) as error:
            why = (redact(str(error)) or "no answer") + encoding_hint(self._settings.url)
            raise OutputError(f"{self.name}: {self._where} cannot be reached: {why}") from error

    def _refused(self, response: ClientResponse) -> OutputError:
        why = ADVICE.get(response.status, "the server cannot take it now" if response.status >= 500 else "")
        return OutputError(
            f"{self.name}: {self._where} answers {response.status} {response.reason}"
            + (f": {why}" if why else ""),
            retry_after_s=retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC)),
        )

    async def _disconnect(self) -> None:
        """Ends the session with the server (DELETE) and frees what is ours, in any case."""
        peer, self._peer = self._peer, None
        resource, self._resource = self._resource, None
        encoding, self._encoding = self._encoding, None
        try:
            if resource is not None:
                async with (
                    ClientSession(timeout=ClientTimeout(GOODBYE_S)) as http,
                    http.delete(resource, headers=self._headers),
                ):
                    pass  # whatever it answers: the session is over
        except (ClientError, TimeoutError, OSError) as error:
            raise OutputError(
                f"{self.name}: {self._where} was not told of the end: {redact(str(error))}"
            ) from error
        finally:
            if encoding is not None:
                encoding.cancel()
            if peer is not None:
                await peer.close()


def retry_after_s(value: str | None, now: datetime) -> float:
    """Seconds of an HTTP Retry-After (RFC 9110, section 10.2.3), a number or a date; 0 without one."""
    if value is None:
        return 0.0
    try:
        wait_s = (
            float(value) if value.strip().isdigit() else (parsedate_to_datetime(value) - now).total_seconds()
        )
    except (ValueError, TypeError):
        return 0.0  # neither: as if it were not there
    return min(LONGEST_RETRY_S, max(0.0, wait_s))
