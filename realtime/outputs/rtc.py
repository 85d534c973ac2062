"""What of aiortc and aioice has no setting of its own, changed for the whole process that sends WebRTC."""

from __future__ import annotations

import aioice.ice
import aiortc.codecs
from aiortc import RTCRtpSender, RTCRtpTransceiver

from realtime.outputs.h264 import EncoderSettings, h264_level
from realtime.outputs.video_source import PassThrough

CONSENT_INTERVAL_S = 2
"""How often the other side is asked whether it still wants what it is sent (RFC 7675)."""

find_host_addresses = aioice.ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """Addresses for ICE, with the loopback that aioice leaves out: a machine may have no other."""
    addresses: list[str] = find_host_addresses(use_ipv4, use_ipv6)
    return [*addresses, "127.0.0.1"] if use_ipv4 else addresses


def reach_loopback() -> None:
    """Makes connections within this machine possible."""
    aioice.ice.get_host_addresses = _host_addresses


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


def only_h264(transceiver: RTCRtpTransceiver) -> None:
    """To be called before the descriptions are set, or VP8 is chosen silently."""
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([c for c in codecs if c.mimeType in ("video/H264", "video/rtx")])
