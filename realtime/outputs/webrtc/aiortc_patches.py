"""Makes aiortc's connections, and changes in aiortc and aioice what has no setting.

`prepare` changes it for the whole process that sends WebRTC, once; `webrtc_sink` and `whip` call it.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aioice.ice
import aiortc.codecs
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpSender, RTCRtpTransceiver

from realtime.config.outputs import IceServer
from realtime.outputs.h264 import EncoderSettings, h264_level
from realtime.outputs.webrtc.shared_encoder import PassThrough
from realtime.transport.texts import one_line

logger = logging.getLogger(__name__)

GATHER_S = 2
"""How long STUN and TURN servers have to answer; aioice gives them 5 s, and a viewer waits for them."""

CONSENT_INTERVAL_S = 2
"""How often the other side is asked whether it still wants what it is sent (RFC 7675)."""

LOG_EVERY_S = 10.0

find_host_addresses = aioice.ice.get_host_addresses
ask_stun = aioice.ice.server_reflexive_candidate


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """Addresses for ICE, with the loopback that aioice leaves out: a machine may have no other."""
    addresses: list[str] = find_host_addresses(use_ipv4, use_ipv6)
    return [*addresses, "127.0.0.1"] if use_ipv4 else addresses


async def _ask_stun(
    protocol: aioice.ice.StunProtocol, stun_server: tuple[str, int]
) -> tuple[aioice.Candidate, None]:
    """Not from the loopback, where no answer from outside arrives: every viewer would wait for it."""
    if protocol.local_candidate.host.startswith("127.") and not stun_server[0].startswith("127."):
        raise ConnectionError("a STUN server cannot be reached from the loopback")
    return await ask_stun(protocol, stun_server)


def reach_loopback() -> None:
    """Makes connections within this machine possible."""
    aioice.ice.get_host_addresses = _host_addresses
    aioice.ice.server_reflexive_candidate = _ask_stun


def prepare(*encodings: EncoderSettings, lost_after_s: int) -> None:
    """For streams that are encoded like these: offers their level, sends what is encoded.

    lost_after_s: who has not answered for so long is gone; 30 at most (RFC 7675, section 5.1).
    Raises OutputError where no H.264 level holds one of them.
    """
    level_idc = max(map(h264_level, encodings))
    for codec in aiortc.codecs.CODECS["video"]:
        if codec.mimeType == "video/H264":
            profile = codec.parameters["profile-level-id"][:4]
            codec.parameters["profile-level-id"] = f"{profile}{level_idc:02x}"
    # `aiortc.codecs.get_encoder` looks this name up for each sender.
    aiortc.codecs.H264Encoder = PassThrough
    reach_loopback()
    aioice.ice.CONSENT_INTERVAL = CONSENT_INTERVAL_S
    aioice.ice.CONSENT_FAILURES = lost_after_s // CONSENT_INTERVAL_S

    aioice.ice.Connection.get_component_candidates.__defaults__ = (GATHER_S,)
    for name in ("rtcdtlstransport", "rtcrtpsender"):  # they log tracebacks of what the other side sent
        logging.getLogger(f"aiortc.{name}").addFilter(_one_line)


def new_peer(ice_servers: Sequence[IceServer]) -> RTCPeerConnection:
    """A connection that asks these servers alone. aiortc's default is a public STUN server of Google's."""
    servers = [RTCIceServer(list(each.urls), each.username, each.credential) for each in ice_servers]
    return RTCPeerConnection(RTCConfiguration(iceServers=servers))


class Unexpected:
    """A loop's exception handler: what fails in aiortc's own tasks is one line, not a traceback, and no flood
    of lines: viewers may bring it about."""

    def __init__(self) -> None:
        self._logged_s, self._unlogged = float("-inf"), 0

    def __call__(self, _: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        self._unlogged += 1
        if time.monotonic() - self._logged_s < LOG_EVERY_S:
            return
        error = context.get("exception")
        why = "" if error is None else f" ({one_line(error)}{_place(error)})"
        logger.warning("%s%s%s", context["message"], why, f" ({self._unlogged} such)" * (self._unlogged > 1))
        self._logged_s, self._unlogged = time.monotonic(), 0


def _place(error: BaseException) -> str:
    """File and line where it was raised: an assertion says nothing else."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return f", {Path(frames[0].filename).name}:{frames[0].lineno}" if frames else ""


def _one_line(record: logging.LogRecord) -> bool:
    lines = record.getMessage().strip().splitlines()
    record.msg, record.args = " ".join((lines[0].split("Traceback")[0], lines[-1])) if lines else "", ()
    return True


def only_h264(transceiver: RTCRtpTransceiver) -> None:
    """To be called before the descriptions are set, or VP8 is chosen silently."""
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([c for c in codecs if c.mimeType in ("video/H264", "video/rtx")])
