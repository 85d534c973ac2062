"""Checks what runs the networks: the GPU, and the networks compiled for it and for this player."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from engines.backends.choice import PLANNED
from engines.plans.machine import Gpu, gpu, show_threads
from tools.doctor.finding import Case, Finding, fail, ok, warn


def look_at_gpu(case: Case) -> Iterator[Finding]:
    yield judge_gpu(gpu(), case.show.backend, has_tool=shutil.which("nvidia-smi") is not None)


def judge_gpu(found: Gpu | None, backend: str, *, has_tool: bool) -> Finding:
    """has_tool: whether nvidia-smi exists."""
    if found is not None:
        return ok("gpu", f"{found.name}, compute capability {found.capability}, driver {found.driver}")
    trouble = "nvidia-smi finds no GPU that works" if has_tool else "there is no NVIDIA GPU"
    if backend in ("cuda", *PLANNED):
        return fail(
            "gpu", f"{trouble}, and the show wants {backend}", 'install its driver, or write backend = "auto"'
        )
    if has_tool:
        return warn("gpu", f"{trouble}: the networks run on the CPU", "look at what nvidia-smi says")
    return ok("gpu", f"{trouble}: the networks run on {os.cpu_count()} CPU cores")


def look_at_plans(case: Case) -> Iterator[Finding]:
    """One line for each player."""
    from engines.backends.choice import choose_backend
    from engines.build.check_plans import check_show
    from engines.pack.manifest import PackError
    from engines.pack.player_pack import PlayerPack
    from engines.rendering.renderer import is_kept
    from engines.runtime.engine import EngineError

    for folder in case.show.packs:
        try:
            backend = choose_backend(case.show.backend)
            pack = PlayerPack.load(folder)
            if backend in PLANNED:
                problems = check_show(pack, backend)
                kept = not problems
                what = "; ".join(problem.reason for problem in problems)
            else:
                kept = is_kept(pack, backend, show_threads())
                what = "nothing is compiled yet" if not kept else ""
        except (PackError, EngineError) as error:
            yield fail("plans", str(error), "see the check of the packs, or choose another backend")
            continue
        if kept:
            yield ok(
                "plans", f"{pack.name}: all that {backend} needs is compiled, for this version and machine"
            )
        elif backend in PLANNED:
            command = f"python -m engines.build --player {folder} --backend {backend}"
            yield fail("plans", f"{pack.name}: {what}", command)
        else:
            yield warn(
                "plans",
                f"{pack.name}: {what}: the first start takes a minute or two longer",
                f"python -m engines.build --player {folder}, or start the show once",
            )
