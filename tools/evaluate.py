"""Judges a player on footage that he was not trained on, drawn as on air: frame after frame, each from the
picture before.

The last part of the dataset is taken in blocks of consecutive frames, spread evenly. "output" is what the
player's generator draws from the recorded poses, "truth" what the same measurements give on the recording
itself. With --driver, another person's dance is retargeted too, and judged by the poses that can be read
back from the output.
"""

from __future__ import annotations

import argparse
import heapq
import json
import logging
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from calibration.body import joint
from engines.player_pack import PackError, PlayerPack
from engines.pose.detector import Detector
from engines.pose.tracker import PoseTracker
from engines.renderer import Renderer
from engines.runtime import BACKENDS, EngineError
from engines.skeleton import Landmark
from tools.footage import DatasetError, Footage
from tools.pck import correct, joints
from tools.picture_scores import Mask, Picture, foreground_ssim, gradient_energy, psnr
from tools.synthesis.dance import SynthesisError, track
from tools.synthesis.driving import retarget
from tools.synthesis.scene import render
from tools.training.loop import Config
from tools.video import VideoError, VideoReader

EXAMPLES = """\
examples:
  python -m tools.evaluate players/demo datasets/demo --driver assets/fan_dance.mp4
  python -m tools.evaluate players/demo datasets/demo --frames 0 --json result.json --pictures pictures
"""
BLOCK = 30
"""Consecutive frames a block."""
STILL_PX = 1.0
"""Between two frames whose landmarks move less than this on average, whatever changes is flicker."""
PCK_SHARE = 0.1
PCK = f"pck_{PCK_SHARE}_torso_mean"
FRAME_NS = 33_333_333
SCORES = {
    "foreground_psnr_db": "foreground PSNR, dB",
    "psnr_db": "whole picture PSNR, dB",
    "foreground_ssim": "foreground SSIM",
    "sharpness_of_truth": "sharpness, output / truth",
}
"""TABLE of the scores of one picture against the recording: name in the report → for people."""
SHOWN = 8

Floats = NDArray[np.float32]


