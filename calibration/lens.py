"""A camera's lens: its distortion is taken out of landmarks; and it is measured with a ChArUco board.

The pose thread calls `Lens.straight` for every frame; `tools.camera` measures. The model is OpenCV's (Brown
1966, Zhang 2000): k1, k2, k3 for the radial part, p1, p2 for the tangential one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SQUARES = (8, 5)
"""Of the board, across and down. Its markers are 5x5 of OpenCV's dictionary 5x5_100."""
MARKER_SHARE = 0.75
"""A marker's side over a square's."""
LEAST_CORNERS = 12
"""A view with fewer corners says too little."""
LEAST_VIEWS = 8
LEAST_COVERAGE = 0.6
"""Share of the picture's cells in which corners must have been seen: the edges bend most."""
CELLS = (8, 5)
"""The picture's cells, across and down."""
LARGEST_ERROR = 1.0
"""RMS of the corners, pixels of a picture 1280 wide: a good measurement has less than half of it."""
SAME_ASPECT = 0.01
"""Pictures whose ratio of width and height differs by less are of the same camera mode, scaled."""


class LensError(ValueError):
    """The lens cannot be measured; the text says why, and what to do."""


@dataclass(frozen=True)
class Lens:
    """size: (width, height) of the pictures it was measured in. matrix: focal lengths across and down, and
    the principal point, pixels. distortion: k1, k2, p1, p2, k3."""

    size: tuple[int, int]
    matrix: tuple[float, float, float, float]
    distortion: tuple[float, float, float, float, float]

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether pictures of this size have the same field of view, as far as their shape tells."""
        return abs(size[0] * self.size[1] / (size[1] * self.size[0]) - 1) < SAME_ASPECT

    def straight(self, landmarks: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
        """Landmarks (N, 4), pixels of a picture of `size`, where a lens without distortion would have them.

        The middle of the picture keeps its scale; z and visibility stay. Points beyond the picture move with
        its edge, since the model holds only within. Non-finite points stay as they are.
        """
        scale = np.array([size[0] / self.size[0], size[1] / self.size[1]])
        points = landmarks[:, :2] / scale
        inside = np.clip(np.nan_to_num(points), 0, self.size)
        moved = cv2.undistortPoints(
            inside[:, None], self.camera_matrix, np.array(self.distortion), None, None, self.camera_matrix
        )[:, 0]
        result = landmarks.copy()
        result[:, :2] = (points + (moved - inside)) * scale
        return result

    @cached_property
    def camera_matrix(self) -> Floats:
        """(3, 3)."""
        across, down, x, y = self.matrix
        return np.array([[across, 0, x], [0, down, y], [0, 0, 1]], np.float64)


class View(NamedTuple):
    """The board in one picture. corners: (N, 2) float32, pixels. ids: (N,), which corners of the board."""

    corners: NDArray[np.float32]
    ids: NDArray[np.int32]

    def differs(self, other: View, size: tuple[int, int]) -> bool:
        """Whether it shows the board elsewhere, or at another angle, so that it says something new."""
        common, here, there = np.intersect1d(self.ids, other.ids, return_indices=True)
        if len(common) < LEAST_CORNERS // 2:
            return True
        apart = np.linalg.norm(self.corners[here] - other.corners[there], axis=1)
        return float(apart.mean()) > 0.04 * size[0]


class Measured(NamedTuple):
    """error_px: RMS over all corners, pixels. views: so many were used."""

    lens: Lens
    error_px: float
    views: int


def board() -> cv2.aruco.CharucoBoard:
    """The unit of its coordinates is a square's side."""
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_100)
    return cv2.aruco.CharucoBoard(SQUARES, 1.0, MARKER_SHARE, dictionary)


def draw_board(square_px: int) -> NDArray[np.uint8]:
    """The board for printing, (H, W) grey, with a white margin of half a square."""
    margin = square_px // 2
    size = (SQUARES[0] * square_px + 2 * margin, SQUARES[1] * square_px + 2 * margin)
    return np.asarray(board().generateImage(size, marginSize=margin), np.uint8)


