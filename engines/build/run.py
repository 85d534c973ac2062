"""Makes the plans of a show one after the other: compile, verify, measure, write."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from engines.build.compilers import BUILDERS, Builder, Built
from engines.build.networks import Export, show_exports, untrained_export
from engines.build.row import Row, shape_text
from engines.build.verify import Run, latency_ms, not_measured, parity
from engines.pack.player_pack import PlayerPack
from engines.painting.generator import VARIANTS
from engines.plans.cache import Facts, Parity, PlanCache
from engines.runtime.engine import EngineError

DEFAULT_PRECISION = {"openvino": "auto"}


class Made:
    """The work of one build: `total` rows, which `rows` makes."""

    def __init__(
        self, builder: Builder, exports: Iterable[Export], total: int, asked: str, tries: int
    ) -> None:
        """exports: consumed one at a time. total: the number of rows they give. asked: the precision."""
        self._builder, self._asked, self._tries = builder, asked, tries
        self._exports, self.total = exports, total
        self._onnx_parity: dict[str, Parity | None] = {}

    def rows(self, tell: Callable[[str], None]) -> Iterator[Row]:
        """Yields each network's row when it is done. tell: called with the name of the next network.

        Raises EngineError; BlockingIOError while another build uses the folder.
        """
        with self._builder.lock():
            for export in self._exports:
                for index in _indices(export, self._builder.is_per_shape):
                    tell(export.label_of(index))
                    yield self._row(export, index)

    def _row(self, export: Export, index: int) -> Row:
        precision = self._builder.precision(export, self._asked)
        kept = self._builder.kept(export, index, precision) if self._tries == 1 else None
        if kept is not None:
            return Row.of(kept, is_kept=True)
        started = time.perf_counter()
        built, run = self._fastest(export, index, precision)
        seconds = time.perf_counter() - started
        facts = self._facts(export, index, precision, built, run, seconds)
        manifest = None
        if not facts.is_failed:
            manifest = self._builder.keep(export, index, precision, built, facts)
        if manifest is None:
            label, shapes = export.label_of(index), shape_text([export.shapes(index)])
            return Row(label, precision, shapes, 0, facts, is_kept=False)
        return Row.of(manifest, is_kept=False)

    def _fastest(self, export: Export, index: int, precision: str) -> tuple[Built, Run | None]:
        """The fastest of the candidates, and its function where it can run."""
        best: tuple[float, Built, Run | None] | None = None
        for _ in range(self._tries):
            built = self._builder.build(export, index, precision)
            run = self._builder.run(export, index, precision, built)
            if run is None and self._tries > 1:
                raise EngineError(
                    "--tries: candidates are compared by running them, which this machine cannot"
                )
            ms = latency_ms(export, index, run) if run is not None and self._tries > 1 else 0.0
            if best is None or ms < best[0]:
                best = (ms, built, run)
        assert best is not None  # noqa: S101  # one try at least
        return best[1:]

    def _facts(
        self, export: Export, index: int, precision: str, built: Built, run: Run | None, seconds: float
    ) -> Facts:
        is_judged = export.pose is not None or export.calibration is not None
        if run is None:
            found = not_measured(export, precision, "no GPU to run it on")
        elif not is_judged:
            found = not_measured(export, precision, "untrained")
        else:
            found = parity(export, index, precision, run)
        if export.label not in self._onnx_parity:
            onnx_run = self._builder.onnx_run(export) if is_judged else None
            self._onnx_parity[export.label] = (
                parity(export, len(export.examples) - 1, precision, onnx_run)
                if onnx_run is not None
                else None
            )
        return Facts(
            build_seconds=round(seconds, 2),
            parity=found,
            onnx_parity=self._onnx_parity[export.label],
            latency_ms=latency_ms(export, index, run) if run is not None else None,
            layers=built.layers,
        )


def make_plans(
    pack: PlayerPack,
    backend: str,
    cache: PlanCache,
    *,
    precision: str | None = None,
    size: tuple[int, int] | None = None,
    target: str | None = None,
    everything: bool = False,
    tries: int = 1,
) -> Made:
    """Prepares the build; see the options of `engines.build`. Raises EngineError, GraphError, PackError."""
    builder = BUILDERS[backend](target, cache)
    exports = show_exports(pack, backend, size=size)
    variants = tuple(VARIANTS) if everything else ()
    others = (untrained_export(variant, size if size is not None else pack.size) for variant in variants)
    total = sum(len(_indices(export, builder.is_per_shape)) for export in exports) + len(variants)
    asked = precision if precision is not None else DEFAULT_PRECISION.get(backend, "fp16")
    return Made(builder, itertools.chain(exports, others), total, asked, tries)


def _indices(export: Export, is_per_shape: bool) -> Sequence[int]:
    count = len(export.examples)
    return range(count) if is_per_shape else [count - 1]
