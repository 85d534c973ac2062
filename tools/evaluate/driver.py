"""Judges a player driven by another dancer. There is no true picture, so poses and steadiness are judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.body import Body
from engines.pose.tracking.tracker import PoseTracker
from tools.dance.dance import Dance, track
from tools.evaluate.gallery import Gallery, Shot
from tools.evaluate.held_out import EvaluationError, Painter
from tools.evaluate.motion import MARGIN, Flow, change, is_still, warp_error
from tools.evaluate.poses import PoseReader
from tools.evaluate.regions import person_window
from tools.evaluate.sampling import blocks, summary
from tools.footage.video import VideoReader
from tools.scores.pictures import Mask, Picture

PAINTED_LEVELS = 12
"""A pixel that differs from the plate by more than this belongs to the player."""

Floats = NDArray[np.float32]


def watch(video: Path, backend: str) -> Dance:
    """The dance in `video`, to be retargeted to each player. Raises VideoError, SynthesisError."""
    source = VideoReader(video)
    try:
        return track(source, PoseTracker(backend=backend), desc="driver: pose")
    finally:
        source.close()


def judge_driver(
    painter: Painter,
    poses: list[Floats | None],
    plate: Picture,
    *,
    body: Body,
    frames: int = 300,
    gallery: Gallery | None = None,
    backend: str = "auto",
    desc: str = "driver: player",
) -> dict[str, Any]:
    """Judges the player of `body` driven by another dancer's poses, (33, 4) each, as `tools.dance` retargets
    them.

    The flow is that of the output itself: the warp error tells how much appears and vanishes, not whether the
    motion is right. Raises EvaluationError where nobody is in the judged frames.
    """
    reader, flow = PoseReader(backend, body.near.height / 3), Flow()
    runs = blocks(len(poses), frames)
    gallery = gallery or Gallery()
    gallery.start(sum(len(run) for run in runs))
    warp: list[float] = []
    flicker: list[float] = []
    last: tuple[int, Picture, Mask] | None = None
    bar = tqdm([position for run in runs for position in run.tolist()], unit="frame", desc=desc)
    for number, position in enumerate(bar):
        driving = poses[position]
        if driving is None:
            last = None
            continue
        before = poses[last[0]] if last is not None and position - last[0] == 1 else None
        if before is None:
            painter.reset()
            reader.reset()
        output = np.empty_like(plate)
        painter(driving, output)
        reader.add(output, driving)
        mask = painted(output, plate)
        error = np.nan
        if before is not None and last is not None and mask.any():
            error = warp_error(last[1], output, flow(last[1], output, mask | last[2]), mask)
            if is_still(before, driving):
                flicker.append(change(last[1], output, mask))
        warp.append(error)
        last = (position, output, mask)
        score = -error if np.isfinite(error) else 0.0
        window = person_window(mask, MARGIN) if mask.any() else (slice(None), slice(None))
        gallery.add(number, Shot(position, score, output, window))
    if not reader.count:
        raise EvaluationError("nobody is in the frames judged of the driver's video: raise --frames")
    return {
        "frames": {"available": len(poses), "judged": reader.count, "blocks": len(runs)},
        "output": reader.result(),
        "flicker": {"still_pairs": len(flicker), "output_levels_mean": summary(flicker)["mean"]},
        "warp_error": {"pairs": int(np.isfinite(warp).sum()), "output_levels": summary(warp)},
    }


def painted(picture: Picture, plate: Picture) -> Mask:
    """(H, W): where `picture` (H, W, 3) differs from the plate."""
    return np.asarray(np.abs(picture.astype(np.int16) - plate).max(axis=2) > PAINTED_LEVELS, np.bool_)
