import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.outputs.webrtc.bitrate import LONGEST_UP_S, SETTLING_S, STEPS, UP_AFTER_S, BitrateStep

HIGHEST = 4_000_000


def watch(capacity: float, seconds: int, step: BitrateStep | None = None, start_s: int = 0) -> list[int]:
    """The step at each second over a network of so many bit/s, with the estimate that such a receiver has."""
    step = step or BitrateStep(float(start_s))
    found = []
    for second in range(start_s, start_s + seconds):
        sent = HIGHEST * STEPS[step.step]
        arrives = min(sent, capacity)
        estimate = 0.85 * arrives if sent > capacity else min(1.5 * arrives, capacity)
        found.append(step.heard(estimate, sent, float(second)))
    return found


def test_a_good_network_keeps_the_highest() -> None:
    assert set(watch(20_000_000, 120)) == {0}


def test_a_low_estimate_at_the_start_is_not_believed() -> None:
    step = BitrateStep(0.0)
    assert [step.heard(300_000, HIGHEST, t / 10) for t in range(10 * int(SETTLING_S))] == [0] * 30


def test_congestion_goes_down_to_what_fits_and_a_better_network_comes_back_up() -> None:
    step = BitrateStep(0.0)
    down = watch(1_400_000, 30, step)
    assert down[-1] == 2
    assert down.index(2) <= 2 * (SETTLING_S + 2)
    up = watch(20_000_000, 40, step, 30)
    assert up[-1] == 0
    assert up == sorted(up, reverse=True)


def test_steps_up_that_fail_become_rare() -> None:
    tries = watch(2_500_000, 600)  # half fits, with room that invites to try the whole
    changes = [n for n in range(1, 600) if tries[n] < tries[n - 1]]
    assert 2 <= len(changes) <= 600 / UP_AFTER_S / 4
    gaps = [b - a for a, b in itertools.pairwise(changes)]
    assert gaps == sorted(gaps)
    assert gaps[-1] >= LONGEST_UP_S


def test_a_quiet_picture_is_not_taken_for_a_bad_network() -> None:
    step = BitrateStep(0.0)
    sent = 0.05 * HIGHEST  # the picture hardly moves: the estimate cannot be larger than 1.5 times of that
    assert {step.heard(1.5 * sent, sent, t / 2) for t in range(100)} == {0}


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e8, allow_nan=False),
            st.floats(0, 1e8, allow_nan=False),
            st.floats(0, 20, allow_nan=False),
        ),
        max_size=60,
    )
)
def test_whatever_is_heard_it_moves_one_step_at_a_time_and_not_while_it_settles(
    heard: list[tuple[float, float, float]],
) -> None:
    step, now_s, changed_s = BitrateStep(0.0), 0.0, 0.0
    for estimate, sent, passed_s in heard:
        now_s += passed_s
        before = step.step
        after = step.heard(estimate, sent, now_s)
        assert 0 <= after < len(STEPS)
        assert abs(after - before) <= 1
        if after != before:
            assert now_s - changed_s >= SETTLING_S
            changed_s = now_s
