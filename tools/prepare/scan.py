"""The first pass over a video: the player's pose and mask in each frame, the frame's faults, and the camera's
motion.

The work is divided into chunks of frames. Each chunk starts with a fresh tracker, so that it has the same
result whether or not the run was interrupted before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from calibration.body import standing_height
from engines.pose.tracking.tracker import SURE_SCORE, Pose, PoseTracker
from tools.alignment.measure import Meter
from tools.footage.body_zone import zone
from tools.footage.video import VideoError, VideoReader
from tools.prepare import rules
from tools.prepare.camera import sharpness
from tools.prepare.files.ahead import WORKERS
from tools.prepare.files.journal import Journal
from tools.prepare.files.pictures import Pictures
from tools.prepare.files.sources import GAP, Numbering, Options, Source

SEEN = 0.1
"""Where the landmark net is surer than this that a person is there, nothing is learned about the
background."""
EMPTY_EVERY = 5
"""Every n-th of the frames without a person is kept for the empty scene."""
ALIGNMENT = "alignment_"
"""Prefix of the alignment's arrays in a chunk."""

AHEAD = 3
"""Frames that the tracker may be ahead of measuring and writing."""

Chunk = dict[str, NDArray[Any]]
COLUMNS = ("numbers", "times_ns", "videos", "landmarks", "world", "reasons", "sharpness", "others")


@dataclass(frozen=True)
class Scan:
    """One row for each frame.

    numbers (N,) int64, ascending. times_ns (N,) int64, since the first frame of its video. videos (N,) int64,
    the video's index. landmarks (N, 33, 4), NaN without a person. world (N, 33, 3), metres, likewise. reasons
    (N,) str, "" where the frame is usable. sharpness (N,): as in `camera.sharpness`. others (N, 4): the box
    of a person farther away, or NaN. left_out: the number of frames without a row, by reason. frames: the
    number in each video. broken: for each video why it breaks off, "" where it does not. alignment: the input
    of `tools.alignment.solve.align`, for all rows in order.
    """

    numbers: NDArray[np.int64]
    times_ns: NDArray[np.int64]
    videos: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    world: NDArray[np.float32]
    reasons: NDArray[np.str_]
    sharpness: NDArray[np.float32]
    others: NDArray[np.float32]
    left_out: dict[str, int]
    frames: tuple[int, ...]
    broken: tuple[str, ...]
    alignment: Sequence[Chunk]


class JournalChunks(Sequence[Chunk]):
    """The alignment's part of the scan's chunks, each read from disk when it is used."""

    def __init__(self, journal: Journal, names: Sequence[str]) -> None:
        self._journal, self._names = journal, names

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        chunk = self._journal.load(self._names[index])
        return {
            name.removeprefix(ALIGNMENT): value for name, value in chunk.items() if name.startswith(ALIGNMENT)
        }


@dataclass
class _Row:
    number: int
    t_ns: int
    landmarks: NDArray[np.float32]
    world: NDArray[np.float32]
    reason: str
    sharpness: float
    other: NDArray[np.float32]


