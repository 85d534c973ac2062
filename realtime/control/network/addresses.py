"""Where requests come from and which address they ask for, with a reverse proxy in front or without one."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web
from yarl import URL

from realtime.config.hosts import IpAddress, is_loopback, parsed

FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
"""What proxies add. A request that has one of them does not come straight from its peer."""


class Addresses:
    """What the show file says of the server's own address and of the proxies before it.

    A proxy may pass the Host header on, or put the server's local address there: both are accepted once
    `public_url` names the address that browsers use.
    """

    def __init__(self, host: str, public_url: str | None = None, trusted_proxies: Sequence[str] = ()) -> None:
        """host: the address that is served; on loopback only requests for loopback, or for the host of
        `public_url`, are accepted. trusted_proxies: addresses or networks whose X-Forwarded-For is believed.
        """
        self._only_loopback = is_loopback(host)
        self._public = None if public_url is None else URL(public_url).origin()
        self._proxies = [ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies]

    def client(self, request: web.Request) -> str:
        """The address that a request came from: the peer's, or what the trusted proxies say of it."""
        peer = parsed(request.remote or "")
        if peer is None:
            return "nowhere"
        if not self._is_proxy(peer):
            return str(peer)
        nearest = peer
        for hop in reversed(",".join(request.headers.getall("X-Forwarded-For", [])).split(",")):
            address = parsed(hop)
            if address is None:
                break
            nearest = address
            if not self._is_proxy(address):
                break
        return str(nearest)

    def is_proxy(self, peer: str) -> bool:
        """Whether connections from this address carry other people's requests."""
        address = parsed(peer)
        return address is not None and self._is_proxy(address)

    def _is_proxy(self, address: IpAddress) -> bool:
        return any(address in network for network in self._proxies)

    def is_direct(self, request: web.Request) -> bool:
        """Whether `client` is the one who asks, rather than a proxy that says nothing that is believed."""
        if self.is_proxy(request.remote or ""):
            return "X-Forwarded-For" in request.headers
        return not any(name in request.headers for name in FORWARDING_HEADERS)

    def is_this_machine(self, request: web.Request) -> bool:
        """Whether a program of this machine asks. With a public URL nobody counts as that: a proxy that runs
        here and adds no header looks the same."""
        return (
            self._public is None
            and is_loopback(request.remote or "")
            and is_loopback(request.url.host or "")
            and not any(name in request.headers for name in FORWARDING_HEADERS)
        )

    def serves(self, request: web.Request) -> bool:
        """Whether the request is for this server, by its Host header. On loopback a page of another site
        could otherwise reach it by a name of its own that means 127.0.0.1.

        Raises ValueError where the header is no address.
        """
        host = request.url.host or ""
        is_public = self._public is not None and host == self._public.host
        return is_public or not self._only_loopback or is_loopback(host)

    def is_foreign(self, request: web.Request) -> bool:
        """Whether a page of another site asks, by the Origin header."""
        origin = request.headers.get("Origin")
        if origin is None:
            return False
        try:
            url = URL(origin).origin()
            if self._public is not None and url.host == self._public.host:
                return url != self._public
            return url != URL(f"{url.scheme}://{request.host}").origin()
        except ValueError:
            return True

    def wants_secure_cookie(self, request: web.Request) -> bool:
        """Whether a browser shall send the cookie back over TLS alone: all but who came straight to the
        server, past the proxy."""
        if self._public is None or self._public.scheme != "https":
            return False
        return request.headers.get("Origin") != f"http://{request.host}"
