import threading

import numpy as np
import pytest

from realtime.transport.telemetry import BIN_MS, BINS, FRAMES, STATES, TIMELINE_ENTRIES, Meter, Totals

MS = 1_000_000
S = 1000 * MS


def test_counts_and_times_add_up_over_processes() -> None:
    totals = Totals()
    rng = np.random.default_rng(1)
    times_ms = rng.gamma(4.0, 10.0, 3000)
    for part in np.split(times_ms, 3):
        meter = Meter()
        for ms in part:
            meter.time("pose", int(ms * MS))
            meter.count("frames.posed")
        meter.drop("nobody", 2)
        totals.add(meter.take())
    for percent in (50, 95, 99):
        truth = np.percentile(times_ms, percent)
        assert totals.percentile_ms("pose", percent) == pytest.approx(truth, abs=2 * BIN_MS, rel=0.01)
    assert totals.counts["frames.posed"] == 3000
    assert totals.counts["dropped.nobody"] == 6


def test_the_report_has_its_shape_even_if_nothing_happened() -> None:
    report = Totals().report(5 * S, 5 * S)
    assert report["frames"] == {**dict.fromkeys(FRAMES, 0), "dropped": {}}
    assert report["latency_ms"] == {}
    assert report["programme"]["seconds"] == dict.fromkeys(STATES, 0)
    assert report["programme"]["fps"] == 0


def test_the_report() -> None:
    meter = Meter()
    meter.count("programme.ticks", 60)
    meter.count("programme.missed", 1)
    meter.count("ns.live", 2 * S)
    meter.count("frames.shown", 48)
    meter.drop("overtaken_before_pose")
    meter.time("capture_to_programme", 70 * MS)
    meter.event(9 * S, "FALLBACK")
    meter.event(11 * S, "LIVE")
    totals = Totals()
    totals.add(meter.take())
    totals.restarts["performer"] += 1
    report = totals.report(10 * S, 12 * S)
    assert report["programme"]["fps"] == 30
    assert report["programme"]["missed"] == 1
    assert report["programme"]["seconds"]["live"] == 2
    assert report["frames"]["shown"] == 48
    assert report["frames"]["dropped"] == {"overtaken_before_pose": 1}
    assert report["latency_ms"]["capture_to_programme"] == {"p50": 70.25, "p95": 70.25, "p99": 70.25}
    assert report["restarts"] == {"performer": 1}
    assert report["timeline"] == [{"at_s": -1, "event": "FALLBACK"}, {"at_s": 1, "event": "LIVE"}]


def test_nothing_grows_in_a_long_show() -> None:
    totals = Totals()
    meter = Meter()
    for n in range(3 * TIMELINE_ENTRIES):
        meter.event(n, "LIVE")
        meter.time("pose", n * 10 * MS)
    delta = meter.take()
    assert len(delta.events) == TIMELINE_ENTRIES
    assert max(delta.times["pose"]) == BINS - 1
    for _ in range(3):
        totals.add(delta)
    assert len(totals.timeline) == TIMELINE_ENTRIES


def test_many_threads_count_together() -> None:
    meter = Meter()

    def work() -> None:
        for _ in range(2000):
            meter.count("frames.posed")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.take().counts == {"frames.posed": 8000}
