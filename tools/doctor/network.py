"""Checks ports, interfaces, multicast, STUN servers, NDI, and who may reach the show."""

from __future__ import annotations

import importlib.util
import secrets
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from realtime.config.hosts import is_loopback
from realtime.config.outputs import ICE_URL, Ndi, Stream, WebRtc, Whip
from realtime.config.show import Show
from realtime.config.surfaces import ArtNet
from realtime.transport.bus import Link, Side
from tools.doctor.finding import Case, Finding, fail, ok, warn

MDNS = ("224.0.0.251", 5353)
STUN_S = 2.0
STUN_PORT, TURNS_PORT = 3478, 5349
COOKIE = 0x2112A442
"""RFC 8489, section 5."""


class Wanted(NamedTuple):
    """A port that a show opens. kind: SOCK_STREAM or SOCK_DGRAM."""

    host: str
    port: int
    kind: int
    what: str


def look_at_ports(case: Case) -> Iterator[Finding]:
    """One line for each port that the show opens on this machine."""
    here = {address.address for each in psutil.net_if_addrs().values() for address in each}
    wanted = list(ports_of(case.show, here))
    for each in wanted:
        yield look_at_port(each)
    if not wanted:
        yield ok("ports", "the show opens none")
    if case.show.link is not None and not {case.show.link.performer, case.show.link.playout} & here:
        yield warn(
            "ports", "neither address of [link] is one of this machine", "check performer and playout there"
        )


def ports_of(show: Show, here: set[str]) -> Iterator[Wanted]:
    """The ports that a show opens. here: this machine's addresses."""
    if show.webrtc.port:
        yield Wanted(show.webrtc.host, show.webrtc.port, socket.SOCK_STREAM, "the page")
    if show.control.osc_port:
        yield Wanted(show.control.osc_host, show.control.osc_port, socket.SOCK_DGRAM, "OSC")
    if show.control.artnet is not None:
        yield Wanted(show.control.artnet.host, show.control.artnet.port, socket.SOCK_DGRAM, "Art-Net")
    if show.link is None:
        return
    sides: tuple[Side, ...] = ("performer", "playout")
    for side in sides:
        link = Link(side, show.link.performer, show.link.playout, show.link.port, show.link.keys)
        if link.here in here:
            for port in link.listens_on():
                yield Wanted(link.here, port, socket.SOCK_STREAM, f"the link's {side}")


def look_at_port(wanted: Wanted) -> Finding:
    name = f"{wanted.host}:{wanted.port} ({wanted.what})"
    family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
    try:
        with socket.socket(family, wanted.kind) as one:
            if wanted.kind == socket.SOCK_STREAM:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            one.bind((wanted.host, wanted.port))
            if wanted.kind == socket.SOCK_STREAM:
                one.listen(1)
    except OSError as error:
        holder = _holder(wanted)
        by = f" by {holder}" if holder else ""
        return fail(
            "ports", f"{name} cannot be had: {error.strerror}{by}", "end that program, or choose another port"
        )
    return ok("ports", f"{name} is free")


def _holder(wanted: Wanted) -> str:
    """The program that has a port; "" where that cannot be seen."""
    try:
        every = psutil.net_connections("tcp" if wanted.kind == socket.SOCK_STREAM else "udp")
        for each in every:
            listens = each.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
            if listens and each.laddr and each.laddr.port == wanted.port and each.pid:
                return f"{psutil.Process(each.pid).name()} (process {each.pid})"
    except psutil.Error:
        pass  # other users' programs are not visible
    return ""


def look_at_network(case: Case) -> Iterator[Finding]:
    """Checks the interfaces, and whether multicast has a route."""
    addresses = {
        name: [each.address for each in of if each.family == socket.AF_INET]
        for name, of in psutil.net_if_addrs().items()
        if name in psutil.net_if_stats() and psutil.net_if_stats()[name].isup
    }
    yield judge_interfaces(addresses, wanted=needs_network(case.show))
    yield judge_multicast(_multicast_trouble(), wanted=needs_multicast(case.show))


def needs_network(show: Show) -> bool:
    outside = any(isinstance(output, Ndi | Stream | Whip) for output in show.outputs)
    return outside or show.link is not None or "://" in show.camera or not is_loopback(show.webrtc.host)


def needs_multicast(show: Show) -> bool:
    """Whether an output needs multicast: NDI finds its sources by it."""
    return any(isinstance(output, Ndi) for output in show.outputs)


def judge_interfaces(addresses: dict[str, list[str]], *, wanted: bool) -> Finding:
    """addresses: of each interface that is up."""
    up = {name: of for name, of in addresses.items() if of and not all(is_loopback(each) for each in of)}
    if up:
        return ok("network", ", ".join(f"{name} {' '.join(of)}" for name, of in up.items()))
    if wanted:
        return fail("network", "no interface has an address", "plug the cable in, and look at ip address")
    return ok("network", "no interface has an address; the show needs none")


def _multicast_trouble() -> str:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.connect(MDNS)  # sends nothing
    except OSError as error:
        return str(error.strerror)
    return ""


def judge_multicast(trouble: str, *, wanted: bool) -> Finding:
    if not trouble:
        return ok("network", "multicast has a route")
    if wanted:
        advice = "NDI's sources are not found: ip route add 224.0.0.0/4 dev INTERFACE"
        return warn("network", f"multicast has no route ({trouble})", advice)
    return ok("network", f"multicast has no route ({trouble}); the show needs none")


