"""Judges a player on the held-out end of the player's own footage, painted as on air: each frame from the one
before."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tools.evaluate.gallery import Gallery, Shot
from tools.evaluate.motion import MARGIN, Flow, change, is_still, warp_error
from tools.evaluate.pictures import REGIONS, PictureJudge, Scores
from tools.evaluate.poses import PoseReader
from tools.evaluate.regions import face_window, hands_mask, person_window
from tools.evaluate.sampling import blocks, finite, ratio, summary
from tools.footage.dataset import Footage
from tools.scores.pck import load_truth
from tools.scores.pictures import Mask, Picture

OF = ("output", "truth")

Floats = NDArray[np.float32]


class EvaluationError(ValueError):
    """What cannot be judged; the text says why and what to do."""


class Painter(Protocol):
    """What is judged: `engines.rendering.renderer.Renderer`, or any network with the same two methods."""

    def __call__(self, landmarks: Floats, out: Picture) -> None:
        """Paints the player in a pose, landmarks (33, 4) in pixels, into `out` (H, W, 3) BGR."""

    def reset(self) -> None:
        """Call it when the next frame does not follow the last one."""


class Steadiness:
    """Flicker and warp error over pairs of consecutive frames, for the output and for the recording."""

    def __init__(self) -> None:
        self._flow = Flow()
        self._flicker: dict[str, list[float]] = {of: [] for of in OF}
        self.warp: dict[str, list[float]] = {of: [] for of in OF}

    def skip(self) -> None:
        """Skips a frame that has none before it."""
        for values in self.warp.values():
            values.append(np.nan)

    def add(
        self, before: dict[str, Picture], now: dict[str, Picture], mask: Mask, either: Mask, still: bool
    ) -> None:
        """Adds a pair of frames. The flow is the recording's, for both. either: the person in one frame or
        the other."""
        motion = self._flow(before["truth"], now["truth"], either)
        for of in OF:
            self.warp[of].append(warp_error(before[of], now[of], motion, mask))
            if still:
                self._flicker[of].append(change(before[of], now[of], mask))

    def result(self) -> dict[str, Any]:
        warp = {of: summary(values) for of, values in self.warp.items()}
        flicker = {of: summary(values)["mean"] for of, values in self._flicker.items()}
        return {
            "flicker": {
                "still_pairs": len(self._flicker["output"]),
                **{f"{of}_levels_mean": value for of, value in flicker.items()},
                "of_truth": ratio(flicker["output"], flicker["truth"]),
            },
            "warp_error": {
                "pairs": int(np.isfinite(self.warp["output"]).sum()),
                **{f"{of}_levels": values for of, values in warp.items()},
                "of_truth": ratio(warp["output"]["mean"], warp["truth"]["mean"]),
            },
        }


def judge_held_out(
    painter: Painter,
    footage: Footage,
    *,
    held_out: float = 0.2,
    frames: int = 300,
    true_joints: Floats | None = None,
    judge: PictureJudge | None = None,
    gallery: Gallery | None = None,
    backend: str = "auto",
    desc: str = "held out",
) -> dict[str, Any]:
    """The measurements, ready for JSON.

    held_out: the last share of the footage, never trained on. frames: about this many (0: all), in blocks of
    consecutive ones. true_joints: (source frames, 12, 2), pixels, from `true_joints`; without them, poses are
    compared with the driving ones. judge: by default, LPIPS is measured where its weights exist. gallery:
    keeps pictures to look at. backend: of the pose networks.

    Raises DatasetError, OSError, EvaluationError, EngineError.
    """
    _, held = footage.split(held_out)
    if not len(held):
        raise EvaluationError(f"{footage.folder} has no frames to judge at --held-out {held_out}")
    judge = judge or PictureJudge.with_weights_at_hand()
    readers = {of: PoseReader(backend, footage.body.near.height / 3) for of in OF}  # about a torso
    runs = [held[block] for block in blocks(len(held), frames)]
    total = sum(len(run) for run in runs)
    scores: list[Scores] = []
    gallery, steadiness = gallery or Gallery(), Steadiness()
    gallery.start(total)
    last: tuple[int, dict[str, Picture], Mask] | None = None
    bar = tqdm([position for run in runs for position in run.tolist()], unit="frame", desc=desc)
    for number, position in enumerate(bar):
        truth, mask = footage.frame(position), footage.mask(position) > 127
        driving, index = footage.landmarks[position], int(footage.indices[position])
        if not mask.any():
            raise EvaluationError(f"{footage.folder} has an empty mask: prepare it again")
        if last is not None and index - footage.indices[last[0]] != 1:
            last = None
        if last is None:
            painter.reset()
            for reader in readers.values():
                reader.reset()
        output = np.empty_like(truth)
        painter(footage.landmarks[position], output)
        now = {"output": output, "truth": truth}
        for of in OF:
            readers[of].add(now[of], driving, None if true_joints is None else true_joints[index])
        if last is None:
            steadiness.skip()
        else:
            still = is_still(footage.landmarks[last[0]], driving)
            steadiness.add(last[1], now, mask, mask | last[2], still)
        last = (position, now, mask)
        face = face_window(driving, footage.body, footage.size)
        hands = hands_mask(driving, footage.body, footage.size)
        scores.append(judge(output, truth, mask, face, hands))
        shot = Shot(index, scores[-1]["psnr_db"]["person"], output, person_window(mask, MARGIN), truth, face)
        gallery.add(number, shot)
    poses = {of: reader.result() for of, reader in readers.items()}
    return {
        "frames": {"available": len(held), "judged": total, "blocks": len(runs)},
        **_summaries(scores),
        "poses_compared_with": "driving poses" if true_joints is None else "true joints",
        **poses,
        **steadiness.result(),
        "pose_backend": readers["output"].backend,
        "series": _series(footage.indices[np.concatenate(runs)], scores, steadiness),
    }


def true_joints(path: Path, footage: Footage) -> Floats:
    """(source frames, 12, 2), pixels of the footage, from a file with the true joints of its source.

    Raises EvaluationError where the file belongs to another source: its size or length differ.
    """
    try:
        xy = load_truth(path)
        with np.load(path) as file:
            size = (int(file["width"]), int(file["height"]))
    except (ValueError, KeyError, OSError) as error:
        raise EvaluationError(f"{path} is no file of true joints ({error})") from error
    if size != footage.size or len(xy) <= footage.indices.max():
        raise EvaluationError(
            f"{path} is of {len(xy)} frames of {size[0]}x{size[1]}, {footage.folder} of a source of "
            f"{footage.indices.max() + 1} or more of {footage.size[0]}x{footage.size[1]}: "
            "give its own source's joints"
        )
    return xy


def _summaries(scores: list[Scores]) -> dict[str, Any]:
    return {
        name: {
            region: summary([each[name][region] for each in scores])
            for region in REGIONS
            if region in scores[0][name]
        }
        for name in PictureJudge.NAMES
    }


def _series(indices: NDArray[np.int64], scores: list[Scores], steadiness: Steadiness) -> dict[str, list[Any]]:
    """The curves over time, one value for each judged frame; None where there is none."""
    return {
        "frame": indices.tolist(),
        "psnr_db": [finite(each["psnr_db"]["person"]) for each in scores],
        "lpips": [finite(each["lpips"]["person"]) for each in scores],
        "warp_error": [finite(value) for value in steadiness.warp["output"]],
        "warp_error_of_truth": [finite(value) for value in steadiness.warp["truth"]],
    }
