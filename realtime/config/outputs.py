"""What a show file says about outputs: `[webrtc]` and the entries of `[[outputs]]`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from yarl import URL

from realtime.config.fields import Bitrate, KeyframeS, Name, Port, ShowPath, StrictModel, Text, no_two_alike


def _public_url(text: str) -> str:
    """An origin: scheme, host and optionally a port; no path, since the page's own addresses begin at "/"."""
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
"""RFC 7064 and 7065, as far as aiortc supports them: no IPv6 addresses, no stuns."""


def _ice_url(url: str) -> str:
    match = ICE_URL.fullmatch(url)
    if match is None or (match[1] == "stun" and match[3]) or (match[1] == "turns" and match[4] == "udp"):
        raise ValueError("write stun:HOST:PORT, turn:HOST:PORT?transport=udp (or tcp) or turns:HOST:PORT")
    return url


def _several(urls: object) -> object:
    return (urls,) if isinstance(urls, str) else urls


class IceServer(StrictModel):
    """A STUN or TURN server, written as in browsers (W3C, RTCIceServer); for STUN the URL is enough."""

    urls: Annotated[
        tuple[Annotated[str, AfterValidator(_ice_url)], ...], BeforeValidator(_several), Field(min_length=1)
    ]
    """stun:HOST:PORT, turn:HOST:PORT or turns:HOST:PORT; one or a list."""
    username: Text | None = Field(default=None, repr=False)
    """The TURN server's user."""
    credential: Text | None = Field(default=None, repr=False)
    """The TURN server's password."""

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


class WebRtc(StrictModel):
    """The page, and the two pictures that it plays by WebRTC."""

    host: Text = "127.0.0.1"
    """Where the page is served; 127.0.0.1 keeps it on this machine."""
    port: Port = 8080
    """The page's port; 0 serves no page."""
    public_url: Annotated[str, AfterValidator(_public_url)] | None = None
    """The page's address for browsers, if it is served through a reverse proxy: https://dance.example.org."""
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """Addresses or networks of reverse proxies whose X-Forwarded-For is believed."""
    bitrate: Bitrate = Field(default=4_000_000, le=50_000_000)
    """The most bits a second of the programme that a viewer gets."""
    preview_bitrate: Bitrate = Field(default=1_500_000, le=50_000_000)
    """The most bits a second of the preview that a viewer gets."""
    keyframe_s: KeyframeS = Field(default=4.0, le=60)
    """Seconds between keyframes, besides the ones that viewers ask for."""
    viewers: int = Field(default=60, ge=1, le=500)
    """How many may watch the programme at once, not counting those with the token."""
    ice_servers: IceServers = ()
    """STUN and TURN servers for viewers outside this network; by default none is used."""


@dataclass(frozen=True)
class WebRtcServing:
    """Where WHEP is served, and to whom.

    socket: path of a Unix socket, for this user only; the control server forwards requests to it and says who
    is an operator. None: serve at the settings' host and port. token: what every request must present
    (Authorization: Bearer ...); None: no token is needed.
    """

    settings: WebRtc
    socket: Path | None = None
    token: str | None = None


class _Output(StrictModel):
    kind: str
    """The kind of output."""
    name: Name = ""
    """The name in the console; by default the kind. No two outputs share a name."""

    @property
    def called(self) -> str:
        """The name, or the kind where no name was given."""
        return self.name or self.kind


class _ToBoard(_Output):
    board_colour: bool = False
    """This output feeds the board: its colours are corrected by the venue's [board]."""


Audio = Annotated[str, Field(pattern=r"^(none|silence|source|alsa:.+)$")]
"""The sound of an output: none, a silent track, the camera file's own, or a sound card by ALSA's name."""

NDI_INSTALL = (
    "install it with: pip install cyndilib==0.1.3 (it brings NDI's library, under NDI's own licence)"
)
"""What to do where the package for NDI, as output or as camera, is missing."""


