"""Faults that somebody who means harm brings about: many clients, from a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tools.reliability.injections import ROOT, Injection
from tools.reliability.trial_show.running import Harm, NoShow, RunningShow

MOST_S = 900.0

END_S = 120.0
"""So long the guessers have to end, once told to, beside a busy show."""
SHOWN = 10


def malformed(count: int, seed: int = 1) -> Injection:
    """So many malformed requests and messages (`malformed.kinds`); the fault is over once all were sent.

    Raises Harm where one was answered with 500.
    """

    @contextmanager
    def inject(show: RunningShow) -> Iterator[None]:
        if not show.token:
            raise NoShow("the show's token is needed: --token TOKEN, as the console's address has it")
        told = _told(_begun("malformed.sending", str(show.pid), show.token, str(count), str(seed)), MOST_S)
        answers: dict[str, dict[str, int]] = told["answers"]
        for kind, found in answers.items():
            print(f"  {kind}: {', '.join(f'{n} {answer}' for answer, n in found.items())}", flush=True)
        print(f"  {told['sent']} in {told['seconds']} s", flush=True)
        if told["failed"]:
            numbers = ", ".join(map(str, told["failed"][:SHOWN]))
            raise Harm(f"{len(told['failed'])} of seed {seed} were answered with 500: {numbers}")
        yield

    return inject


def wrong_token_clients(count: int) -> Injection:
    """So many clients at once that send one wrong token after the other.

    Raises Harm where one was let in, or met a failure of the server's own.
    """

    @contextmanager
    def inject(show: RunningShow) -> Iterator[None]:
        host, port = show.page()
        clients = _begun("guessing", f"http://{host}:{port}", str(count))
        try:
            assert clients.stdout is not None  # noqa: S101  # it is a pipe
            clients.stdout.readline()
            yield
        finally:
            clients.terminate()
        told = _told(clients, END_S)
        print(f"  {', '.join(f'{n} {answer}' for answer, n in told['answers'].items())}", flush=True)
        if told["failed"]:
            raise Harm(f"guesses were answered with {', '.join(told['failed'])}")

    return inject


def _begun(module: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"tools.reliability.{module}", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


def _told(process: subprocess.Popen[str], most_s: float) -> dict[str, Any]:
    """Its last line. Raises NoShow."""
    try:
        out, _ = process.communicate(timeout=most_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise NoShow(f"what was to be sent was not sent within {most_s:g} s") from None
    if process.returncode or not out.strip():
        raise NoShow("nothing could be sent; the reason is above")
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told
