"""How each kind of fault is put into a running show: context managers that take it back at their end."""

from __future__ import annotations

import contextlib
import http.client
import resource
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil

from realtime.stages.table import WEB
from tools.reliability.trial_show.running import RunningShow, output

Injection = Callable[[RunningShow], AbstractContextManager[None]]

VIEWERS = "tools.reliability.trial_show.viewers"
ROOT = Path(__file__).resolve().parents[2]
STOPPED_S, RUNNING_S = 0.03, 0.03
"""Of a process that is slowed: it stands and runs in turn."""


def killed(stage: str) -> Injection:
    @contextmanager
    def inject(show: RunningShow) -> Iterator[None]:
        show.process(stage).kill()
        yield

    return inject


def stopped(stage: str) -> Injection:
    """Until it is taken back, or the supervisor has killed it."""

    @contextmanager
    def inject(show: RunningShow) -> Iterator[None]:
        process = show.process(stage)
        process.suspend()
        try:
            yield
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    return inject


def slowed(stage: str) -> Injection:
    """It has half of the time."""

    @contextmanager
    def inject(show: RunningShow) -> Iterator[None]:
        process, over = show.process(stage), threading.Event()

        def slow() -> None:
            with contextlib.suppress(psutil.NoSuchProcess):
                while not over.is_set():
                    process.suspend()
                    time.sleep(STOPPED_S)
                    process.resume()
                    over.wait(RUNNING_S)

        thread = threading.Thread(target=slow)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    return inject


def stand_in(name: str, fault: str) -> Injection:
    """Of the camera or the networks of `tools.reliability.trial_show.show`."""

    @contextmanager
    def inject(show: RunningShow) -> Iterator[None]:
        file = show.stand_in(name)
        file.write_text(fault, encoding="utf-8")
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    return inject


@contextmanager
def file_may_not_grow(show: RunningShow) -> Iterator[None]:
    """The recorder's process may write no file beyond one byte: it hears EFBIG, as on a full disk ENOSPC."""
    process = show.process(output("recorder"))
    limits = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)


def no_handles(stage: str) -> Injection:
    """It may open no file and accept no connection more."""

    @contextmanager
    def inject(show: RunningShow) -> Iterator[None]:
        process = show.process(stage)
        limits = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (process.num_fds(), limits[1]))
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limits)

    return inject


def viewers(count: int, *, then: signal.Signals | None = None) -> Injection:
    """So many join at the same moment, in a process of their own; it is sent `then` once they watch."""

    @contextmanager
    def inject(show: RunningShow) -> Iterator[None]:
        host, port = show.page()
        crowd = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tools.reliability.trial_show.viewers",
                f"http://{host}:{port}",
                str(count),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        try:
            assert crowd.stdout is not None  # noqa: S101  # it is a pipe
            if then is not None:
                for line in crowd.stdout:  # one a second
                    if f'"watching": {count}' in line:
                        break
                crowd.send_signal(then)
            yield
        finally:
            crowd.kill()
            crowd.communicate()

    return inject


@contextmanager
def deaf_client(show: RunningShow) -> Iterator[None]:
    """A WebSocket at /api/events that never reads what it is sent."""
    host, port = show.page()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((host, port))
        client.sendall(
            f"GET /api/events HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {show.token}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: c29hay1zb2FrLXNvYWstcw==\r\n\r\n".encode()
        )
        if b" 101 " not in client.recv(64):
            raise ConnectionError("the WebSocket was refused: is the token right?")
        yield


def idle_connections(count: int) -> Injection:
    """So many are opened and say nothing."""

    @contextmanager
    def inject(show: RunningShow) -> Iterator[None]:
        address = show.page()
        with contextlib.ExitStack() as stack:
            for _ in range(count):
                client = stack.enter_context(socket.socket())
                client.settimeout(1.0)
                with contextlib.suppress(OSError):  # it is full, as it may be
                    client.connect(address)
            yield

    return inject


def wrong_tokens(count: int) -> Injection:
    """So many, each another one, by eight connections."""

    @contextmanager
    def inject(show: RunningShow) -> Iterator[None]:
        host, port = show.page()
        over = threading.Event()

        def guess(guesses: int) -> None:
            for _ in range(guesses):
                if over.is_set():
                    return
                connection = http.client.HTTPConnection(host, port, timeout=5)
                with contextlib.suppress(OSError, http.client.HTTPException):
                    token = secrets.token_urlsafe(16)
                    connection.request("GET", "/api/state", headers={"Authorization": f"Bearer {token}"})
                    connection.getresponse().read()
                connection.close()

        threads = [threading.Thread(target=guess, args=(count // 8,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    return inject


@contextmanager
def port_taken(show: RunningShow) -> Iterator[None]:
    """The web server is killed, and another program has its port when it comes back."""
    address = show.page()
    show.process(WEB.name).kill()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deadline = time.monotonic() + 1.0
        while True:
            try:
                other.bind(address)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
        other.listen()
        yield
