"""The people seen in a video, frame by frame, and a file that keeps them for a later run."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engines.pose.tracking.tracker import Pose, PoseTracker
from tools.dance.ahead import ahead
from tools.footage.video import VideoReader

Floats = NDArray[np.float32]
FORMAT = 2
NOBODY = -1


class SynthesisError(ValueError):
    """A video that cannot be made; the text says why and what to do."""


@dataclass(frozen=True)
class Dance:
    """The people seen in a video. size: (width, height) of its frames, pixels.

    times_ns: each frame's time since the first. poses: each frame's, None where nobody was found.
    """

    size: tuple[int, int]
    times_ns: list[int]
    poses: list[Pose | None]

    @property
    def landmarks(self) -> Floats:
        """(N, 33, 4): the landmarks of the frames with a person, pixels."""
        found = [pose.landmarks for pose in self.poses if pose is not None]
        return np.stack(found) if found else np.zeros((0, 33, 4), np.float32)


def track(reader: VideoReader, tracker: PoseTracker, desc: str = "1 of 2: pose") -> Dance:
    """Tracks the people. Raises VideoError where the video breaks off, SynthesisError where it shows
    nobody."""
    times_ns, poses = [], []
    with ahead(reader) as frames:
        for t_ns, frame in tqdm(frames, total=reader.frames or None, unit="frame", desc=desc):
            times_ns.append(t_ns)
            poses.append(tracker(frame, t_ns))
    if not any(poses):
        raise SynthesisError(
            f"nobody was found in the {len(poses)} frames of {reader.path}: "
            "use a video of one person, whole in the frame"
        )
    return Dance(reader.size, times_ns, poses)


def digest(source: Path) -> str:
    """SHA-256 of a file. Raises OSError."""
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(dance: Dance, path: Path, key: str) -> None:
    """Writes `dance` to `path` (.npz), which appears whole. key: identifies the source and the method.

    Raises OSError.
    """
    poses = [pose if pose is not None else _NOBODY for pose in dance.poses]
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        np.savez_compressed(
            file,
            key=f"{FORMAT} {key}",
            size=dance.size,
            times_ns=dance.times_ns,
            person_ids=[pose.person_id for pose in poses],
            scores=np.array([pose.score for pose in poses]),
            landmarks=np.stack([pose.landmarks for pose in poses]),
            world=np.stack([pose.world for pose in poses]),
        )
    part.replace(path)


def kept(path: Path, key: str) -> Dance | None:
    """The dance kept at `path` under `key`; None where there is none, another one or a damaged one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["key"]) != f"{FORMAT} {key}":
                return None
            rows = zip(file["person_ids"], file["landmarks"], file["world"], file["scores"], strict=True)
            poses = [
                Pose(int(person_id), landmarks, world, float(score)) if person_id != NOBODY else None
                for person_id, landmarks, world, score in rows
            ]
            width, height = (int(side) for side in file["size"])
            return Dance((width, height), [int(t_ns) for t_ns in file["times_ns"]], poses)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


_NOBODY = Pose(NOBODY, np.zeros((33, 4), np.float32), np.zeros((33, 3), np.float32), 0.0)
