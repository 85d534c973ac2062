"""Compiles the networks of a player's show ahead of it, verifies them against eager torch, and measures them.

examples:
  python -m engines.build --player players/demo                         for this machine
  python -m engines.build --backend tensorrt-rtx --target 8.9           for any such GPU, without one
  python -m engines.build --backend tensorrt-rtx --target 8.9 --all     every variant of the generator too
  python -m engines.build --backend tensorrt-rtx --check                are the show's plans right?
  python -m engines.build --list                                        what is in the folder
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from tqdm import tqdm

from engines.build.row import Row, shape_text
from engines.plans.cache import PlanCache, PlanError
from engines.plans.limit import VARIABLE, Item, by_show, items, limit_bytes, remove
from engines.plans.precision import SUFFIX, choice_files, read_choice
from engines.runtime.engine import EngineError

PLAYER = Path(__file__).resolve().parents[2] / "players" / "demo"
PRECISIONS = ("fp16", "auto", "f32", "bf16", "int8")
BACKENDS = ("auto", "tensorrt", "tensorrt-rtx", "cuda", "openvino")
INTERRUPTED = 130


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    description, _, examples = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m engines.build",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--player", type=Path, default=PLAYER, metavar="FOLDER", help="the player pack")
    parser.add_argument(
        "--backend", choices=BACKENDS, default="auto", help="default: the first that works here"
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="of the generator's convolutions (default: fp16; openvino: auto, what is fastest here)",
    )
    parser.add_argument("--size", type=_size, metavar="WxH", help="only this window of the generator, pixels")
    parser.add_argument(
        "--target", metavar="C", help="compute capability to compile for (8.9), without that GPU"
    )
    parser.add_argument("--all", action="store_true", help="also every variant of the generator, untrained")
    parser.add_argument("--tries", type=int, default=1, metavar="N", help="build so many, keep the fastest")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="the plans' folder (default: in ~/.cache)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only tell whether the plans of a show are right")
    what.add_argument("--list", action="store_true", help="only tell what is kept, how large, last used when")
    what.add_argument("--clean", action="store_true", help="remove every plan in the folder")
    options = parser.parse_args(arguments)
    if options.tries < 1:
        parser.error("--tries needs 1 or more")
    return options


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 512x512")
    return int(width), int(height)


def table(rows: Sequence[Row]) -> str:
    """The table of results: network, precision, picture, build seconds, plan's size, parity, milliseconds."""
    lines = [("network", "precision", "picture", "build s", "MiB", "parity", "ONNX parity", "ms")]
    for row in rows:
        facts = row.facts
        lines.append((
            row.label, row.precision, row.shapes,
            "kept" if row.is_kept else f"{facts.build_seconds:.1f}",
            f"{row.size / 2**20:.1f}" if row.size else "-",
            str(facts.parity),
            str(facts.onnx_parity) if facts.onnx_parity else "-",
            f"{facts.latency_ms:.2f}" if facts.latency_ms is not None else "-",
        ))  # fmt: skip
    return _aligned(lines)