class EvaluationError(ValueError):
    """What cannot be judged; the text says why and what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.evaluate",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("player", type=Path, help="the player pack")
    parser.add_argument("dataset", type=Path, help="the prepared dataset that he was trained on")
    parser.add_argument(
        "--held-out", type=float, default=Config().held_out, metavar="SHARE",
        help="the last share of the dataset, never trained on (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--frames", type=_natural, default=300, metavar="N",
        help=f"about so many, in blocks of {BLOCK} in a row; 0: all (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--driver", type=Path, metavar="VIDEO", help="another dancer to drive the player too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER",
        help="write worst.png and even.png here: truth beside output",
    )  # fmt: skip
    parser.add_argument("--backend", choices=("auto", *BACKENDS), default="auto", help="(default auto)")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING)
    try:
        report = evaluate(options)
        if options.json is not None:
            options.json.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    except (
        PackError, DatasetError, VideoError, EngineError, SynthesisError, EvaluationError, OSError
    ) as error:  # fmt: skip
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nevaluate: stopped", file=sys.stderr)
        return 130
    print(table(report))
    return 0


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """The report, ready for JSON. Raises what `main` turns into one line."""
    if not 0 < options.held_out < 1:
        raise EvaluationError(f"--held-out {options.held_out}: give a share between 0 and 1")
    if options.json is not None and not options.json.resolve().parent.is_dir():
        raise EvaluationError(f"--json {options.json}: there is no folder {options.json.resolve().parent}")
    pack, footage = PlayerPack.load(options.player), Footage.open(options.dataset)
    if pack.size != footage.size:
        raise EvaluationError(
            f"{options.player} is of {pack.size[0]}x{pack.size[1]}, {options.dataset} of "
            f"{footage.size[0]}x{footage.size[1]}: give the dataset that the player was trained on"
        )
    renderer = Renderer(pack, backend=options.backend)
    near_px = pack.body.near.height / 3  # about a torso
    readers = {name: PoseReader(options.backend, near_px) for name in ("output", "truth")}
    report: dict[str, Any] = {
        "player": str(options.player),
        "player_digest": pack.digest,
        "dataset": str(options.dataset),
        "backend": {"pose": readers["output"].backend, "generator": renderer.backend},
        "held_out": judge_held_out(
            renderer,
            footage,
            readers,
            held_out=options.held_out,
            frames=options.frames,
            pictures=options.pictures,
        ),
    }
    if options.driver is not None:
        report["driver"] = judge_driver(
            renderer,
            pack,
            options.driver,
            PoseReader(options.backend, near_px),
            backend=options.backend,
            frames=options.frames,
        )
    return report


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    held = report["held_out"]
    lines = [_used("held out", held["frames"]), f"{'':32}{'mean':>9}{'median':>9}{'p5':>9}"]
    for name, title in SCORES.items():
        lines.append(f"{title:32}" + "".join(_number(held[name][key]) for key in ("mean", "median", "p5")))
    lines.append(f"\n{'':32}{'output':>9}{'truth':>9}")
    flicker = held["flicker"]
    for title, values in (
        ("found again as a person, share", [held[of]["redetected_share"] for of in ("output", "truth")]),
        (f"PCK@{PCK_SHARE} of torso, mean", [held[of][PCK] for of in ("output", "truth")]),
        (
            f"flicker, levels ({flicker['still_pairs']} still pairs)",
            [flicker[f"{of}_levels_mean"] for of in ("output", "truth")],
        ),
    ):
        lines.append(f"{title:32}" + "".join(_number(value) for value in values))
    if "driver" in report:
        driver = report["driver"]
        lines.append("\n" + _used(f"driver {driver['video']}", driver["frames"]))
        lines.append(f"{'found again as a person, share':32}{_number(driver['output']['redetected_share'])}")
        lines.append(f"{f'PCK@{PCK_SHARE} of torso, mean':32}{_number(driver['output'][PCK])}")
    return "\n".join(lines)


def _used(title: str, frames: dict[str, int]) -> str:
    return (
        f"{title}: {frames['judged']} of {frames['available']} frames judged, "
        f"in {frames['blocks']} block(s) of consecutive frames"
    )


def _number(value: float | None) -> str:
    return f"{'-':>9}" if value is None else f"{value:9.3f}"


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def blocks(count: int, frames: int, length: int = BLOCK) -> list[NDArray[np.int64]]:
    """About `frames` (0: all) of `count` positions as runs of `length`, spread evenly, without overlap."""
    if frames == 0 or frames >= count:
        return [np.arange(count)]
    length = min(length, frames)
    number = frames // length
    starts = np.linspace(0, count - length, number).round().astype(int) if number > 1 else [0]
    return [np.arange(start, start + length) for start in starts]


def summary(values: Sequence[float]) -> dict[str, float | None]:
    """Mean, median and 5th percentile; None where they are not finite."""
    if not values:
        return {"mean": None, "median": None, "p5": None}
    numbers = {
        "mean": float(np.mean(values)),
        "median": float(np.median(values)),
        "p5": float(np.percentile(values, 5, method="lower")),
    }
    return {name: round(value, 4) if math.isfinite(value) else None for name, value in numbers.items()}


class PoseReader:
    """Reads poses back from pictures, and scores them against the driving ones.

    "redetected": the detector alone, afresh in each picture, finds someone whose hips lie within
    `near_px` of the driving hips. PCK: the tracker, unsmoothed, over consecutive pictures.
    """

    def __init__(self, backend: str, near_px: float) -> None:
        self._detector = Detector(backend=backend)
        self._tracker = PoseTracker(backend=backend, smooth=False)
        self._near_px = near_px
        self._found: list[bool] = []
        self._right: list[NDArray[np.bool_]] = []
        self.backend = self._tracker.backend

    def reset(self) -> None:
        """The next picture does not follow the last one; what was scored is kept."""
        self._tracker.reset()

    def add(self, picture: Picture, driving: Floats) -> None:
        """driving: (33, 4) pixels of `picture`. Where nobody is tracked, every joint is a miss."""
        true = joints(driving)
        hips = joint(driving, (Landmark.LEFT_HIP, Landmark.RIGHT_HIP))[:2]
        places = [detection.keypoints[0] for detection in self._detector(picture)]
        self._found.append(any(np.linalg.norm(place - hips) <= self._near_px for place in places))
        pose = self._tracker(picture, len(self._right) * FRAME_NS)
        found = joints(pose.landmarks) if pose is not None else np.full_like(true, np.nan)
        self._right.append(correct(found, true, PCK_SHARE))

    @property
    def count(self) -> int:
        return len(self._found)

    def result(self) -> dict[str, float]:
        return {
            "redetected_share": round(float(np.mean(self._found)), 4),
            PCK: round(float(np.mean(self._right)), 4),
        }


class Gallery:
    """Keeps the worst frames and some spread evenly, each truth beside output."""

    def __init__(self, spread: Iterable[int]) -> None:
        self._spread = set(spread)
        self._even: list[Picture] = []
        self._worst: list[tuple[float, int, Picture]] = []

    def add(self, number: int, frame: int, score: float, truth: Picture, output: Picture) -> None:
        """number: which of the judged frames this is. score: higher is better."""
        low = len(self._worst) < SHOWN or -score > self._worst[0][0]
        if not low and number not in self._spread:
            return
        pair = np.hstack([truth, output])
        text = f"frame {frame}: {score:.1f} dB"
        cv2.putText(pair, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
        if number in self._spread:
            self._even.append(pair)
        if low:
            (heapq.heappush if len(self._worst) < SHOWN else heapq.heapreplace)(
                self._worst, (-score, number, pair)
            )

    def write(self, folder: Path) -> None:
        """worst.png (the worst first) and even.png, two pairs a row."""
        folder.mkdir(parents=True, exist_ok=True)
        worst = [pair for _, _, pair in sorted(self._worst, key=lambda one: -one[0])]
        for name, pairs in (("worst", worst), ("even", self._even)):
            cells = [*pairs, np.zeros_like(pairs[0])] if len(pairs) % 2 else pairs
            rows = [np.hstack(cells[start : start + 2]) for start in range(0, len(cells), 2)]
            if not cv2.imwrite(str(folder / f"{name}.png"), np.vstack(rows)):
                raise OSError(f"cannot write {folder / f'{name}.png'}")


def judge_held_out(
    renderer: Renderer,
    footage: Footage,
    readers: dict[str, PoseReader],
    *,
    held_out: float,
    frames: int,
    pictures: Path | None,
) -> dict[str, Any]:
    """The player against the recording. readers: for "output" and "truth".

    Raises DatasetError, OSError, EvaluationError.
    """
    _, held = footage.split(held_out)
    if not len(held):
        raise EvaluationError(f"{footage.folder} has no frames to judge at --held-out {held_out}")
    runs = [held[block] for block in blocks(len(held), frames)]
    total = sum(len(run) for run in runs)
    scores: dict[str, list[float]] = {name: [] for name in SCORES}
    flicker: dict[str, list[float]] = {"output": [], "truth": []}
    gallery = Gallery(np.linspace(0, total - 1, min(SHOWN, total)).astype(int).tolist())
    last: tuple[int, dict[str, Picture]] | None = None
    bar = tqdm([position for run in runs for position in run.tolist()], unit="frame", desc="held out")
    for number, position in enumerate(bar):
        truth, mask = footage.frame(position), footage.mask(position) > 127
        if not mask.any():
            raise EvaluationError(f"{footage.folder} has an empty mask: prepare it again")
        follows = last is not None and footage.indices[position] - footage.indices[last[0]] == 1
        if not follows:
            renderer.reset()
            for reader in readers.values():
                reader.reset()
        output = np.empty_like(truth)
        renderer(footage.landmarks[position], output)
        now = {"output": output, "truth": truth}
        still = follows and last is not None and _still(footage.landmarks[[last[0], position]])
        for name, picture in now.items():
            readers[name].add(picture, footage.landmarks[position])
            if still and last is not None:
                flicker[name].append(_change(picture, last[1][name], mask))
        last = (position, now)
        scores["foreground_psnr_db"].append(psnr(output, truth, mask))
        scores["psnr_db"].append(psnr(output, truth))
        scores["foreground_ssim"].append(foreground_ssim(output, truth, mask))
        scores["sharpness_of_truth"].append(
            gradient_energy(output, mask) / max(gradient_energy(truth, mask), 1e-6)
        )
        gallery.add(number, int(footage.indices[position]), scores["foreground_psnr_db"][-1], truth, output)
    if pictures is not None:
        gallery.write(pictures)
    return {
        "frames": {"available": len(held), "judged": total, "blocks": len(runs)},
        **{name: summary(values) for name, values in scores.items()},
        **{name: reader.result() for name, reader in readers.items()},
        "flicker": {
            "still_pairs": len(flicker["output"]),
            **{f"{name}_levels_mean": summary(values)["mean"] for name, values in flicker.items()},
        },
    }


def judge_driver(
    renderer: Renderer, pack: PlayerPack, video: Path, reader: PoseReader, *, backend: str, frames: int
) -> dict[str, Any]:
    """The player against another dancer's retargeted poses. Raises VideoError, SynthesisError."""
    source = VideoReader(video)
    dance = track(source, PoseTracker(backend=backend), desc="driver: pose")
    source.close()
    landmarks = list(retarget(dance, pack.body))
    runs = blocks(len(landmarks), frames)
    with tqdm(total=sum(len(run) for run in runs), unit="frame", desc="driver: player") as bar:
        for run in runs:
            driving_poses = [landmarks[position] for position in run]
            renderer.reset()
            reader.reset()
            for driving, picture in zip(
                driving_poses, render(renderer, pack.plate, driving_poses), strict=True
            ):
                if driving is not None:
                    reader.add(picture, driving)
                bar.update()
    if not reader.count:
        raise EvaluationError(f"{video}: nobody is in the frames judged: raise --frames")
    return {
        "video": video.name,
        "frames": {"available": len(landmarks), "judged": reader.count, "blocks": len(runs)},
        "output": reader.result(),
    }


def _still(pair: Floats) -> bool:
    """Whether landmarks (2, 33, 4) hardly move."""
    return float(np.linalg.norm(pair[1, :, :2] - pair[0, :, :2], axis=1).mean()) < STILL_PX


def _change(picture: Picture, before: Picture, mask: Mask) -> float:
    """Mean absolute change over `mask`, levels of 255."""
    return float(np.abs(picture[mask].astype(np.int16) - before[mask]).mean())


if __name__ == "__main__":
    sys.exit(main())
