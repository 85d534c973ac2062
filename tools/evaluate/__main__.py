"""Judges a player on footage that was not used in training, painted as on air: frame after frame, each from
the picture before.

The last part of the dataset is used in blocks of consecutive frames, spread evenly. "output" is what the
player's generator paints from the recorded poses; "truth" is the same measurement on the recording itself.
With --driver, another person's dance is retargeted as well, and judged by the poses that can be read back
from the output and by its steadiness.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.backends.choice import BACKENDS
from engines.pack.player_pack import PackError, PlayerPack
from engines.pose.tflite_graph import GraphError
from engines.rendering.renderer import Renderer
from engines.runtime.engine import EngineError
from tools.dance.dance import SynthesisError
from tools.dance.driving import retarget
from tools.evaluate.driver import judge_driver, watch
from tools.evaluate.gallery import Gallery
from tools.evaluate.held_out import EvaluationError, judge_held_out, true_joints
from tools.evaluate.pictures import PictureJudge
from tools.evaluate.report import write_report
from tools.evaluate.rows import as_text
from tools.evaluate.sampling import BLOCK
from tools.footage.dataset import DatasetError, Footage
from tools.footage.video import VideoError
from tools.train.loop import Config

EXAMPLES = """\
examples:
  python -m tools.evaluate players/demo datasets/demo --report reports/demo
  python -m tools.evaluate players/demo datasets/demo --driver assets/fan_dance.mp4
  python -m tools.evaluate players/demo datasets/demo --truth assets/player_train.truth.npz
  python -m tools.evaluate players/new datasets/demo --compare players/demo --report reports/new
  python -m tools.evaluate players/demo datasets/demo --frames 0 --json result.json --pictures pictures
"""

ERRORS = (
    PackError, DatasetError, VideoError, EngineError, GraphError, SynthesisError, EvaluationError, OSError
)  # fmt: skip
"""Errors that a user can cause; each is reported in one line."""


@dataclass
class Judged:
    """One player's measurements and pictures."""

    report: dict[str, Any]
    galleries: dict[str, Gallery]


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="evaluate: %(message)s")
    try:
        judged = evaluate(options)
        if options.json is not None:
            options.json.write_text(
                json.dumps(judged.report, indent=2, allow_nan=False) + "\n", encoding="utf-8"
            )
    except ERRORS as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nevaluate: stopped", file=sys.stderr)
        return 130
    print(as_text(judged.report))
    if options.report is not None:
        print(f"\n{options.report / 'index.html'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.evaluate",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("player", type=Path, help="the player pack")
    add("dataset", type=Path, help="the prepared dataset on which the player was trained")
    add("--held-out", type=float, default=Config().held_out, metavar="SHARE",
        help="the last share of the dataset, never trained on (default %(default)s)")  # fmt: skip
    add("--frames", type=_natural, default=300, metavar="N",
        help=f"about so many, in blocks of {BLOCK} in a row; 0: all (default %(default)s)")  # fmt: skip
    add("--driver", type=Path, metavar="VIDEO", help="another dancer to drive the player too")
    add("--truth", type=Path, metavar="NPZ",
        help="the true joints of the dataset's source, to judge poses by")  # fmt: skip
    add("--compare", type=Path, metavar="PACK", help="another player of the same dataset, side by side")
    add("--report", type=Path, metavar="FOLDER", help="write index.html with pictures, and report.json, here")
    add("--json", type=Path, metavar="FILE", help="write the numbers here")
    add("--pictures", type=Path, metavar="FOLDER",
        help="write worst.png and even.png here: truth beside output")  # fmt: skip
    add("--backend", choices=("auto", *BACKENDS), default="auto", help="(default auto)")
    return parser


def evaluate(options: argparse.Namespace) -> Judged:
    """Judges, and writes the report and the pictures. Raises one of ERRORS."""
    if not 0 < options.held_out < 1:
        raise EvaluationError(f"--held-out {options.held_out}: give a share between 0 and 1")
    if options.json is not None and not options.json.resolve().parent.is_dir():
        raise EvaluationError(f"--json {options.json}: there is no folder {options.json.resolve().parent}")
    for name, folder in (("--report", options.report), ("--pictures", options.pictures)):
        if folder is not None and folder.exists() and not folder.is_dir():
            raise EvaluationError(f"{name} {folder} is a file: name a folder")
    players = [options.player] if options.compare is None else [options.player, options.compare]
    footage = Footage.open(options.dataset)
    packs = [_load(player, footage, options.dataset) for player in players]
    joints = None if options.truth is None else true_joints(options.truth, footage)
    judge = PictureJudge.with_weights_at_hand()
    dance = None if options.driver is None else watch(options.driver, options.backend)
    found = []
    for player, pack in zip(players, packs, strict=True):
        renderer = Renderer(pack, backend=options.backend)
        galleries = {"held_out": Gallery()}
        held_out = judge_held_out(
            renderer,
            footage,
            held_out=options.held_out,
            frames=options.frames,
            true_joints=joints,
            judge=judge,
            gallery=galleries["held_out"],
            backend=options.backend,
            desc=f"{player.name}: held out",
        )
        report: dict[str, Any] = {
            "player": str(player),
            "player_digest": pack.digest,
            "dataset": str(options.dataset),
            "backend": {"pose": held_out.pop("pose_backend"), "generator": renderer.backend},
            "held_out": held_out,
        }
        if dance is not None:
            galleries["driver"] = Gallery()
            report["driver"] = {
                "video": options.driver.name,
                **judge_driver(
                    renderer,
                    list(retarget(dance, pack.body)),
                    pack.plate,
                    body=pack.body,
                    frames=options.frames,
                    gallery=galleries["driver"],
                    backend=options.backend,
                    desc=f"{player.name}: driver",
                ),
            }
        found.append(Judged(report, galleries))
    ours, *others = found
    if others:
        ours.report["compared_with"] = others[0].report
    if options.pictures is not None:
        ours.galleries["held_out"].write(options.pictures)
    if options.report is not None:
        write_report(options.report, ours.report, ours.galleries, others[0].galleries if others else None)
    return ours


def _load(player: Path, footage: Footage, dataset: Path) -> PlayerPack:
    """Raises PackError, EvaluationError where the pack is of another size."""
    pack = PlayerPack.load(player)
    if pack.size != footage.size:
        raise EvaluationError(
            f"{player} is of {pack.size[0]}x{pack.size[1]}, {dataset} of "
            f"{footage.size[0]}x{footage.size[1]}: give the dataset that the player was trained on"
        )
    return pack


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


if __name__ == "__main__":
    sys.exit(main())
