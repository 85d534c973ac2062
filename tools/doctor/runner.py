"""Runs each check in a process of its own, with a deadline, so that it can neither hang nor end in a
traceback.

A driver that hangs blocks only that process, and nobody waits for it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from multiprocessing.connection import Connection

from tools.doctor.finding import Case, Finding, Level, fail, warn

Look = Callable[[Case], Iterable[Finding]]

LONGEST_TEXT = 400
"""The most characters of an error's text."""


def run_check(name: str, look: Look, case: Case, deadline_s: float) -> list[Finding]:
    """The findings of a check. A failed check gives a warning, one that hangs a failure."""
    context = multiprocessing.get_context("fork")
    results, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(look, case, theirs), daemon=True)
    process.start()
    theirs.close()
    deadline = time.monotonic() + deadline_s
    try:
        if not results.poll(max(0.0, deadline - time.monotonic())):
            return [
                fail(name, f"no answer within {deadline_s:g} s", "a driver or a disk may hang: look there")
            ]
        answer = json.loads(results.recv_bytes())
    except (EOFError, OSError):
        return [warn(name, "it could not be looked at: the check crashed", "look at it by hand")]
    finally:
        process.kill()
        results.close()
    if isinstance(answer, str):
        return [warn(name, f"it could not be looked at: {answer}", "look at it by hand")]
    return [Finding(**{**each, "level": Level(each["level"])}) for each in answer]


def _work(look: Look, case: Case, results: Connection) -> None:
    """Runs in the check's process. What libraries print there is discarded."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    answer: object
    try:
        answer = [asdict(finding) for finding in look(case)]
    except Exception as error:  # noqa: BLE001  # whatever a check meets on a machine, the others are done
        answer = f"{type(error).__name__}: {' '.join(str(error).split())}"[:LONGEST_TEXT]
    results.send_bytes(json.dumps(answer).encode())
