"""What a show file says about outputs: `[webrtc]` and the entries of `[[outputs]]`, strict models."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from yarl import URL


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _public_url(text: str) -> str:
    """An origin: scheme, host and perhaps a port. The page's own addresses begin at "/"."""
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host or url.user or url.raw_path_qs not in ("", "/"):
        raise ValueError("write the address that browsers use, without a path: https://dance.example.org")
    return str(url.origin())


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError as error:
        raise ValueError("write an address or a network: 127.0.0.1 or 10.0.0.0/24") from error


ICE_URL = re.compile(r"(stun|turns?):[A-Za-z0-9._-]+(:[1-9][0-9]{0,4})?(\?transport=(udp|tcp))?")
"""RFC 7064 and 7065, as far as aiortc takes them: no IPv6 addresses, no stuns."""


def _ice_url(url: str) -> str:
    match = ICE_URL.fullmatch(url)
    if match is None or (match[1] == "stun" and match[3]) or (match[1] == "turns" and match[4] == "udp"):
        raise ValueError("write stun:HOST:PORT, turn:HOST:PORT?transport=udp (or tcp) or turns:HOST:PORT")
    return url


def _several(urls: object) -> object:
    return (urls,) if isinstance(urls, str) else urls


class IceServer(_Model):
    """A STUN or TURN server, written as browsers have it (W3C, RTCIceServer), or for STUN its URL alone."""

    urls: Annotated[
        tuple[Annotated[str, AfterValidator(_ice_url)], ...], BeforeValidator(_several), Field(min_length=1)
    ] = Field(title="URLs", description="stun:HOST:PORT, turn:HOST:PORT or turns:HOST:PORT; one or a list.")
    username: str | None = Field(
        default=None, min_length=1, title="User name", description="Of a TURN server.", repr=False
    )
    credential: str | None = Field(
        default=None, min_length=1, title="Credential", description="The TURN server's password.", repr=False
    )

    @model_validator(mode="before")
    @classmethod
    def _url_alone(cls, value: object) -> object:
        return {"urls": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _turn_has_a_login(self) -> Self:
        turn = any(url.startswith("turn") for url in self.urls)
        if turn and (self.username is None or self.credential is None):
            raise ValueError(f"{self.urls[0]} needs username and credential")
        if not turn and (self.username is not None or self.credential is not None):
            raise ValueError(f"{self.urls[0]} takes no username and no credential")
        return self


def _one_of_each(servers: Sequence[IceServer]) -> Sequence[IceServer]:
    schemes = [url.partition(":")[0][:4] for server in servers for url in server.urls]
    if schemes.count("stun") > 1 or schemes.count("turn") > 1:
        raise ValueError("name one STUN and one TURN URL at most: aiortc uses no more")
    return servers


IceServers = Annotated[tuple[IceServer, ...], AfterValidator(_one_of_each)]


class WebRtc(_Model):
    """The page, and the two pictures that it plays by WebRTC."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        title="Address",
        description="Where the page is served; 127.0.0.1 keeps it on this machine.",
    )
    port: int = Field(
        default=8080, ge=0, le=65535, title="Port", description="The page's port; 0 serves no page."
    )
    public_url: Annotated[str, AfterValidator(_public_url)] | None = Field(
        default=None,
        title="Public address",
        description="What browsers open where a reverse proxy is before the page: https://dance.example.org.",
    )
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        default=(),
        title="Trusted proxies",
        description="Addresses or networks of reverse proxies whose X-Forwarded-For is believed.",
    )
    bitrate: int = Field(
        default=4_000_000,
        ge=200_000,
        le=50_000_000,
        title="Bit rate",
        description="Bits a second of the programme that a viewer is sent at most.",
    )
    preview_bitrate: int = Field(
        default=1_500_000,
        ge=200_000,
        le=50_000_000,
        title="Bit rate of the preview",
        description="Bits a second of the preview that a viewer is sent at most.",
    )
    keyframe_s: float = Field(
        default=4.0,
        ge=0.5,
        le=60.0,
        title="Keyframes",
        description="Seconds between keyframes, besides those that viewers ask for.",
    )
    viewers: int = Field(
        default=60,
        ge=1,
        le=500,
        title="Viewers",
        description="How many may watch the programme at once, besides those who have the token.",
    )
    ice_servers: IceServers = Field(
        default=(),
        title="ICE servers",
        description="STUN and TURN for viewers beyond this network; by default none is asked.",
    )


@dataclass(frozen=True)
class WebRtcServing:
    """Where WHEP is served, and to whom.

    socket: path of a Unix socket, for this user alone, behind the control server, which says who is an
    operator; None serves at the settings' host and port. token: what every request must show
    (Authorization: Bearer ...); None where nobody needs one.
    """

    settings: WebRtc
    socket: Path | None = None
    token: str | None = None


class _Output(_Model):
    kind: str
    name: str = Field(
        default="",
        max_length=60,
        title="Name",
        description="What the console calls it; by default its kind. No two outputs share a name.",
    )

    @property
    def called(self) -> str:
        """The name, or the kind where none was given."""
        return self.name or self.kind


class Ndi(_Output):
    """A source in the network, with the player's alpha."""

    kind: Literal["ndi"]
    source: str = Field(
        default="Dancecam", min_length=1, max_length=200, title="Source", description="What receivers see."
    )
    groups: str = Field(
        default="", title="Groups", description="NDI groups, separated by commas; by default the public one."
    )
    alpha: bool = Field(
        default=False,
        title="Alpha",
        description="Send fill and key in one source (BGRA): the player over transparent.",
    )
    key_source: str | None = Field(
        default=None,
        min_length=1,
        title="Key source",
        description="The name of a second source that carries the key as a picture, white where he is.",
    )


class Recorder(_Output):
    """A file. It records only between the operator's start and stop."""

    kind: Literal["recorder"]
    folder: Path = Field(
        default=Path("recordings"), title="Folder", description="Where the files are written, named by time."
    )
    container: Literal["mkv", "mp4"] = Field(
        default="mkv", title="Container", description="Matroska, or fragmented MP4; both survive a power cut."
    )
    feed: Literal["programme", "clean"] = Field(
        default="programme",
        title="Feed",
        description="What is on air; or clean, the live player whatever is on air, to be cut later.",
    )
    bitrate: int = Field(
        default=12_000_000, ge=200_000, le=200_000_000, title="Bit rate", description="Bits a second."
    )
    fragment_s: float = Field(
        default=1.0,
        ge=0.2,
        le=10.0,
        title="Fragment",
        description="Seconds in each piece of the file: a power cut costs one piece and about a second.",
    )


class Stream(_Output):
    """MPEG-TS over UDP, or RTMP, to a decoder or a server."""

    kind: Literal["stream"]
    url: str = Field(
        pattern=r"^(udp|rtmps?)://.+",
        title="URL",
        description="udp://host:port or rtmp(s)://host/app/key.",
    )
    bitrate: int = Field(
        default=6_000_000, ge=200_000, le=100_000_000, title="Bit rate", description="Bits a second."
    )
    keyframe_s: float = Field(
        default=2.0, ge=0.2, le=10.0, title="Keyframes", description="Seconds between keyframes."
    )


class Whip(_Output):
    """WebRTC pushed to a server (MediaMTX, LiveKit, a broadcaster) by WHIP, RFC 9725."""

    kind: Literal["whip"]
    url: str = Field(pattern=r"^https?://.+", title="URL", description="The WHIP endpoint.")
    token: str | None = Field(
        default=None, min_length=1, title="Token", description="Sent as Authorization: Bearer ...", repr=False
    )
    bitrate: int = Field(
        default=6_000_000, ge=200_000, le=50_000_000, title="Bit rate", description="Bits a second at most."
    )
    keyframe_s: float = Field(
        default=2.0, ge=0.2, le=60.0, title="Keyframes", description="Seconds between keyframes."
    )
    ice_servers: IceServers = Field(
        default=(),
        title="ICE servers",
        description="STUN and TURN for a server that cannot reach this machine; by default none is asked.",
    )


class Window(_Output):
    """A full-screen window on one of this machine's monitors."""

    kind: Literal["window"]
    monitor: int = Field(
        default=0, ge=0, title="Monitor", description="Counted from 0, in the system's order."
    )
    full_screen: bool = Field(
        default=True, title="Full screen", description="Without it, a window that can be moved."
    )


class VirtualCamera(_Output):
    """A camera that other programs on this machine can open."""

    kind: Literal["virtual_camera"]
    device: str | None = Field(
        default=None, min_length=1, title="Device", description="For example /dev/video10; by default any."
    )


KINDS: Mapping[str, type[_Output]] = {
    "ndi": Ndi,
    "recorder": Recorder,
    "stream": Stream,
    "whip": Whip,
    "window": Window,
    "virtual_camera": VirtualCamera,
}

Output = Annotated[
    Ndi | Recorder | Stream | Whip | Window | VirtualCamera, Field(discriminator="kind", title="Output")
]