def _aligned(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 if everything is right, 1 if something is not, 130 after an interruption."""
    options = parse(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        with _one_line_when_out_of_memory():
            return _run(options)
    except KeyboardInterrupt:
        print("engines.build: interrupted; the plans that were finished stay", file=sys.stderr)
        return INTERRUPTED
    except (EngineError, ValueError, OSError, MemoryError) as error:
        print(f"engines.build: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    if options.list or options.clean:
        return _list_or_clean(options)
    started = time.perf_counter()
    import torch  # the import takes seconds: --help and --list need not wait

    from engines.backends.choice import PLANNED
    from engines.build.check_plans import check_show, choose_build_backend
    from engines.build.run import make_plans
    from engines.pack.player_pack import PlayerPack
    from engines.plans.digest import plan_folder

    torch.set_num_threads(1)
    cache = PlanCache(options.out or plan_folder())
    backend = choose_build_backend(options.backend, options.target)
    if options.out is not None and backend not in PLANNED:
        raise EngineError(f"--out: {backend} keeps what it needs in {plan_folder()}; leave it out")
    pack = PlayerPack.load(options.player)
    if options.check and backend not in PLANNED:
        print(f"{backend} needs no plans: a show makes what is missing when it starts")
        return 0
    if options.check:
        problems = check_show(pack, backend, cache, target=options.target)
        for problem in problems:
            print(problem, file=sys.stderr)
        seconds = time.perf_counter() - started
        verdict = f"{len(problems)} wrong" if problems else "all there and whole"
        print(f"{pack.name} on {backend}: {verdict} ({seconds:.1f} s)")
        return 1 if problems else 0
    rows: list[Row] = []
    try:
        made = make_plans(
            pack, backend, cache,
            precision=options.precision, size=options.size, target=options.target,
            everything=options.all, tries=options.tries,
        )  # fmt: skip
        with tqdm(total=made.total, unit="plan", disable=None) as bar:
            for row in made.rows(bar.set_description):
                rows.append(row)
                bar.update()
    finally:
        if rows:
            print(table(rows))
    seconds = time.perf_counter() - started
    wrong = [row for row in rows if row.facts.is_failed]
    for row in wrong:
        print(
            f"{row.label}: it differs from eager torch by more than is allowed, and is not kept",
            file=sys.stderr,
        )
    print(f"{pack.name} on {backend}: {len(rows)} networks in {seconds:.1f} s; plans in {cache.folder}")
    return 1 if wrong else 0


def _list_or_clean(options: argparse.Namespace) -> int:
    from engines.plans.digest import compiled_folder, plan_folder

    cache = PlanCache(options.out or plan_folder())
    compiled = compiled_folder() if options.out is None else None
    if not cache.folder.is_dir():
        raise PlanError(f"{cache.folder} is not there: nothing has been built yet")
    if options.clean:
        with cache.building():
            removed = cache.clear()
            for each in items(cache.folder, compiled):
                remove(each)
        print(f"{removed} plans removed from {cache.folder}")
        return 0
    for path, manifest in cache.manifests():
        key = manifest.key
        print(f"{path.name}: {key.backend} {key.version} for {key.device} ({key.capability or 'CPU'})")
    print(kept_table(cache, items(cache.folder, compiled), limit_bytes()))
    return 0


def kept_table(cache: PlanCache, every: Sequence[Item], limit: int) -> str:
    """The files on disk, with sizes and times of last use; then their total and the `limit`, bytes."""
    manifests = dict(cache.manifests())
    lines = [("kept", "precision", "picture", "MiB", "compiled MiB", "last used", "parity", "ms")]
    for each in every:
        if each.paths[0].suffix == SUFFIX:  # a choice, which is listed below
            continue
        manifest = manifests.get(each.plan)
        facts = manifest.facts if manifest is not None else None
        lines.append((
            each.plan.stem if manifest is None else manifest.label,
            "-" if manifest is None else manifest.key.precision,
            "-" if manifest is None else shape_text(manifest.key.shapes),
            f"{each.plan_size / 2**20:.1f}",
            f"{each.compiled_size / 2**20:.1f}" if each.compiled_size else "-",
            f"{datetime.fromtimestamp(each.used_s):%Y-%m-%d %H:%M}",
            "-" if facts is None else str(facts.parity),
            f"{facts.latency_ms:.2f}" if facts is not None and facts.latency_ms is not None else "-",
        ))  # fmt: skip
    whole, ours = (sum(each.size for each in some) / 2**20 for some in (every, by_show(every)))
    choices = [f"{path.stem}: {read_choice(path) or 'cannot be read'}" for path in choice_files(cache)]
    return "\n".join([
        _aligned(lines),
        *choices,
        f"{whole:.0f} MiB in all; {ours:.0f} MiB of it shows make anew by themselves, and keep "
        f"{limit / 2**20:.0f} MiB of at most ({VARIABLE})",
    ])  # fmt: skip


@contextlib.contextmanager
def _one_line_when_out_of_memory() -> Iterator[None]:
    """Python, torch and CUDA each raise an error of their own for it."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error).lower()
        if (
            not isinstance(error, MemoryError)
            and "out of memory" not in text
            and "can't allocate memory" not in text
        ):
            raise
        raise EngineError(
            "out of memory: close other programs, or build with --size for one smaller window"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
