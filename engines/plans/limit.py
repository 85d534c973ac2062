"""Limits what shows keep on disk: the least recently used files are removed first.

Only files that a show can remake by itself count: OpenVINO's plans, what OpenVINO compiled from them, and
choices of precision. TensorRT's plans are never removed unasked, since a show does not start without them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from engines.plans.cache import PlanCache, PlanError
from engines.plans.digest import compiled_folder, plan_folder
from engines.plans.precision import SUFFIX
from engines.runtime.engine import EngineError

log = logging.getLogger(__name__)
VARIABLE = "DANCECAM_CACHE_MIB"
DEFAULT_MIB = 1024
KEPT_BACKENDS = ("tensorrt", "tensorrt-rtx")


class Item(NamedTuple):
    """Files that belong together. plan: the plan's path, also where the plan is gone but has left files.
    plan_size, compiled_size: bytes. used_s: last use, seconds since 1970. by_show: a show can remake it."""

    plan: Path
    paths: tuple[Path, ...]
    plan_size: int
    compiled_size: int
    used_s: float
    by_show: bool

    @property
    def size(self) -> int:
        return self.plan_size + self.compiled_size


def limit_bytes() -> int:
    """The limit, from the environment. Raises EngineError where that is not a number."""
    text = os.environ.get(VARIABLE) or str(DEFAULT_MIB)
    if not text.isdecimal():
        raise EngineError(f"{VARIABLE}={text!r} is no number of MiB, such as {DEFAULT_MIB}")
    return int(text) * 2**20


def items(plans: Path, compiled: Path | None = None) -> list[Item]:
    """The contents of a folder of plans, with what OpenVINO compiled from them; vanishing files are left
    out."""
    found: dict[str, list[Path]] = {}
    backends = {path.stem: manifest.key.backend for path, manifest in PlanCache(plans).manifests()}
    for path in plans.iterdir() if plans.is_dir() else ():
        if path.suffix in (".plan", ".json", SUFFIX) and not path.name.startswith("."):
            found.setdefault(path.stem, []).append(path)
    for path in compiled.iterdir() if compiled is not None and compiled.is_dir() else ():
        found.setdefault(path.name if path.is_dir() else path.stem, []).append(path)
    listed = []
    for stem, paths in found.items():
        sizes = {path: [_stat(each) for each in _files(path)] for path in paths}
        stats = [stat for each in sizes.values() for stat in each]
        if stats:
            in_plans = sum(size for path, each in sizes.items() if path.parent == plans for size, _ in each)
            listed.append(Item(
                plans / f"{stem}.plan", tuple(sorted(paths)), in_plans,
                sum(size for size, _ in stats) - in_plans, max(used for _, used in stats),
                backends.get(stem) not in KEPT_BACKENDS,
            ))  # fmt: skip
    return sorted(listed, key=lambda each: each.plan)


def by_show(every: Iterable[Item]) -> list[Item]:
    """The items that a show can remake by itself."""
    return [each for each in every if each.by_show]


def surplus(every: Iterable[Item], limit: int, in_use: Collection[Path]) -> list[Item]:
    """The items to remove so that the rest is at most `limit` bytes, or as near to it as possible: the least
    recently used first, and none whose plan is `in_use`."""
    mine = sorted(by_show(every), key=lambda each: each.used_s)
    over, gone = sum(each.size for each in mine) - limit, []
    for each in mine:
        if over <= 0:
            break
        if each.plan not in in_use:
            gone.append(each)
            over -= each.size
    return gone


def keep_within_limit() -> list[Item]:
    """Removes the surplus from this user's cache. Returns what it removed.

    While another process writes there, nothing is done: that process does the same at its end.
    """
    plans, compiled = plan_folder(), compiled_folder()
    try:
        limit = limit_bytes()
    except EngineError as error:
        log.warning("%s; nothing is removed", error)
        return []
    if not surplus(items(plans, compiled), limit, PlanCache.in_use):
        return []
    try:
        with PlanCache(plans).building():
            gone = surplus(items(plans, compiled), limit, PlanCache.in_use)
            for each in gone:
                remove(each)
    except BlockingIOError:
        return []
    except (PlanError, OSError) as error:
        log.warning("what is too much in %s cannot be removed: %s", plans.parent, error)
        return []
    return gone


def remove(item: Item) -> None:
    """Removes an item, manifest first: a kill then leaves no valid plan. Raises OSError."""
    for path in sorted(item.paths, key=lambda path: path.suffix != ".json"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _files(path: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return []


def _stat(path: Path) -> tuple[int, float]:
    """Size and time; both 0 for a file that has just vanished."""
    with contextlib.suppress(OSError):
        stat = path.stat()
        return stat.st_size, stat.st_mtime
    return 0, 0.0
