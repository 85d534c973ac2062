"""Addresses and names of machines. Pure: no name is looked up."""

from __future__ import annotations

import ipaddress

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def parsed(text: str) -> IpAddress | None:
    """An address as X-Forwarded-For has it, perhaps with a port; None where it is none. An IPv4 address that
    is written as IPv6 is the IPv4 address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine."""
    address = parsed(host)
    return host == "localhost" if address is None else address.is_loopback
