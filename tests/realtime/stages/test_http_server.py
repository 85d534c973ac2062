"""What every HTTP server of a show does with what no client should send."""

from __future__ import annotations

import asyncio
import gzip
import logging

import pytest
from aiohttp import ClientSession, web

from realtime.stages.http_server import is_packed, set_up

log = logging.getLogger(__name__)


async def _length(request: web.Request) -> web.Response:
    return web.json_response({"length": len(await request.read()), "packed": is_packed(request)})


async def asked(data: bytes, headers: dict[str, str]) -> dict[str, object]:
    app = web.Application(client_max_size=64 * 1024)
    app.router.add_post("/", _length)
    runner = await set_up(app, log, shutdown_timeout=1.0, keepalive_timeout=5.0)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with ClientSession() as session, session.post(url, data=data, headers=headers) as answer:
            found: dict[str, object] = await answer.json()
            return found
    finally:
        await runner.cleanup()


def test_a_packed_body_is_told_and_never_unpacked() -> None:
    bomb = gzip.compress(bytes(16 << 20))
    found = asyncio.run(asked(bomb, {"Content-Encoding": "gzip"}))
    assert found == {"length": len(bomb), "packed": True}
    assert asyncio.run(asked(b"{}", {"Content-Encoding": "Identity"})) == {"length": 2, "packed": False}
    assert asyncio.run(asked(b"{}", {})) == {"length": 2, "packed": False}


def test_what_fails_is_one_line_and_what_is_malformed_none(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(asked(b"{}", {}))
    for error in (ConnectionResetError(), web.RequestPayloadError("400"), ValueError("a\nb")):
        try:
            raise error
        except Exception as raised:  # each of them
            log.error("it failed", exc_info=raised)
    (record,) = caplog.records
    assert record.getMessage() == "it failed: ValueError: 'a\\nb'"
    assert record.exc_info is None
