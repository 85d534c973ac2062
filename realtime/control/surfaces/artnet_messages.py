"""From the bytes of an Art-Net packet to the channels of a universe. Pure.

The format is that of ArtDmx in the Art-Net 4 specification, chapter "ArtDmx":
https://art-net.org.uk/how-it-works/streaming-packets/. The package `stupidartnet` has a receiver too,
but that one listens on all interfaces and does not tell who sends.
"""

from __future__ import annotations

from dataclasses import dataclass

ID = b"Art-Net\0"
OP_DMX = 0x5000
PROTOCOL = 14
HEAD = 18
"""Bytes before the channels."""

MOST_CHANNELS = 512


@dataclass(frozen=True)
class Dmx:
    """The channels of a universe at one moment.

    universe: the Port-Address, 0 to 32767. sequence: 1 to 255, going round; 0: not counted. channels: of
    channel 1 and on, each 0 to 255.
    """

    universe: int
    sequence: int
    channels: bytes

    def level(self, channel: int) -> float | None:
        """The share, 0 to 1, of a channel, counted from 1; None where the packet does not have it."""
        return self.channels[channel - 1] / 255 if channel <= len(self.channels) else None


def dmx_of(packet: bytes) -> Dmx | None:
    """The channels in an ArtDmx packet; None for any other packet."""
    if len(packet) < HEAD or packet[:8] != ID or int.from_bytes(packet[8:10], "little") != OP_DMX:
        return None
    if int.from_bytes(packet[10:12], "big") < PROTOCOL:
        return None
    length = int.from_bytes(packet[16:18], "big")
    if not 1 <= length <= MOST_CHANNELS or len(packet) < HEAD + length:
        return None
    return Dmx((packet[15] & 0x7F) << 8 | packet[14], packet[12], packet[HEAD : HEAD + length])
