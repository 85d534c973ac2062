"""Which precision and how many threads run a network fastest on this machine: measured once, and kept.

What a CPU is said to have does not decide it: on an EPYC with AVX-512 bf16, INT8 takes 63 ms where bf16
takes 80; on one with neither, INT8 still takes about half as long as f32.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from engines.plans.cache import PATIENCE_S, PlanCache, PlanKey, read_bounded, write_whole

FORMAT = 1
SUFFIX = ".choice"
ORDER = ("f32", "bf16", "int8")
"""The most exact first."""
NEAR = 1.05
"""Within 5 % of the fastest the most exact precision with the fewest threads is taken: so much is noise, and
the pose has the cores that it leaves."""
WARM_UP, ROUNDS, LEAST_ROUNDS = 2, 9, 3
MOST_S = 10.0
"""After so long no further round begins."""


@dataclass(frozen=True)
class Candidate:
    """precision: one of `ORDER`. ms: median of a run."""

    precision: str
    threads: int
    ms: float


@dataclass(frozen=True)
class Choice:
    """What was measured, and why the other precisions were not. picture: for which size, as people say it."""

    picture: str
    measured: tuple[Candidate, ...]
    skipped: Mapping[str, str]

    @property
    def best(self) -> Candidate:
        """The most exact with the fewest threads of those that are about as fast as the fastest."""
        fastest = min(each.ms for each in self.measured)
        good = [each for each in self.measured if each.ms <= NEAR * fastest]
        return min(good, key=lambda each: (ORDER.index(each.precision), each.threads))

    def __str__(self) -> str:
        """ "f32 66 ms, int8 35 ms at 320x448: int8, 2 threads; bf16 left out: ..."."""
        best = {
            name: min(each.ms for each in self.measured if each.precision == name)
            for name in ORDER
            if any(each.precision == name for each in self.measured)
        }
        times = ", ".join(f"{name} {ms:.3g} ms" for name, ms in best.items())
        threads = f"{self.best.threads} thread{'s' if self.best.threads != 1 else ''}"
        left = "".join(f"; {name} left out: {why}" for name, why in self.skipped.items())
        return f"{times} at {self.picture}: {self.best.precision}, {threads}{left}"


def thread_counts(most: int) -> tuple[int, ...]:
    """Those that are tried: powers of two, and `most`."""
    return tuple(sorted({*(2**n for n in range(most.bit_length()) if 2**n <= most), most}))


def measure(
    runs: Mapping[tuple[str, int], Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> tuple[Candidate, ...]:
    """Times what runs each (precision, threads), in turns: what else the machine does meets all alike.

    clock: seconds.
    """
    times: dict[tuple[str, int], list[float]] = {each: [] for each in runs}
    for run in runs.values():
        for _ in range(WARM_UP):
            run()
    begun = clock()
    for done in range(ROUNDS):
        if done >= LEAST_ROUNDS and clock() - begun > MOST_S:
            break
        for each, run in runs.items():
            start = clock()
            run()
            times[each].append(clock() - start)
    return tuple(
        Candidate(name, threads, round(1000 * median(seconds), 3))
        for (name, threads), seconds in times.items()
    )


def path_of(key: PlanKey, cache: PlanCache) -> Path:
    """Where the choice for a network is kept. key: as of its plan, with what could be chosen."""
    digest = hashlib.sha256(_text(key).encode()).hexdigest()
    return cache.folder / f"precision-{digest[:12]}{SUFFIX}"


def load_choice(key: PlanKey, cache: PlanCache) -> Choice | None:
    """The choice that was made before under the same key; None where there is none that can be read."""
    path = path_of(key, cache)
    choice = read_choice(path, key)
    if choice is not None:
        with contextlib.suppress(OSError):
            os.utime(path)  # when it was used last
    return choice


def read_choice(path: Path, key: PlanKey | None = None) -> Choice | None:
    """The choice in a file, of `key` where it is given; None where there is none that can be used."""
    try:
        data = json.loads(read_bounded(path))
        if data["format"] != FORMAT or (key is not None and data["key"] != json.loads(_text(key))):
            return None
        measured = tuple(Candidate(**each) for each in data["measured"])
        choice = Choice(str(data["picture"]), measured, dict(data["skipped"]))
        is_sound = all(each.precision in ORDER and each.threads >= 1 for each in measured)
        return choice if is_sound and choice.best else None  # none of it measured, or no number: it raises
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def choice_files(cache: PlanCache) -> list[Path]:
    """The files of all choices in a cache."""
    return sorted(cache.folder.glob(f"*{SUFFIX}"))


def save_choice(key: PlanKey, cache: PlanCache, choice: Choice) -> None:
    """Raises PlanError, OSError where it cannot be written, BlockingIOError while a build has the folder."""
    kept = {
        "format": FORMAT,
        "key": json.loads(_text(key)),
        "picture": choice.picture,
        "measured": [dataclasses.asdict(each) for each in choice.measured],
        "skipped": dict(choice.skipped),
        "chosen": dataclasses.asdict(choice.best),  # for people
    }
    with cache.building(PATIENCE_S):
        write_whole(path_of(key, cache), json.dumps(kept, indent=1).encode())


def _text(key: PlanKey) -> str:
    return json.dumps(dataclasses.asdict(key), sort_keys=True)
