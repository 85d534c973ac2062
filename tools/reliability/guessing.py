"""Clients that send a show's page one wrong token after the other, all at once, until SIGTERM.

    python -m tools.reliability.guessing http://127.0.0.1:8080 COUNT

Its first line comes once every client had some answers. Its last line is JSON: how many had which answer, and
those answers that no wrong token may have.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from collections import Counter

import aiohttp

REFUSED = ("401", "429", "none")
"""What a guess may be answered with; "none" where the connection was closed."""

ANSWER_S = 20.0
BEGUN = 2
"""Each client that had so many answers has begun."""


async def guess(http: aiohttp.ClientSession, url: str, way: int) -> str:
    """The answer's status to one more wrong token; way: how it is sent."""
    token = secrets.token_urlsafe(16)
    bearer = {"Authorization": f"Bearer {token}"}
    asked = (
        lambda: http.get(f"{url}/api/state", headers=bearer),
        lambda: http.post(f"{url}/api/login", json={"token": token}),
        lambda: http.get(f"{url}/api/state", headers={"Cookie": f"dancecam={token}"}),
        lambda: http.post(f"{url}/api/actions/slate", headers=bearer, json={"confirm": True}),
        lambda: http.get(
            f"{url}/api/events", headers={**bearer, "Connection": "Upgrade", "Upgrade": "websocket"}
        ),
    )[way % 5]
    try:
        async with asked() as answer:
            await answer.read()
            return str(answer.status)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return "none"


async def run(url: str, count: int) -> Counter[str]:
    answers: Counter[str] = Counter()
    to_begin = set(range(count))

    async def client(first: int) -> None:
        way = first
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ANSWER_S)) as http:
            while True:
                answers[await guess(http, url, way)] += 1
                way += 1
                if way == first + BEGUN:
                    to_begin.discard(first)
                    if not to_begin:
                        print(f"{count} clients have begun", flush=True)

    clients = asyncio.gather(*(client(n) for n in range(count)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, clients.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await clients
    return answers


def main(arguments: list[str]) -> int:
    os.nice(19)  # others' programs run on other machines
    url, count = arguments
    answers = asyncio.run(run(url, int(count)))
    print(json.dumps({"answers": dict(answers), "failed": [each for each in answers if each not in REFUSED]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