class Ndi(_ToBoard):
    """A source on the network, with the player's alpha."""

    kind: Literal["ndi"]
    source: Text = Field(default="Dancecam", max_length=200)
    """The name that receivers see."""
    groups: str = ""
    """NDI groups, separated by commas; by default the public one."""
    alpha: bool = False
    """Send fill and key in one source (BGRA): the player over transparent."""
    key_source: Text | None = None
    """The name of a second source that carries the key as a picture, white where the player is."""

    @model_validator(mode="after")
    def _is_a_whole_picture(self) -> Self:
        if self.board_colour and (self.alpha or self.key_source is not None):
            raise ValueError(
                "board_colour is for a whole picture: with alpha, correct it behind the switcher"
            )
        return self


class ContentCredentials(StrictModel):
    """What videos are signed with, by C2PA: that a machine made them, and that nobody has changed them."""

    certificate: ShowPath
    """A PEM file: the signer's certificate, then those that issued it, without the root."""
    key: ShowPath
    """A PEM file: the certificate's private key, without a password, for this user alone."""
    timestamp_url: Annotated[str, Field(pattern=r"^https?://.+")] | None = None
    """A timestamp authority (RFC 3161), asked once a video: the signature outlasts the certificate."""


class Recorder(_Output):
    """A file. It records only between the operator's start and stop."""

    kind: Literal["recorder"]
    folder: ShowPath = Path("recordings")
    """Where the files are written, named by time."""
    container: Literal["mkv", "mp4"] = "mkv"
    """Matroska, or fragmented MP4; both survive a power cut."""
    feed: Literal["programme", "clean"] = "programme"
    """The programme; or "clean", the live player even when something else is on air, for later editing."""
    bitrate: Bitrate = Field(default=12_000_000, le=200_000_000)
    """Bits a second."""
    fragment_s: float = Field(default=1.0, ge=0.2, le=10)
    """Seconds in each piece of the file: a power cut costs one piece and about one more second."""
    audio: Audio = "none"
    """The sound: none, silence, source (the camera file's own, in step with it) or alsa:DEVICE."""
    content_credentials: ContentCredentials | None = None
    """Signs the recordings when a show at a terminal has ended; for container = "mp4"."""

    @model_validator(mode="after")
    def _can_be_signed(self) -> Self:
        if self.content_credentials is not None and self.container != "mp4":
            raise ValueError('content_credentials are for MP4: write container = "mp4"')
        return self


class Stream(_Output):
    """MPEG-TS over UDP, or RTMP, to a decoder or a server."""

    kind: Literal["stream"]
    url: str = Field(pattern=r"^(udp|rtmps?)://.+")
    """udp://host:port or rtmp(s)://host/app/key."""
    bitrate: Bitrate = Field(default=6_000_000, le=100_000_000)
    """Bits a second."""
    keyframe_s: KeyframeS = Field(default=2.0, le=10)
    """Seconds between keyframes."""
    audio: Audio = "none"
    """The sound: none, silence, source (the camera file's own, in step with it) or alsa:DEVICE."""


class Whip(_Output):
    """WebRTC pushed to a server (MediaMTX, LiveKit, a broadcaster) by WHIP, RFC 9725."""

    kind: Literal["whip"]
    url: str = Field(pattern=r"^https?://.+")
    """The WHIP endpoint."""
    token: Text | None = Field(default=None, repr=False)
    """Sent as Authorization: Bearer ..."""
    bitrate: Bitrate = Field(default=6_000_000, le=50_000_000)
    """Bits a second at most."""
    keyframe_s: KeyframeS = Field(default=2.0, le=60)
    """Seconds between keyframes."""
    ice_servers: IceServers = ()
    """STUN and TURN servers, for a server that cannot reach this machine; by default none is used."""


class Window(_ToBoard):
    """A full-screen window on one of this machine's monitors."""

    kind: Literal["window"]
    monitor: int = Field(default=0, ge=0)
    """The monitor's number, from 0, in the system's order."""
    full_screen: bool = True
    """false: a window that can be moved."""


class VirtualCamera(_ToBoard):
    """A camera that other programs on this machine can open."""

    kind: Literal["virtual_camera"]
    device: Text | None = None
    """For example /dev/video10; by default the first one found."""


Output = Annotated[Ndi | Recorder | Stream | Whip | Window | VirtualCamera, Field(discriminator="kind")]


def _named_apart(outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    no_two_alike("outputs", (output.called for output in outputs))
    return outputs


Outputs = Annotated[tuple[Output, ...], AfterValidator(_named_apart)]