class BoardFinder:
    """Finds the board in pictures."""

    def __init__(self) -> None:
        self._detector = cv2.aruco.CharucoDetector(board())

    def __call__(self, picture: NDArray[np.uint8]) -> View | None:
        """picture: (H, W, 3) or (H, W). None where too little of the board is seen."""
        grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        corners, ids, _, _ = self._detector.detectBoard(grey)
        if ids is None or len(ids) < LEAST_CORNERS:
            return None
        return View(np.asarray(corners, np.float32).reshape(-1, 2), np.ravel(ids).astype(np.int32))


def covered(views: Sequence[View], size: tuple[int, int]) -> NDArray[np.bool_]:
    """(CELLS[1], CELLS[0]): in which cells of the picture corners have been seen."""
    cells = np.zeros((CELLS[1], CELLS[0]), bool)
    for view in views:
        places = np.clip(view.corners / np.array(size), 0, 0.9999) * np.array(CELLS)
        cells[places[:, 1].astype(int), places[:, 0].astype(int)] = True
    return cells


def measure(views: Sequence[View], size: tuple[int, int]) -> Measured:
    """The lens that explains the views best. size: (width, height) of their pictures.

    Views that fit far worse than the others are left out once. Raises LensError where there are too few, they
    show too little of the picture, or the result is bad.
    """
    if len(views) < LEAST_VIEWS:
        raise LensError(
            f"the board was seen in {len(views)} different places; {LEAST_VIEWS} are needed: move it "
            "slowly, near and far, tilted by up to 45 degrees"
        )
    cells = covered(views, size)
    if cells.mean() < LEAST_COVERAGE:
        raise LensError(
            f"the board was seen in {cells.mean():.0%} of the picture; {LEAST_COVERAGE:.0%} is needed: move "
            f"it {missing_part(~cells)} too"
        )
    found, errors = _fit(views, size)
    kept = [
        view for view, error in zip(views, errors, strict=True) if error <= max(3 * np.median(errors), 0.2)
    ]
    if LEAST_VIEWS <= len(kept) < len(views):
        found, _ = _fit(kept, size)
    limit = LARGEST_ERROR * max(size) / 1280
    if not found.error_px <= limit:
        raise LensError(
            f"the corners are {found.error_px:.2f} pixels off, {limit:.2f} may be: is the board flat, the "
            "focus fixed, the picture sharp?"
        )
    across, down = found.lens.matrix[:2]
    if not (0.2 * size[0] < across < 20 * size[0] and abs(across / down - 1) < 0.1):
        raise LensError(
            f"the focal lengths of {across:.0f} and {down:.0f} pixels cannot be: tilt the board more in some "
            "views, by up to 45 degrees"
        )
    return found


def _fit(views: Sequence[View], size: tuple[int, int]) -> tuple[Measured, Floats]:
    places = np.asarray(board().getChessboardCorners(), np.float32)
    try:
        rms, matrix, distortion, *_, errors = cv2.calibrateCameraExtended(
            [places[view.ids] for view in views], [view.corners for view in views], size,
            np.eye(3), np.zeros(5),
        )  # fmt: skip
    except cv2.error as error:
        raise LensError("the views do not fit one lens: is the board flat, and the zoom fixed?") from error
    k = np.ravel(distortion)[:5].tolist()
    lens = Lens(
        size, (matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]), (k[0], k[1], k[2], k[3], k[4])
    )
    lens = Lens(size, tuple(float(each) for each in lens.matrix), lens.distortion)  # type: ignore[arg-type]
    return Measured(lens, float(rms), len(views)), np.ravel(errors)


def missing_part(missing: NDArray[np.bool_]) -> str:
    """Where most of the missing cells (`covered`) are, for people."""
    down, across = missing.shape
    parts = {
        "to the left": missing[:, : across // 3], "to the right": missing[:, -(across // 3) :],
        "to the top": missing[: down // 3], "to the bottom": missing[-(down // 3) :],
    }  # fmt: skip
    return max(parts, key=lambda part: float(parts[part].mean()))
