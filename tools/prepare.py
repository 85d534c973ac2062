"""From a video of the player to a dataset: landmarks, person masks, the empty plate, and what was dropped.

    python -m tools.prepare assets/player_train.mp4 datasets/demo
    python -m tools.prepare player.mov datasets/jones --height 720

The video: one person, a camera that does not move, feet in the frame, two minutes or more.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter
from tqdm import tqdm

from calibration.body import measure_body, standing_height
from engines.folders import new_folder
from engines.pose.segmenter import PersonSegmenter
from engines.pose.tracker import PoseTracker
from engines.skeleton import Landmark, draw_stick_figure
from tools.matte import matte, zone
from tools.video import VideoError, VideoReader

SIDE_MULTIPLE = 32
"""Pictures are cut to sides that every generator variant can take."""
LEAST_FRAMES = 60
_FRAME, _MASK = "frames/{:06d}.jpg", "masks/{:06d}.png"


class PrepareError(ValueError):
    """Footage that no player can be made from; the text says why and what to do."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("dataset", type=Path, help="folder to write; replaced only once the new one is whole")
    parser.add_argument(
        "--height", type=int, default=720, help="scale taller pictures down to this (default 720)"
    )
    parser.add_argument("--backend", default="auto", help="for the pose net (default auto)")
    options = parser.parse_args(argv)
    try:
        summary = prepare(options.video, options.dataset, height=options.height, backend=options.backend)
    except (VideoError, PrepareError, OSError) as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 1
    dropped = ", ".join(f"{count} {reason}" for reason, count in summary["dropped"].items()) or "none"
    print(f"{options.dataset}: {summary['kept']} frames kept; dropped: {dropped}")
    print(f"look at {options.dataset / 'contact_sheet.jpg'} and {options.dataset / 'plate.png'}")
    print(f"next: python -m tools.train {options.dataset} players/NAME --minutes 60")
    return 0


def prepare(video: Path, dataset: Path, *, height: int = 720, backend: str = "auto") -> dict[str, Any]:
    """Writes the dataset and returns its summary (also in dataset.json).

    Raises VideoError, PrepareError, FileExistsError; then what was there before is still there.
    """
    reader = VideoReader(video)
    with new_folder(dataset, "dataset.json") as part:
        return _prepare(reader, part, height, backend)


def _prepare(reader: VideoReader, part: Path, height: int, backend: str) -> dict[str, Any]:
    (part / "frames").mkdir()
    (part / "masks").mkdir()
    tracker = PoseTracker(backend=backend, smooth=False)
    segmenter = PersonSegmenter()
    indices: list[int] = []
    poses: list[NDArray[np.float32]] = []
    dropped: Counter[str] = Counter()
    size = (0, 0)
    bar = tqdm(reader, total=reader.frames or None, unit="frame", desc="pose, person")
    for index, (t_ns, frame) in enumerate(bar):
        picture = fit_height(frame, height)
        size = (picture.shape[1], picture.shape[0])
        pose = tracker(picture, t_ns)
        reason = "without a person" if pose is None else _fault(pose.landmarks, size)
        if pose is None or reason is not None:
            dropped[str(reason)] += 1
            continue
        indices.append(index)
        poses.append(pose.landmarks)
        soft = segmenter(picture, box=_box(pose.landmarks))
        cv2.imwrite(str(part / _FRAME.format(index)), picture, [cv2.IMWRITE_JPEG_QUALITY, 97])
        cv2.imwrite(str(part / _MASK.format(index)), (soft * 255).astype(np.uint8))
    reader.close()
    _require(reader.path, indices, dropped)
    landmarks = smooth_landmarks(np.stack(poses), np.array(indices))
    standing_px = float(np.median(standing_height(landmarks)))
    plate, unseen = estimate_plate(part, indices, landmarks, standing_px)
    good = []
    for position, index in enumerate(tqdm(indices, unit="frame", desc="mattes")):
        frame, mask = (
            _read(part / _FRAME.format(index)),
            _read(part / _MASK.format(index), cv2.IMREAD_GRAYSCALE),
        )
        refined = matte(frame, plate, mask, landmarks[position], standing_px)
        if _covered(refined, landmarks[position]) < 0.8:
            dropped["with a matte that misses the person"] += 1
            continue
        good.append(position)
        cv2.imwrite(str(part / _MASK.format(index)), refined)
    indices, landmarks = [indices[position] for position in good], landmarks[good]
    _require(reader.path, indices, dropped)
    cv2.imwrite(str(part / "plate.png"), plate)
    np.save(part / "landmarks.npy", landmarks)
    np.save(part / "indices.npy", np.array(indices))
    (part / "body.json").write_text(measure_body(landmarks).to_json())
    _contact_sheet(part, indices, landmarks)
    summary: dict[str, Any] = {
        "source": reader.path.name,
        "size": list(size),
        "fps": str(reader.fps),
        "kept": len(indices),
        "dropped": dict(dropped.most_common()),
        "plate_unseen_share": unseen,
    }
    (part / "dataset.json").write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def fit_height(frame: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    """Scales a taller picture down, then cuts it about its middle to multiples of `SIDE_MULTIPLE`."""
    if frame.shape[0] > height:
        width = round(frame.shape[1] * height / frame.shape[0])
        frame = np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    rows, columns = (side - side % SIDE_MULTIPLE for side in frame.shape[:2])
    top, left = (frame.shape[0] - rows) // 2, (frame.shape[1] - columns) // 2
    return frame[top : top + rows, left : left + columns]


def _require(video: Path, indices: list[int], dropped: Counter[str]) -> None:
    if len(indices) < LEAST_FRAMES:
        reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.most_common()) or "too short"
        raise PrepareError(
            f"{video} has {len(indices)} usable frames, {LEAST_FRAMES} are the least ({reasons}): "
            "film one person, whole in the frame, for two minutes or more"
        )


