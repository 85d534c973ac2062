"""Measures how far a prepared dataset's mattes are from the true alpha of a render.

    python -m tools.prepare renders/901.mp4 datasets/901
    python -m tools.matting.evaluate datasets/901 renders/901.npz

The error is the mean absolute difference of alpha over all pixels, as a share of the person's area. A hole is
a connected part of the person, at least two pixels inside the outline, that the matte leaves out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.footage.dataset import DatasetError, Footage

INSIDE, OPAQUE = 5, 230
"""The inner area: the person without this many pixels along the outline, where the true alpha, of 255, is at
least OPAQUE."""


class Score(NamedTuple):
    """One matte's error and its largest hole, both as shares of the person's area."""

    error: float
    hole: float


def score(matte: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Score:
    """Both (H, W), 255 on the person."""
    area = max(float(truth.sum()) / 255, 1.0)
    error = float(np.abs(matte.astype(np.float32) - truth).sum()) / 255 / area
    inside = cv2.erode((truth >= OPAQUE).astype(np.uint8), np.ones((INSIDE, INSIDE), np.uint8))
    gone = ((matte < 128) & (inside > 0)).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(gone)
    return Score(error, float(stats[1:, cv2.CC_STAT_AREA].max()) / area if count > 1 else 0.0)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.matting.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path, help="prepared from the render without scaling")
    parser.add_argument("truth", type=Path, help=".npz with alpha (frames, H, W), uint8")
    options = parser.parse_args(arguments)
    try:
        footage = Footage.open(options.dataset)
        with np.load(options.truth) as truth:
            alpha = truth["alpha"]
    except (DatasetError, OSError, KeyError, ValueError) as error:
        print(f"evaluate: {options.truth}: {error}", file=sys.stderr)
        return 1
    if alpha.shape[1:] != footage.size[::-1]:
        print(f"evaluate: {options.truth} is of another size than {options.dataset}", file=sys.stderr)
        return 1
    scores = [
        score(footage.mask(position), alpha[index])
        for position, index in enumerate(footage.indices)
        if index < len(alpha)
    ]
    errors, holes = (np.array(column) for column in zip(*scores, strict=True))
    print(
        f"{options.dataset}: error {errors.mean():.4f} (95 of 100 below {np.percentile(errors, 95):.4f}); "
        f"{int((holes > 0.005).sum())} of {len(scores)} frames with a hole of more than 0.5 % of the person"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
