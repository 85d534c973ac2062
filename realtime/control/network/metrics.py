"""The show for Prometheus, in its text format, from the same counts as the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from engines.time_units import NS_PER_S
from realtime.control.show_state import ShowFacts, ShowFigures, dropped_by_stage
from realtime.transport.telemetry import BIN_MS, STATES, Totals

__all__ = ["CONTENT_TYPE", "metrics_text"]

EDGES_MS = (1, 2, 5, 10, 15, 20, 25, 33, 40, 50, 75, 100, 150, 200, 300, 500, 1000)
"""Upper edges of the histogram's buckets; each a whole number of `telemetry.BIN_MS`."""


def metrics_text(
    totals: Totals, state: Mapping[str, Any], ignored: Mapping[str, Mapping[str, int]] | None = None
) -> bytes:
    """totals: nobody else may be changing them. state: of the desk. ignored: see `Surfaces`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_ShowCollector(totals, state, ignored or {}))
    return generate_latest(registry)


class _ShowCollector(Collector):
    def __init__(
        self, totals: Totals, state: Mapping[str, Any], ignored: Mapping[str, Mapping[str, int]]
    ) -> None:
        self._totals = totals
        self._ignored = ignored
        self._show: ShowFacts = state["show"]
        self._stats: ShowFigures = state["stats"]

    def collect(self) -> Iterator[Metric]:
        yield self._stage_times()
        yield self._dropped()
        yield self._ladder()
        yield from self._programme()
        yield from self._outputs()
        for surface in ("osc", "artnet"):
            ignored = CounterMetricFamily(
                f"dancecam_{surface}_ignored",
                "Messages and packets that were not looked at",
                labels=["reason"],
            )
            for why, n in sorted(self._ignored.get(surface, {}).items()):
                ignored.add_metric([why], n)
            yield ignored

    def _stage_times(self) -> Metric:
        family = HistogramMetricFamily(
            "dancecam_stage_seconds", "Time of each stage for a frame", labels=["stage"]
        )
        for name, histogram in self._totals.histograms().items():
            family.add_metric([name], *buckets(histogram))
        return family

    def _dropped(self) -> Metric:
        family = CounterMetricFamily(
            "dancecam_frames_dropped", "Frames that were never shown", labels=["stage", "reason"]
        )
        outputs = {output["name"]: output["dropped"] for output in self._stats.get("outputs", ())}
        for stage, causes in dropped_by_stage(self._totals, outputs).items():
            for cause, n in causes.items():
                family.add_metric([stage, cause], n)
        return family

    def _ladder(self) -> Metric:
        family = GaugeMetricFamily(
            "dancecam_ladder_state", "1 for what the programme shows, 0 for the others", labels=["state"]
        )
        for name in STATES:
            family.add_metric([name], float(self._show.get("state") == name.upper()))
        return family

    def _programme(self) -> Iterator[Metric]:
        latency_ms = self._stats.get("latency_ms")
        if latency_ms is not None:
            yield GaugeMetricFamily(
                "dancecam_frame_age_seconds",
                "Age of frames when they went on air, a moving average",
                value=latency_ms / 1000,
            )
        if self._stats.get("confidence") is not None:
            yield GaugeMetricFamily(
                "dancecam_confidence",
                "How far the player's pictures of late can be trusted, 0 to 1",
                value=self._stats["confidence"],
            )
        if self._stats.get("fps") is not None:
            yield GaugeMetricFamily(
                "dancecam_programme_fps", "Pictures a second of the programme", value=self._stats["fps"]
            )
        for name, text in (
            ("ticks", "Ticks of the programme clock"),
            ("missed", "Ticks of the programme clock that were missed"),
        ):
            yield CounterMetricFamily(
                f"dancecam_programme_{name}", text, value=self._totals.counts[f"programme.{name}"]
            )
        frames = CounterMetricFamily("dancecam_frames", "Frames that reached a stage", labels=["reached"])
        seconds = CounterMetricFamily("dancecam_state_seconds", "Time in each state", labels=["state"])
        for name, n in sorted(self._totals.counts.items()):
            if name.startswith("frames."):
                frames.add_metric([name.removeprefix("frames.")], n)
            elif name.startswith("ns."):
                seconds.add_metric([name.removeprefix("ns.")], n / NS_PER_S)
        yield frames
        yield seconds
        restarts = CounterMetricFamily(
            "dancecam_restarts", "Processes that were started again", labels=["stage"]
        )
        for stage in self._show.get("stages", {}):
            restarts.add_metric([stage], self._totals.restarts[stage])
        yield restarts

    def _outputs(self) -> Iterator[Metric]:
        running = GaugeMetricFamily(
            "dancecam_output_running", "1 for an output that runs", labels=["output", "kind"]
        )
        viewers = GaugeMetricFamily("dancecam_viewers", "Who looks at an output", labels=["output", "source"])
        for output in self._show.get("outputs", ()):
            running.add_metric([output["name"], output["kind"]], float(output["state"] == "running"))
            for source, n in output["receivers"].items():
                viewers.add_metric([output["name"], source], n)
        yield running
        yield viewers
        fps = GaugeMetricFamily("dancecam_output_fps", "Pictures a second that go out", labels=["output"])
        sent = CounterMetricFamily("dancecam_output_sent", "Pictures that went out", labels=["output"])
        for figures in self._stats.get("outputs", ()):
            fps.add_metric([figures["name"]], figures["fps"])
            sent.add_metric([figures["name"]], figures["sent"])
        yield fps
        yield sent


def buckets(histogram: NDArray[np.int64]) -> tuple[list[tuple[str, float]], float]:
    """(edge, how many lie below it) for each of EDGES_MS and "+Inf", and the sum in seconds.

    histogram: (BINS,). The sum takes each time for the middle of its bin.
    """
    below = np.cumsum(histogram)
    found = [(str(edge / 1000), float(below[round(edge / BIN_MS) - 1])) for edge in EDGES_MS]
    found.append(("+Inf", float(below[-1])))
    middles_ms = (np.arange(len(histogram)) + 0.5) * BIN_MS
    return found, float(histogram @ middles_ms) / 1000