def _fault(landmarks: NDArray[np.float32], size: tuple[int, int]) -> str | None:
    """Why a frame with these landmarks is no use, or None."""
    x, y, visibility = landmarks[:, 0], landmarks[:, 1], landmarks[:, 3]
    if visibility[Landmark.LEFT_SHOULDER :].mean() < 0.5:
        return "mostly hidden"
    if x.min() < 0 or x.max() >= size[0] or y.min() < 0 or y.max() >= size[1]:
        return "cut off by the frame"
    return None


def _box(landmarks: NDArray[np.float32]) -> tuple[float, float, float, float]:
    (x0, y0), (x1, y1) = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    margin = 0.2 * (y1 - y0)
    return float(x0 - margin), float(y0 - margin), float(x1 + margin), float(y1 + margin)


def _covered(mask: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> float:
    """Share of the visible joints that lie on the mask."""
    joints = landmarks[Landmark.LEFT_SHOULDER :]
    joints = joints[joints[:, 3] > 0.5]
    x, y = joints[:, 0].astype(int), joints[:, 1].astype(int)
    return float((mask[y, x] > 127).mean()) if len(joints) else 0.0


def smooth_landmarks(landmarks: NDArray[np.float32], indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Removes jitter without lag: a Savitzky-Golay filter of 5 frames and order 2 over each unbroken run.

    landmarks (N, 33, 4) at the frame numbers `indices` (N,), ascending.
    """
    smooth = landmarks.copy()
    for run in np.split(np.arange(len(indices)), np.flatnonzero(np.diff(indices) > 1) + 1):
        if len(run) >= 5:
            smooth[run, :, :3] = savgol_filter(landmarks[run, :, :3], 5, 2, axis=0)
    return smooth


def estimate_plate(
    part: Path, indices: list[int], landmarks: NDArray[np.float32], standing_px: float, samples: int = 240
) -> tuple[NDArray[np.uint8], float]:
    """The scene without the player, and the share of pixels that were never seen free (inpainted).

    The median over time of the pixels outside the dilated person mask and the body's zone: a plain median
    keeps ghosts of a player who stands in place.
    """
    chosen = np.linspace(0, len(indices) - 1, min(samples, len(indices))).astype(int)
    frames = np.stack([_read(part / _FRAME.format(indices[i])) for i in chosen])
    size = (frames.shape[2], frames.shape[1])
    side = max(size[1] // 64, 5)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * side + 1, 2 * side + 1))
    covered = np.stack(
        [
            cv2.dilate(_read(part / _MASK.format(indices[i]), cv2.IMREAD_GRAYSCALE) // 2, kernel) > 25
            for i in chosen
        ]
    )
    for row, i in enumerate(chosen):
        covered[row] |= zone(landmarks[i], size, standing_px, widen=1.1) > 0
    plate = np.zeros(frames.shape[1:], np.uint8)
    for row in tqdm(range(size[1]), unit="row", desc="plate"):
        free = np.where(covered[:, row, :, None], np.float32(np.nan), frames[:, row])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a pixel that was never free: filled in below
            plate[row] = np.nan_to_num(np.nanmedian(free, axis=0)).astype(np.uint8)
    unseen = covered.all(axis=0)
    if unseen.any():
        plate = np.asarray(cv2.inpaint(plate, unseen.astype(np.uint8), 5, cv2.INPAINT_TELEA), np.uint8)
    return plate, float(unseen.mean())


def _contact_sheet(part: Path, indices: list[int], landmarks: NDArray[np.float32]) -> None:
    """A picture of 24 kept frames, each with its stick figure and the mask's outline."""
    cells = []
    for position in np.linspace(0, len(indices) - 1, 24).astype(int):
        picture = _read(part / _FRAME.format(indices[position])).copy()
        mask = _read(part / _MASK.format(indices[position]), cv2.IMREAD_GRAYSCALE)
        outlines, _ = cv2.findContours(
            (mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(picture, outlines, -1, (0, 255, 0), 1)
        draw_stick_figure(picture, landmarks[position])
        cells.append(cv2.resize(picture, None, fx=240 / picture.shape[0], fy=240 / picture.shape[0]))
    rows = [np.hstack(cells[start : start + 6]) for start in range(0, 24, 6)]
    cv2.imwrite(str(part / "contact_sheet.jpg"), np.vstack(rows))


def _read(path: Path, mode: int = cv2.IMREAD_COLOR) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), mode)
    if picture is None:
        raise PrepareError(f"{path} cannot be read back: is the disk full?")
    return np.asarray(picture, np.uint8)


if __name__ == "__main__":
    sys.exit(main())
