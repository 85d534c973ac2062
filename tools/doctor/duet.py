"""Tries a duet on this machine: how many new pictures a second come with two dancers, and with one."""

from __future__ import annotations

from collections.abc import Iterator

from realtime.performer.duet_pace import DuetPace, measure, said
from tools.doctor.finding import Case, Finding, fail, ok, warn


def look_at_duet(case: Case) -> Iterator[Finding]:
    """It takes some seconds of all cores. A show tries it by itself, before its camera is opened."""
    show = case.show
    if show.duet is None:
        yield ok("duet", "the show has one player on stage")
        return
    from engines.pack.player_pack import PackError, PlayerPack
    from engines.plans.machine import show_threads
    from engines.rendering.renderer import is_kept
    from engines.runtime.engine import EngineError
    from realtime.performer.networks import load_nets

    backend = "openvino" if show.backend == "auto" else show.backend
    try:
        packs = [PlayerPack.load(folder) for folder in (show.player, show.duet.player)]
        if backend == "openvino" and not all(is_kept(pack, backend, show_threads()) for pack in packs):
            yield warn(
                "duet",
                "two dancers were not tried: their networks are not compiled yet",
                "start the show once, then look again",
            )
            return
        second = load_nets(show).second
    except (PackError, EngineError) as error:
        yield fail("duet", str(error), "see the check of the packs, or choose another backend")
        return
    if second is not None:
        yield judge_duet(measure(second, float(show.programme.fps)))


def judge_duet(pace: DuetPace) -> Finding:
    if pace.is_enough:
        return ok("duet", said(pace))
    return warn("duet", said(pace), "take [duet] out, or use smaller player packs or a faster machine")
