"""The choice of a precision: how it is measured, what is taken, and how it is kept."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.plans import precision
from engines.plans.cache import PlanCache, PlanKey
from engines.plans.precision import (
    Candidate,
    Choice,
    choice_files,
    load_choice,
    measure,
    read_choice,
    save_choice,
    thread_counts,
)

KEY = PlanKey("ab" * 32, "openvino", "2026.4", "AMD EPYC", "", "", "auto: f32 int8, threads to 2 of 2", ())
FOUND = (
    Candidate("f32", 1, 66.34), Candidate("f32", 2, 60.0),
    Candidate("int8", 1, 35.2), Candidate("int8", 2, 34.5),
)  # fmt: skip
CHOICE = Choice("320x448", FOUND, {"bf16": "it is 31.3 dB from the f32 network; 35.0 are asked"})


class Clock:
    """Time that passes as networks run."""

    def __init__(self) -> None:
        self.now, self.order = 0.0, []

    def __call__(self) -> float:
        return self.now

    def run(self, name: str, seconds: list[float]) -> Callable[[], None]:
        left = iter(seconds)

        def once() -> None:
            self.order.append(name)
            self.now += next(left)

        return once


def test_candidates_are_timed_in_turns_by_their_medians() -> None:
    clock = Clock()
    warm = [5.0] * precision.WARM_UP
    runs = {
        ("f32", 1): clock.run("f32", [*warm, *[0.04] * 8, 3.0]),  # once something else had the machine
        ("int8", 2): clock.run("int8", [*warm, *[0.02] * 9]),
    }
    assert measure(runs, clock) == (Candidate("f32", 1, 40.0), Candidate("int8", 2, 20.0))
    assert clock.order[2 * precision.WARM_UP :] == ["f32", "int8"] * precision.ROUNDS


def test_slow_networks_are_timed_a_few_times_only() -> None:
    clock = Clock()
    run = clock.run("f32", [6.0] * 100)
    assert measure({("f32", 1): run}, clock) == (Candidate("f32", 1, 6000.0),)
    assert len(clock.order) == precision.WARM_UP + precision.LEAST_ROUNDS


@pytest.mark.parametrize(
    ("measured", "best"),
    [
        ({("f32", 1): 90, ("bf16", 1): 41, ("int8", 1): 38}, ("int8", 1)),
        ({("f32", 1): 90, ("bf16", 1): 39.5, ("int8", 1): 38}, ("bf16", 1)),  # as good as the same
        ({("f32", 1): 37, ("bf16", 1): 41, ("int8", 1): 38}, ("f32", 1)),
        ({("f32", 1): 60, ("f32", 4): 31, ("int8", 1): 30.9, ("int8", 4): 30}, ("f32", 4)),
        ({("int8", 1): 31, ("int8", 2): 30, ("f32", 1): 60, ("f32", 2): 60}, ("int8", 1)),
        ({("f32", 4): 5}, ("f32", 4)),
    ],
)
def test_the_fastest_is_taken_and_of_equals_the_most_exact_with_the_fewest_threads(
    measured: dict[tuple[str, int], float], best: tuple[str, int]
) -> None:
    choice = Choice("1x1", tuple(Candidate(*each, ms) for each, ms in measured.items()), {})
    assert (choice.best.precision, choice.best.threads) == best


def test_a_choice_is_one_line() -> None:
    assert str(CHOICE) == (
        "f32 60 ms, int8 34.5 ms at 320x448: int8, 1 thread; "
        "bf16 left out: it is 31.3 dB from the f32 network; 35.0 are asked"
    )


@pytest.mark.parametrize(("most", "tried"), [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (1, 2, 4))])
def test_threads_are_tried_up_to_the_shows(most: int, tried: tuple[int, ...]) -> None:
    assert thread_counts(most) == tried


def test_a_choice_is_kept_for_the_same_network_and_machine_alone(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path / "plans")
    assert load_choice(KEY, cache) is None
    save_choice(KEY, cache, CHOICE)
    assert load_choice(KEY, cache) == CHOICE
    (path,) = choice_files(cache)
    assert read_choice(path) == CHOICE
    for field, other in (("network", "cd" * 32), ("version", "2027.1"), ("device", "Intel Xeon"),
                         ("precision", "auto: f32 bf16 int8, threads to 2 of 2")):  # fmt: skip
        changed = dataclasses.replace(KEY, **{field: other})
        assert load_choice(changed, cache) is None
        assert read_choice(path, changed) is None
    assert not list(cache.manifests()) and [*cache.folder.iterdir()] == [path]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(format=0),
        lambda data: data.update(measured=[]),
        lambda data: data.pop("measured"),
        lambda data: data["measured"][0].update(precision="int3"),
        lambda data: data["measured"][0].update(ms="fast"),
        lambda data: data["measured"][0].update(more=1),
        lambda data: data.update(skipped=3),
        None,
    ],
)
def test_a_choice_that_cannot_be_used_is_none(
    tmp_path: Path, change: Callable[[dict[str, object]], object] | None
) -> None:
    cache = PlanCache(tmp_path)
    save_choice(KEY, cache, CHOICE)
    (path,) = choice_files(cache)
    text = path.read_text(encoding="utf-8")
    if change is None:
        path.write_text(text[:-20], encoding="utf-8")
    else:
        data = json.loads(text)
        change(data)
        path.write_text(json.dumps(data), encoding="utf-8")
    assert load_choice(KEY, cache) is None
    save_choice(KEY, cache, CHOICE)
    assert load_choice(KEY, cache) == CHOICE
