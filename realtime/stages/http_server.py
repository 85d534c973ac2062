"""How the HTTP servers of a show's processes are set up: whatever a client sends, no traceback is written."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDictProxy


async def set_up(
    app: web.Application, log: logging.Logger, *, shutdown_timeout: float, keepalive_timeout: float
) -> web.AppRunner:
    """A runner whose server takes connections. log: the server's own; it is given a filter.
    keepalive_timeout: how long a connection may be idle, in seconds.

    Bodies are not unpacked: 32 KiB can be 32 MiB, and cost the loop 0.1 s. See `is_packed`."""
    if not any(isinstance(each, _OneLine) for each in log.filters):
        log.addFilter(_OneLine())
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=log,
        shutdown_timeout=shutdown_timeout,
        keepalive_timeout=keepalive_timeout,
        auto_decompress=False,
    )
    await runner.setup()
    assert runner.server is not None  # noqa: S101  # it is there once the runner is set up
    factory = runner.server.request_factory
    runner.server.request_factory = lambda message, *rest: factory(_without_odd_expect(message), *rest)
    return runner


def is_packed(request: web.Request) -> bool:
    """Whether its body is compressed: to be refused (415, RFC 9110, 15.5.16)."""
    return request.headers.get("Content-Encoding", "identity").lower() != "identity"


class _OneLine(logging.Filter):
    """aiohttp logs malformed requests, and what fails, with a traceback. The first are no fault of ours and
    are left out; the others become one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError | web.RequestPayloadError | ConnectionError):
            return False
        if error is not None:
            record.msg, record.args = "%s: %s: %a", (record.getMessage(), type(error).__name__, str(error))
        record.exc_info = None
        return True


def _without_odd_expect(message: RawRequestMessage) -> RawRequestMessage:
    """A request whose header Expect is not the one value that there is (RFC 9110, 10.1.1), as if it had none:
    aiohttp answers 500 to one that is not ASCII."""
    if message.headers.get("Expect", "100-continue").lower() == "100-continue":
        return message
    headers = message.headers.copy()
    del headers["Expect"]
    return message._replace(headers=CIMultiDictProxy(headers))
