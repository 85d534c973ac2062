"""Times work on a device, and notices whether it allocates memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from engines.runtime.streams import Event, Stream
from tools.benchmarking.gpu_check.record import CheckError
from tools.benchmarking.measuring.results import Figure

PATIENCE_S = 300
"""How long a thread waits for the others; a part's total time is limited by its budget."""


class Pace(NamedTuple):
    """How long something is repeated: for this many seconds, within these bounds on the number of runs. The
    first `warm_up` runs do not count."""

    seconds: float
    least: int
    most: int
    warm_up: int


FULL, QUICK = Pace(2.0, 50, 2000, 10), Pace(0.05, 2, 3, 1)


def pace(quick: bool) -> Pace:
    return QUICK if quick else FULL


def repeat(work: Callable[[], Any], how: Pace) -> list[float]:
    """Milliseconds of each run of `work`, which must be finished when it returns."""
    for _ in range(how.warm_up):
        work()
    times: list[float] = []
    end = time.perf_counter() + how.seconds
    while len(times) < how.least or (len(times) < how.most and time.perf_counter() < end):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return times


def figures(times: list[float]) -> dict[str, Figure]:
    """For milliseconds: the median, the 99th percentile, and the runs a second one after the other."""
    return {
        "ms_p50": round(float(np.median(times)), 4),
        "ms_p99": round(float(np.percentile(times, 99)), 4),
        "per_second": round(1000 * len(times) / sum(times), 2),
        "samples": len(times),
    }


def allocations(device: torch.device) -> int | None:
    """How often torch has requested memory of `device` so far, from its own pool or from the driver."""
    if device.type != "cuda":
        return None
    stats = torch.cuda.memory_stats(device)
    return int(stats.get("allocation.all.allocated", 0)) + int(stats.get("segment.all.allocated", 0))


def steady(work: Callable[[], Any], device: torch.device, how: Pace) -> dict[str, Figure]:
    """`figures` of `work`, and how often it requested memory once warm."""
    for _ in range(how.warm_up):
        work()
    before = allocations(device)
    found = figures(repeat(work, how._replace(warm_up=0)))
    after = allocations(device)
    return {**found, "allocations": after - before if after is not None and before is not None else None}


def must_not_allocate(what: str, found: dict[str, Figure]) -> None:
    """Raises CheckError where `steady` saw memory requested."""
    if found.get("allocations"):
        raise CheckError(f"{what} asked for memory {found['allocations']} times once warm; 0 is expected")


class Launch:
    """Work on a stream of its own, for which it waits as the show does."""

    def __init__(self, stream: Stream, work: Callable[[], Any], *, keep: object = None) -> None:
        """keep: what `work` reads and writes, if it is a captured graph, which does not keep it alive
        itself."""
        self._stream, self._work, self._done = stream, work, Event(stream.device)
        self._keep = keep
        stream.wait_for_default()

    def __call__(self, times: int = 1) -> None:
        """Queues the work this many times, then waits for it."""
        with self._stream.current():
            for _ in range(times):
                self._work()
            self._done.set()
        self._done.wait()


def together(works: Mapping[str, Callable[[], Any]], how: Pace) -> dict[str, list[float]]:
    """Milliseconds of each run of several works, each in a thread, until each was run often enough."""
    times: dict[str, list[float]] = {name: [] for name in works}
    errors: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(name: str, work: Callable[[], Any]) -> None:
        try:
            for _ in range(how.warm_up):
                work()
            start.wait(PATIENCE_S)
            end = time.perf_counter() + how.seconds
            while not errors and (
                time.perf_counter() < end or any(len(each) < how.least for each in times.values())
            ):
                began = time.perf_counter()
                work()
                times[name].append(1000 * (time.perf_counter() - began))
        except BaseException as error:  # noqa: BLE001  # raised again below
            errors.append(error)
            start.abort()

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in works.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise next((each for each in errors if not isinstance(each, threading.BrokenBarrierError)), errors[0])
    return times
