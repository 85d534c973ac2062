"""Finds the precision and the number of threads with which a network runs fastest on this machine: measured
once, and kept.

The CPU's features do not decide it: on an EPYC with AVX-512 bf16, INT8 takes 63 ms where bf16 takes 80; on a
CPU with neither, INT8 still takes about half as long as f32.
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
"""Among the candidates within 5 % of the fastest, the most exact with the fewest threads is taken: 5 % is
noise, and the pose gets the cores left."""
WARM_UP, ROUNDS, LEAST_ROUNDS = 2, 9, 3
MOST_S = 10.0
"""No further round begins after this time."""


@dataclass(frozen=True)
class Candidate:
    """precision: one of `ORDER`. ms: median of a run."""

    precision: str
    threads: int
    ms: float


@dataclass(frozen=True)
class Choice:
    """What was measured, and why the other precisions were not. picture: the measured size, for people."""

    picture: str
    measured: tuple[Candidate, ...]
    skipped: Mapping[str, str]

    @property
    def best(self) -> Candidate:
        """Among the candidates about as fast as the fastest: the most exact one, with the fewest threads."""
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
    """The numbers of threads that are tried: powers of two, and `most`."""
    return tuple(sorted({*(2**n for n in range(most.bit_length()) if 2**n <= most), most}))


def measure(
    runs: Mapping[tuple[str, int], Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> tuple[Candidate, ...]:
    """Times each function of (precision, threads), in turns, so that the machine's other work affects all
    alike.

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
    """The path of a network's choice. key: as for its plan, with everything that could be chosen."""
    digest = hashlib.sha256(_text(key).encode()).hexdigest()
    return cache.folder / f"precision-{digest[:12]}{SUFFIX}"


def load_choice(key: PlanKey, cache: PlanCache) -> Choice | None:
    """The choice made before under the same key; None where there is none that can be read."""
    path = path_of(key, cache)
    choice = read_choice(path, key)
    if choice is not None:
        with contextlib.suppress(OSError):
            os.utime(path)  # marks it as used
    return choice


def read_choice(path: Path, key: PlanKey | None = None) -> Choice | None:
    """The choice in a file, if it is for `key` (where given); None where there is none that can be used."""
    try:
        data = json.loads(read_bounded(path))
        if data["format"] != FORMAT or (key is not None and data["key"] != json.loads(_text(key))):
            return None
        measured = tuple(Candidate(**each) for each in data["measured"])
        choice = Choice(str(data["picture"]), measured, dict(data["skipped"]))
        is_sound = all(each.precision in ORDER and each.threads >= 1 for each in measured)
        return choice if is_sound and choice.best else None  # `best` raises if nothing sound was measured
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def choice_files(cache: PlanCache) -> list[Path]:
    """The files of all choices in a cache."""
    return sorted(cache.folder.glob(f"*{SUFFIX}"))


def save_choice(key: PlanKey, cache: PlanCache, choice: Choice) -> None:
    """Writes a choice. Raises PlanError, OSError where it cannot be written, BlockingIOError during a
    build."""
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