class Scanner:
    """Scans videos one after the other into the journal. What is already in it is not done again."""

    def __init__(self, pictures: Pictures, journal: Journal, options: Options, net: str) -> None:
        """net: the landmark net, `engines.pose.convert.HEAVY` or `FULL`."""
        self._pictures, self._journal, self._options = pictures, journal, options
        self._tracker = PoseTracker(
            net=net, mask=True, backend=options.backend, threads=WORKERS, smoothing=None
        )

    def __call__(self, sources: list[Source]) -> Scan:
        """Raises VideoError, OSError."""
        columns: dict[str, list[NDArray[Any]]] = {name: [] for name in COLUMNS}
        left_out = dict.fromkeys((rules.TOO_CLOSE, rules.DAMAGED), 0)
        next_number, frames, broken, names = 0, [], [], []
        for video, source in enumerate(sources):
            numbering = Numbering(next_number, sources[0].fps)
            for name, chunk in self._video(video, source, numbering):
                for column, parts in columns.items():
                    parts.append(chunk[column])
                left_out[rules.TOO_CLOSE] += int(chunk["too_close"])
                last = chunk
                if len(chunk["numbers"]):
                    names.append(name)
            left_out[rules.DAMAGED] += int(last["damaged"])
            frames.append(int(last["next"]))
            broken.append(str(last["broken"]))
            next_number = (numbering.first if numbering.last is None else numbering.last) + GAP
        return Scan(
            **{name: np.concatenate(parts) for name, parts in columns.items()},
            left_out=left_out,
            frames=tuple(frames),
            broken=tuple(broken),
            alignment=JournalChunks(self._journal, names),
        )

    def _video(self, video: int, source: Source, numbering: Numbering) -> Iterator[tuple[str, Chunk]]:
        """A video's chunks and their names in the journal, beginning with those already in it."""
        start = count = 0
        while (name := f"scan_{video:03d}_{count:05d}") in self._journal:
            chunk = self._journal.load(name)
            if len(chunk["numbers"]):
                numbering.last, numbering.last_ns = int(chunk["numbers"][-1]), int(chunk["times_ns"][-1])
            yield name, chunk
            if chunk["ended"]:
                return
            start, count = int(chunk["next"]), count + 1
        title = f"pose, person {source.path.name}"
        with (
            VideoReader(source.path) as reader,
            tqdm(total=source.frames or None, initial=start, unit="frame", desc=title) as bar,
        ):
            for chunk in self._chunks(reader, video, start, numbering, bar):
                name = f"scan_{video:03d}_{count:05d}"
                self._journal.save(name, chunk)
                yield name, chunk
                count += 1

    def _chunks(
        self,
        reader: VideoReader,
        video: int,
        start: int,
        numbering: Numbering,
        bar: tqdm[Any],
    ) -> Iterator[Chunk]:
        rows: list[Future[_Row]] = []
        meter: Meter | None = None
        too_close, damaged, position = 0, 0, start - 1
        broken = ""
        with ThreadPoolExecutor(1) as beside:
            frames = reader.read(start)
            while True:
                try:
                    position, t_ns, frame = next(frames)
                except StopIteration:
                    break
                except VideoError as error:
                    broken = str(error)
                    break
                if position - start >= self._options.checkpoint:
                    facts = {"too_close": too_close, "damaged": damaged, "next": position, "ended": False}
                    yield _chunk([row.result() for row in rows], video, meter, "", **facts)
                    rows, too_close, start = [], 0, position
                number = numbering(t_ns)
                if number is None:
                    too_close += 1
                else:
                    picture = self._options.fitted(frame)
                    meter = meter or Meter((picture.shape[1], picture.shape[0]))
                    pose, others = self._track(picture, t_ns, fresh=not rows)
                    rows.append(beside.submit(self._row, picture, number, t_ns, pose, others, meter))
                    if len(rows) > AHEAD:
                        rows[-1 - AHEAD].result()
                damaged = reader.damaged
                bar.update()
            facts = {"too_close": too_close, "damaged": reader.damaged, "next": position + 1, "ended": True}
            yield _chunk([row.result() for row in rows], video, meter, broken, **facts)

    def _track(
        self, picture: NDArray[np.uint8], t_ns: int, *, fresh: bool
    ) -> tuple[Pose | None, list[NDArray[np.float32]]]:
        """The player's pose, and the boxes of all other people, with arms stretched out."""
        if fresh:
            self._tracker.reset()
            self._tracker(picture, t_ns)  # the region below then comes from landmarks, as in later frames
        pose = self._tracker(picture, t_ns)
        others = [
            person.circle
            for person in self._tracker.people
            if pose is not None and person.id != pose.person_id and person.score >= SURE_SCORE
        ]
        return pose, others

    def _row(
        self,
        picture: NDArray[np.uint8],
        number: int,
        t_ns: int,
        pose: Pose | None,
        others: list[NDArray[np.float32]],
        meter: Meter,
    ) -> _Row:
        """Measures and writes one frame. Called in order, in a thread beside the tracking one."""
        size = (picture.shape[1], picture.shape[0])
        mask = _seen(pose, size)
        meter(picture, _hidden(pose, mask, size))
        nothing = np.full(4, np.nan, np.float32)
        if pose is None:
            self._pictures.write_thumb(rules.NOBODY, number, picture)
            if number % EMPTY_EVERY == 0:
                self._pictures.write_scanned(number, picture)
            empty = np.full((33, 4), np.nan, np.float32)
            return _Row(number, t_ns, empty, empty[:, :3], rules.NOBODY, float("nan"), nothing)
        other = max(others, key=_area, default=nothing)
        reason = rules.fault(pose.landmarks, size, others)
        if reason:
            self._pictures.write_thumb(reason, number, picture)
            return _Row(number, t_ns, pose.landmarks, pose.world, reason, float("nan"), other)
        self._pictures.write_scanned(number, picture)
        self._pictures.write_soft(number, mask)
        return _Row(number, t_ns, pose.landmarks, pose.world, "", sharpness(picture, mask), other)


def _chunk(rows: list[_Row], video: int, meter: Meter | None, broken: str, **facts: int) -> Chunk:
    count = len(rows)
    aligned = {} if meter is None else meter.finish()
    return {
        "numbers": np.array([row.number for row in rows], np.int64),
        "times_ns": np.array([row.t_ns for row in rows], np.int64),
        "videos": np.full(count, video, np.int64),
        "landmarks": np.array([row.landmarks for row in rows], np.float32).reshape(count, 33, 4),
        "world": np.array([row.world for row in rows], np.float32).reshape(count, 33, 3),
        "reasons": np.array([row.reason for row in rows], np.str_),
        "sharpness": np.array([row.sharpness for row in rows], np.float32),
        "others": np.array([row.other for row in rows], np.float32).reshape(count, 4),
        "broken": np.array(broken),
        **{name: np.array(value) for name, value in facts.items()},
        **{ALIGNMENT + name: value for name, value in aligned.items()},
    }


def _seen(pose: Pose | None, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W): where the landmark net sees the person, 255 where it is sure."""
    if pose is None or pose.mask is None:
        return np.zeros(size[::-1], np.uint8)
    return np.asarray(pose.mask.on_frame(size) * 255 + 0.5, np.uint8)


def _hidden(pose: Pose | None, mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W), not 0 where the person may be."""
    if pose is None:
        return mask
    near = zone(pose.landmarks, size, float(standing_height(pose.landmarks)), widen=1.6)
    return np.asarray(near | np.where(mask > 255 * SEEN, np.uint8(255), np.uint8(0)))


def _area(box: NDArray[np.float32]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
