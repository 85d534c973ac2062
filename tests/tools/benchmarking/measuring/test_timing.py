from __future__ import annotations

from collections.abc import Callable

from tools.benchmarking.measuring.timing import Turn, repeated, side_by_side


class Clock:
    """A clock that only the contestants move."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def wait(self, ms: float) -> None:
        self.now_ns += round(ms * 1e6)


def test_medians_and_percentiles_leave_the_warm_up_out() -> None:
    wall, cpu = Clock(), Clock()
    durations = iter([1000.0] * 5 + [float(ms) for ms in range(1, 102)])

    def run() -> None:
        wall.wait(next(durations))
        cpu.wait(2)

    times = side_by_side(repeated([Turn("it", run)], 106), wall_ns=wall, cpu_ns=cpu)["it"]
    assert times.figures() == {
        "ms_p50": 51.0, "ms_p99": 100.0, "cpu_ms_p50": 2.0, "per_second": 19.61, "samples": 101,
    }  # fmt: skip


def test_each_contestant_starts_a_round_in_turn() -> None:
    order: list[str] = []

    def note(name: str) -> Callable[[], None]:
        return lambda: order.append(name)

    side_by_side(repeated([Turn(name, note(name)) for name in "abc"], 3))
    assert "".join(order) == "abcbcacab"


def test_the_slow_take_part_in_few_rounds() -> None:
    rounds = list(repeated([Turn("fast", int)], 21, slow=[Turn("slow", int)], every=10))
    assert [len(turns) for turns in rounds] == [2] + [1] * 9 + [2] + [1] * 9 + [2]


def test_of_few_samples_half_are_kept() -> None:
    wall = Clock()
    durations = iter([9.0, 9.0, 1.0, 3.0])
    times = side_by_side(
        repeated([Turn("it", lambda: wall.wait(next(durations)))], 4), wall_ns=wall, cpu_ns=Clock()
    )["it"]
    assert times.wall_ms.tolist() == [1.0, 3.0]
