"""Measures the parts of the show on this machine, beside their peers.

    python -m tools.benchmark pose                     the tracker against mp.solutions.pose
    python -m tools.benchmark pose --truth assets/player_train.truth.npz --video assets/player_train.mp4
    python -m tools.benchmark generator --threads 2    ours, pix2pixHD's, and the ceiling of the machine
    python -m tools.benchmark generator --variant std --size 1920x1088 --device cuda
    python -m tools.benchmark pipeline --seconds 60    the show itself, from a file at the file's own rate
    python -m tools.benchmark outputs
    python -m tools.benchmark reading --rounds 500     from a file to pictures, against OpenCV
    python -m tools.benchmark build
    python -m tools.benchmark all --json docs/performance.json --markdown docs/performance.md
    python -m tools.benchmark draw --json docs/performance.json --markdown docs/performance.md

Tables go to standard output. --json keeps the figures, each part's in place of older ones of this machine;
--markdown draws a page of all that the JSON file holds, other machines' figures too, and of what
`tools.gpu_check` wrote to gpu.json beside it. "draw" does that alone and measures nothing.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from engines.backends.choice import BACKENDS, choose_backend
from engines.pack.player_pack import PackError, PlayerPack
from engines.painting.generator import VARIANTS
from engines.runtime.engine import EngineError
from tools.benchmarking.gpu_check.record import Record
from tools.benchmarking.measuring.machine import details, machine
from tools.benchmarking.measuring.results import Result, ResultsError, Row, read_results, write_results
from tools.benchmarking.show.page import draw, section

REPOSITORY = Path(__file__).resolve().parents[3]
CLIP = REPOSITORY / "assets" / "fan_dance.mp4"
PLAYER = REPOSITORY / "players" / "demo"


class UsageError(ValueError):
    """A measurement that is not possible; the text says why, and the next step."""


def pose(options: argparse.Namespace) -> Result:
    from tools.benchmarking.show.pose import against_mediapipe, against_truth

    if options.truth is not None:
        rows = against_truth(options.video, options.truth, options.frames, options.backend)
        return _result(options, "pose", f"Against true joints, {options.video.name}", rows)
    rows = against_mediapipe(options.video, options.frames, options.backend, options.threads)
    return _result(options, "pose", f"Against mp.solutions.pose, {options.video.name}", rows)


def generator(options: argparse.Namespace) -> Result:
    from tools.benchmarking.measuring.subjects import of_pack, of_variant
    from tools.benchmarking.show import generator as part

    if options.variant is None:
        subject = of_pack(PlayerPack.load(options.player))
    else:
        subject = of_variant(options.variant, _size(options.size))
    rows = part.measure(subject, options.device, options.precisions, options.rounds, options.threads)
    width, height = subject.size
    return _result(options, "generator", f"{subject.name}, {width}x{height}", rows)


def pipeline(options: argparse.Namespace) -> Result:
    from tools.benchmarking.show.pipeline import measure

    pack = PlayerPack.load(options.player)
    rows, notes = measure(options.video, options.player, options.backend, options.seconds)
    title = f"{options.video.name} drives {pack.name} ({pack.variant}, {pack.size[0]}x{pack.size[1]})"
    return _result(options, "pipeline", title, rows, notes)


def outputs(options: argparse.Namespace) -> Result:
    from tools.benchmarking.show.outputs import measure

    return _result(options, "outputs", "Encoding a picture", measure(options.video, options.rounds))


def reading(options: argparse.Namespace) -> Result:
    from tools.benchmarking.show.reading import measure

    return _result(
        options, "reading", f"Reading {options.video.name}", measure(options.video, options.rounds)
    )


def build(options: argparse.Namespace) -> Result:
    from tools.benchmarking.show.build import measure

    pack = PlayerPack.load(options.player)
    backends = [choose_backend(options.backend)]
    return _result(options, "build", f"Networks of {pack.name}", measure(pack, backends, options.threads))


DRAW = "draw"
GPU = "gpu.json"
PARTS: dict[str, tuple[str, Callable[[argparse.Namespace], Result]]] = {
    "pose": ("the tracker against mediapipe, or against true joints", pose),
    "generator": ("the generator, its peers, and the limit of the machine", generator),
    "pipeline": ("the show itself: pictures a second, capture to programme", pipeline),
    "outputs": ("the programme's encoder against aiortc's", outputs),
    "reading": ("a video file's pictures, beside OpenCV", reading),
    "build": ("how long the networks take to compile", build),
}
"""TABLE of the parts: the help text, and the function that measures."""


def _result(
    options: argparse.Namespace, part: str, title: str, rows: list[Row], notes: list[str] | None = None
) -> Result:
    command = shlex.join(["python", "-m", "tools.benchmark", part, *options.given])
    device = options.device if part not in ("outputs", "reading") else "cpu"
    return Result(part, title, machine(device), command, rows, notes or [], details(device))


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()) or int(width) * int(height) == 0:
        raise UsageError(f"--size {text}: write WIDTHxHEIGHT, for example 1920x1080")
    return int(width), int(height)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "part",
        choices=(*PARTS, "all", DRAW),
        metavar="PART",
        help="; ".join(f"{name}: {text}" for name, (text, _) in PARTS.items()) + f"; or all; or {DRAW}",
    )
    add = parser.add_argument
    add("--video", type=Path, default=CLIP, help="whose frames are used (default: the bundled fan clip)")
    add("--truth", type=Path, help="pose: true joints (.truth.npz); gives PCK instead of times")
    add("--frames", type=int, help="pose: only the first so many")
    add("--player", type=Path, default=PLAYER, metavar="FOLDER", help="(default: players/demo)")
    add("--variant", choices=VARIANTS, help="generator: an untrained one of --size, instead of the player's")
    add("--size", default="512x512", metavar="WxH", help="of --variant's picture (default: %(default)s)")
    add(
        "--precisions",
        nargs="+",
        default=["auto", "f32"],
        choices=("auto", "bf16", "f32", "int8"),
        help="generator: of our own engines (default: auto f32)",
    )
    add("--backend", choices=("auto", *BACKENDS), default="auto")
    add("--device", choices=("cpu", "cuda"), help="generator: (default: cuda where there is a GPU)")
    add("--threads", type=int, default=1, help="of each network (default: %(default)s)")
    add("--rounds", type=int, default=100, help="generator, outputs, reading: (default: %(default)s)")
    add("--seconds", type=float, default=60, help="pipeline: on air (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="keep the figures in this file")
    add("--markdown", type=Path, metavar="FILE", help="draw a page of all that --json holds")
    return parser


def _measure(options: argparse.Namespace) -> list[Result]:
    names = list(PARTS) if options.part == "all" else [options.part]
    results = []
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        try:
            results.append(PARTS[name][1](options))
        except ImportError as error:
            if options.part != "all":
                raise
            print(f"{name} is left out: a package is missing ({error})", file=sys.stderr)
            continue
        print(section(results[-1]), flush=True)
        if options.json is not None:  # at once, as a later part may fail
            everything = write_results(options.json, [results[-1]])
            _draw(options, everything)
    return results


def _draw(options: argparse.Namespace, results: list[Result]) -> None:
    """Draws the page, if one was requested. Raises ResultsError, OSError."""
    if options.markdown is not None:
        options.markdown.write_text(
            draw(results, options.json.name, read_gpu(options.json.with_name(GPU))), encoding="utf-8"
        )


def read_gpu(path: Path) -> Record | None:
    """The results of `tools.gpu_check`; None where there is no such file. Raises ResultsError."""
    if not path.exists():
        return None
    record = Record.read(path)
    if record.is_rehearsal:
        raise ResultsError(f"{path} is of a rehearsal, whose figures say nothing of a GPU: move it away")
    return record


def _what_counts(given: Sequence[str], part: str) -> list[str]:
    """The flags without those that only tell where the figures go."""
    words = [word for word in given if word != part]
    for flag in ("--json", "--markdown"):
        if flag in words:
            at = words.index(flag)
            del words[at : at + 2]
    return words


def _check(options: argparse.Namespace) -> None:
    """Raises UsageError, ResultsError."""
    if options.json is None and (options.markdown is not None or options.part == DRAW):
        raise UsageError("--markdown draws what --json holds: name both")
    if options.json is not None:
        read_gpu(options.json.with_name(GPU))
    if options.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no NVIDIA GPU here")
    for name in ("rounds", "seconds", "threads"):
        if getattr(options, name) <= 0:
            raise UsageError(f"--{name} {getattr(options, name)}: more than 0 is needed")
    if options.json is not None:
        read_results(options.json)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_args(given)
    logging.basicConfig(level=logging.WARNING)
    options.given = _what_counts(given, options.part)
    options.device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        _check(options)
        if options.part == DRAW:
            _draw(options, read_results(options.json))
        else:
            _measure(options)
    except ImportError as error:
        print(f"a package is missing ({error}): install what requirements.txt names", file=sys.stderr)
        return 1
    except (PackError, EngineError, UsageError, ResultsError, ValueError, RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