def look_at_stun(case: Case) -> Iterator[Finding]:
    """The STUN and TURN servers that the show file names, and no others."""
    servers = [*case.show.webrtc.ice_servers]
    for output in case.show.outputs:
        if isinstance(output, Whip):
            servers += output.ice_servers
    for url in dict.fromkeys(url for server in servers for url in server.urls):
        yield look_at_server(url)


def look_at_server(url: str) -> Finding:
    match = ICE_URL.fullmatch(url)
    if match is None:
        return fail("stun", f"{url} is no address of a server", "correct it in the show file")
    scheme, rest = url.partition(":")[::2]
    host, _, port = rest.partition("?")[0].partition(":")
    where = (host, int(port) if port else TURNS_PORT if scheme == "turns" else STUN_PORT)
    try:
        if scheme == "turns" or "transport=tcp" in url:
            socket.create_connection(where, timeout=STUN_S).close()
        else:
            ask_stun(where)
    except OSError as error:
        advice = "viewers beyond this network see nothing: check the server and the firewall"
        return warn("stun", f"{url} does not answer ({error.strerror or error})", advice)
    return ok("stun", f"{url} answers")


def ask_stun(where: tuple[str, int]) -> None:
    """Asks a server. Raises OSError where no answer comes."""
    request = stun_request(secrets.token_bytes(12))
    family, kind, protocol, _, address = socket.getaddrinfo(*where, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as one:
        one.settimeout(STUN_S)
        one.connect(address)
        one.send(request)
        answer = one.recv(2048)
    if not is_stun_answer(answer, request):
        raise OSError("what answers is no STUN server")


def stun_request(transaction: bytes) -> bytes:
    """A binding request without attributes (RFC 8489). transaction: 12 bytes."""
    return b"\x00\x01\x00\x00" + COOKIE.to_bytes(4, "big") + transaction


def is_stun_answer(answer: bytes, request: bytes) -> bool:
    """Whether it is a binding answer, or an error, to this request."""
    return answer[:2] in (b"\x01\x01", b"\x01\x11") and answer[4:20] == request[4:20]


def look_at_ndi(case: Case) -> Iterator[Finding]:
    wanted = any(isinstance(output, Ndi) for output in case.show.outputs)
    yield judge_ndi(wanted=wanted, installed=importlib.util.find_spec("cyndilib") is not None)


def judge_ndi(*, wanted: bool, installed: bool) -> Finding:
    if wanted and not installed:
        return fail(
            "ndi", "the show has an NDI output, but the library is not there", "pip install cyndilib==0.1.3"
        )
    return ok(
        "ndi", f"the library is {'' if installed else 'not '}there{'' if wanted else '; the show needs none'}"
    )


def look_at_access(case: Case) -> Iterator[Finding]:
    """Checks who may reach the page and OSC, and who may read the token."""
    yield judge_page(case.show.webrtc)
    control = case.show.control
    if control.osc_port:
        yield judge_osc(control.osc_host)
    if control.artnet is not None:
        yield judge_artnet(control.artnet)
    if control.osc_feedback is not None and not is_loopback(control.osc_feedback.host):
        yield ok("access", f"the show's state is sent by OSC to {control.osc_feedback.host}, in the clear")
    secret = case.show.control.token is not None
    if case.file is not None:
        yield judge_file(case.file, case.file.stat().st_mode, secret=secret)
    if case.show.link is not None:
        yield from look_at_keys(case.show.link.keys)


def judge_page(webrtc: WebRtc) -> Finding:
    if not webrtc.port:
        return ok("access", "no page is served")
    if is_loopback(webrtc.host):
        return ok("access", f"the page is served to this machine alone, on {webrtc.host}:{webrtc.port}")
    found = f"the page is served to the network on {webrtc.host}:{webrtc.port}, without TLS"
    advice = "use a network of the show's own, or a proxy with TLS before 127.0.0.1 (docs/operator.md)"
    return warn("access", found, advice)


def judge_osc(host: str) -> Finding:
    if is_loopback(host):
        return ok("access", f"OSC is heard on {host}")
    return warn(
        "access",
        f"OSC is heard on {host} and knows no token: whoever reaches it can do all",
        "keep that network to the show's controllers",
    )


def judge_artnet(artnet: ArtNet) -> Finding:
    if is_loopback(artnet.host):
        return ok("access", f"Art-Net is heard on {artnet.host}")
    return warn(
        "access",
        f"Art-Net is heard on {artnet.host} from {', '.join(artnet.senders)} and knows no token: whoever "
        "sends as one of these can TAKE" + ("" if artnet.confirm else ", once it is armed"),
        "keep that network to the show's controllers",
    )


def judge_file(path: Path, mode: int, *, secret: bool) -> Finding:
    """secret: whether the show file holds the console's token."""
    if secret and mode & (stat.S_IRGRP | stat.S_IROTH):
        return warn(
            "access", f"other users of this machine can read the token in {path}", f"chmod 600 {path}"
        )
    return ok(
        "access",
        f"{path} {'is for this user alone' if secret else 'holds no token: each show makes its own'}",
    )


def look_at_keys(folder: Path) -> Iterator[Finding]:
    """Checks the link's secret keys."""
    loose = [path for path in folder.glob("*secret*") if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    for path in loose:
        yield fail("access", f"other users of this machine can read the key {path}", f"chmod 600 {path}")
