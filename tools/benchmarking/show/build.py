"""Measures how long it takes to compile each network of a show, the first time and again from the cache."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from engines.pack.player_pack import PlayerPack
from engines.pose.detector import Detector
from engines.pose.landmarks import LandmarkNet
from engines.rendering.renderer import Renderer
from tools.benchmarking.measuring.results import Row

CACHE = "XDG_CACHE_HOME"


def measure(pack: PlayerPack, backends: list[str], threads: int) -> list[Row]:
    """Seconds for each network and backend, with a cache that is empty at first. Raises EngineError."""
    rows = []
    for backend in backends:
        nets: dict[str, Callable[[], object]] = {
            "detector": partial(Detector, backend=backend, threads=threads),
            "landmark net": partial(LandmarkNet, backend=backend, threads=threads),
            f"generator ({pack.variant}, every window)": partial(
                Renderer, pack, backend=backend, threads=threads
            ),
        }
        with _empty_cache():
            for name, make in nets.items():
                first, again = _seconds(make), _seconds(make)
                figures = {"seconds": round(first, 2), "again_seconds": round(again, 2)}
                rows.append(Row(f"{name}, {backend}", dict(figures)))
    return rows


def _seconds(make: Callable[[], object]) -> float:
    start = time.perf_counter()
    make()
    return time.perf_counter() - start


@contextmanager
def _empty_cache() -> Iterator[None]:
    before = os.environ.get(CACHE)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[CACHE]
            else:
                os.environ[CACHE] = before
