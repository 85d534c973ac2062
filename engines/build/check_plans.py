"""Checks before the show that every plan it needs exists, is whole, and is for this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import torch

from engines.backends import tensorrt, tensorrt_rtx
from engines.backends.choice import PLANNED, choose_backend
from engines.backends.load_plans import plan_key
from engines.build.networks import show_exports
from engines.pack.player_pack import PlayerPack
from engines.plans.cache import PlanCache, PlanError
from engines.plans.digest import plan_folder
from engines.plans.machine import gpu
from engines.runtime.engine import EngineError

log = logging.getLogger(__name__)


def check_show(
    pack: PlayerPack,
    backend: str,
    cache: PlanCache | None = None,
    *,
    target: str | None = None,
) -> list[PlanError]:
    """What is wrong with the plans for a show with this player, by name. Empty where all is right, or where
    the backend needs no plans.

    Raises EngineError where the backend is not available at all.
    """
    if backend not in PLANNED:
        return []
    cache = cache if cache is not None else PlanCache(plan_folder())
    problems = []
    for export in show_exports(pack, backend):
        for index in range(len(export.examples)):
            key = plan_key(backend, export.digest, [export.shapes(index)], target=target)
            try:
                cache.check(export.label_of(index), key)
            except PlanError as error:
                problems.append(error)
    return problems


def require_plans(player: Path, pack: PlayerPack, backend: str) -> None:
    """Raises PlanError, in one line, where a show with this player would lack a plan."""
    problems = check_show(pack, backend)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        step = f"{problems[0].step} --player {player} --backend {backend}"
        raise PlanError(f"{problems[0].reason}{more}", step)


def choose_build_backend(backend: str, target: str | None) -> str:
    """The backend that "auto" means for a build on this machine, or for the compute capability `target`.

    Raises EngineError where none is suitable.
    """
    if backend != "auto":
        return backend
    for name, obstacle in _OBSTACLES.items():
        reason = obstacle(target)
        if reason is None:
            return name
        log.warning("%s skipped: %s", name, reason)
    if target is not None:
        raise EngineError(
            f"--target {target}: only tensorrt-rtx compiles without the GPU, and it cannot here"
        )
    return choose_backend("auto")


def _tensorrt(target: str | None) -> str | None:
    found = gpu()
    if target is not None and (found is None or found.capability != target):
        return "it compiles for the GPU that is here"
    try:
        tensorrt.package()
    except EngineError as error:
        return str(error)
    return None


def _rtx(target: str | None) -> str | None:
    found = gpu()
    capability = target if target is not None else found.capability if found is not None else None
    if capability is None:
        return "there is no NVIDIA GPU here; name one with --target"
    try:
        tensorrt_rtx.check_capability(capability)
        tensorrt_rtx.package()
    except EngineError as error:
        return str(error)
    return None


def _cuda(target: str | None) -> str | None:
    if target is not None:
        return "it compiles when it starts"
    return None if torch.cuda.is_available() else "torch finds no NVIDIA GPU"


_OBSTACLES: dict[str, Callable[[str | None], str | None]] = {
    "tensorrt": _tensorrt,
    "tensorrt-rtx": _rtx,
    "cuda": _cuda,
}
"""TABLE, in the order in which `auto` tries them: for each backend, what keeps it from building here, or
None."""
