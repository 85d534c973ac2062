"""Removes secrets from URLs before they are shown or logged."""

from __future__ import annotations

import re

RTMP = ("rtmp", "rtmps")
OURS = ("ndi", "test", "replay")
"""Cameras that are named like a URL, but what follows is no address, and nothing in it is secret."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_SECRET_IN_PATH = re.compile(r"(?i)((?:user(?:name)?|pass(?:word|wd)?|pwd|token|key|secret)=)[^&/;]*")
"""Some cameras take the login in the path: rtsp://host/user=admin&password=secret&channel=1."""


def shown(url: str) -> str:
    """The URL without user, password, query and fragment, and for RTMP without the stream key (the path's
    last part). Where an @ makes it unclear which part is the password, only the scheme is left. A text that
    is not a URL (a file, a device), or one of OURS, is returned as it is."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme.lower() in OURS:
        return url
    authority, beyond = _split(url)
    if "@" in beyond:
        return f"{scheme}://..."
    path = _SECRET_IN_PATH.sub(r"\1...", re.split(r"[?#]", beyond, maxsplit=1)[0])
    if scheme.lower() in RTMP:
        path = path.rpartition("/")[0] + "/..."
    return f"{scheme}://{authority.rpartition('@')[2]}{path}"


def redact(text: str) -> str:
    """The text, with every URL in it as `shown` returns it."""
    return _URL.sub(lambda match: shown(match[0]), text)


def encoding_hint(url: str) -> str:
    """A hint for the message that this URL cannot be opened: that its password needs percent-encoding; or
    ""."""
    authority, beyond = _split(url)
    if "@" in beyond or authority.count("@") > 1:
        return "; in a user name or password write @ as %40, # as %23, / as %2F and ? as %3F"
    return ""


def _split(url: str) -> tuple[str, str]:
    """The URL's authority (user, password, host, port), and the rest (RFC 3986, section 3.2)."""
    rest = url.partition("://")[2]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return authority, rest[len(authority) :]
