"""The first pass over a video: the player's pose and mask in each frame, and what is wrong with it.

The work is cut into chunks of frames, and each begins with a tracker that knows nothing: so a chunk has the
same result whether or not the run was interrupted before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from calibration.body import standing_height
from engines.pose.segmenter import PersonSegmenter
from engines.pose.tracker import SURE_SCORE, Pose, PoseTracker
from tools.matte import zone
from tools.preparing import PrepareError, rules
from tools.preparing.camera import Anchor, sharpness
from tools.preparing.journal import Journal
from tools.preparing.pictures import Pictures
from tools.preparing.sources import GAP, Numbering, Options, Source
from tools.video import VideoReader

MASK_MARGIN = 0.2
"""The mask is looked for in the landmarks' box and so much of its height around it."""

Chunk = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Scan:
    """One row a frame.

    numbers (N,) int64, ascending; times_ns (N,) int64 since the first frame of its video; videos (N,) int64,
    which video; landmarks (N, 33, 4), NaN without a person; reasons (N,) str, "" where the frame is of use;
    shifts (N, 2) as in `Anchor.shift`; sharpness (N,) as in `camera.sharpness`; others (N, 4) the box of a
    person further off, or NaN. left_out: frames that have no row, by reason. frames: how many each video has.
    """

    numbers: NDArray[np.int64]
    times_ns: NDArray[np.int64]
    videos: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    reasons: NDArray[np.str_]
    shifts: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    others: NDArray[np.float32]
    left_out: dict[str, int]
    frames: tuple[int, ...]


@dataclass
class _Row:
    number: int
    t_ns: int
    landmarks: NDArray[np.float32]
    reason: str
    shift: NDArray[np.float32]
    sharpness: float
    other: NDArray[np.float32]


class Scanner:
    """Scans videos one after the other into the journal; what is in it already is not done again."""

    def __init__(self, pictures: Pictures, journal: Journal, options: Options) -> None:
        self._pictures, self._journal, self._options = pictures, journal, options
        self._tracker = PoseTracker(backend=options.backend, smooth=False)
        self._segmenter = PersonSegmenter(backend=options.backend)

    def __call__(self, sources: list[Source]) -> Scan:
        """Raises VideoError, OSError, and PrepareError where the camera moved between two videos: one plate
        serves all."""
        chunks: list[Chunk] = []
        left_out = dict.fromkeys((rules.TOO_CLOSE, rules.DAMAGED), 0)
        anchor = self._anchor(sources[0].first)
        self._compare(sources, anchor)
        next_number, frames = 0, []
        for video, source in enumerate(sources):
            numbering = Numbering(next_number, sources[0].fps)
            of_video = list(self._video(video, source, numbering, anchor))
            chunks += of_video
            left_out[rules.TOO_CLOSE] += sum(int(chunk["too_close"]) for chunk in of_video)
            left_out[rules.DAMAGED] += int(of_video[-1]["damaged"])
            frames.append(int(of_video[-1]["next"]))
            next_number = (numbering.first if numbering.last is None else numbering.last) + GAP
        columns = {
            field.name: np.concatenate([chunk[field.name] for chunk in chunks])
            for field in fields(Scan)
            if field.name not in ("left_out", "frames")
        }
        return Scan(**columns, left_out=left_out, frames=tuple(frames))

    def _anchor(self, first: NDArray[np.uint8]) -> Anchor:
        return Anchor(first, self._find(first))

    def _compare(self, sources: list[Source], anchor: Anchor) -> None:
        for source in sources[1:]:
            shift = float(np.linalg.norm(anchor.shift(source.first, self._find(source.first))))
            if shift > self._options.max_shake_px:
                how_far = f"by {shift:.1f} pixels" if np.isfinite(shift) else "altogether"
                raise PrepareError(
                    f"the camera moved {how_far} between {sources[0].path.name} and {source.path.name}: "
                    "leave it where it is for all takes, or prepare them apart"
                )

    def _find(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        self._tracker.reset()
        return _body(self._tracker(picture, 0), picture)

    def _video(self, video: int, source: Source, numbering: Numbering, anchor: Anchor) -> Iterator[Chunk]:
        """Its chunks, from the journal as far as they are there."""
        start = count = 0
        while (name := f"scan_{video:03d}_{count:05d}") in self._journal:
            chunk = self._journal.load(name)
            if len(chunk["numbers"]):
                numbering.last, numbering.last_ns = int(chunk["numbers"][-1]), int(chunk["times_ns"][-1])
            yield chunk
            if chunk["ended"]:
                return
            start, count = int(chunk["next"]), count + 1
        title = f"pose, person {source.path.name}"
        with (
            VideoReader(source.path) as reader,
            tqdm(total=source.frames or None, initial=start, unit="frame", desc=title) as bar,
        ):
            for chunk in self._chunks(reader, video, start, numbering, anchor, bar):
                self._journal.save(f"scan_{video:03d}_{count:05d}", chunk)
                yield chunk
                count += 1

    def _chunks(
        self,
        reader: VideoReader,
        video: int,
        start: int,
        numbering: Numbering,
        anchor: Anchor,
        bar: tqdm[Any],
    ) -> Iterator[Chunk]:
        rows: list[_Row] = []
        too_close, damaged, position = 0, 0, start - 1
        for position, t_ns, frame in reader.read(start):
            if position - start >= self._options.checkpoint:
                yield _chunk(rows, video, too_close=too_close, damaged=damaged, next=position, ended=False)
                rows, too_close, start = [], 0, position
            number = numbering(t_ns)
            if number is None:
                too_close += 1
            else:
                picture = self._options.fitted(frame)
                rows.append(self._frame(picture, number, t_ns, anchor, fresh=not rows))
            damaged = reader.damaged
            bar.update()
        yield _chunk(rows, video, too_close=too_close, damaged=reader.damaged, next=position + 1, ended=True)

    def _frame(
        self, picture: NDArray[np.uint8], number: int, t_ns: int, anchor: Anchor, *, fresh: bool
    ) -> _Row:
        if fresh:
            self._tracker.reset()
            self._tracker(picture, t_ns)  # so that the region below comes from landmarks, as in later frames
        pose = self._tracker(picture, t_ns)
        shift = anchor.shift(picture, _body(pose, picture))
        nothing = np.full(4, np.nan, np.float32)
        if pose is None:
            self._pictures.write_thumb(rules.NOBODY, number, picture)
            empty = np.full((33, 4), np.nan, np.float32)
            return _Row(number, t_ns, empty, rules.NOBODY, shift, float("nan"), nothing)
        others = [
            person.box
            for person in self._tracker.people
            if person.id != pose.person_id and person.score >= SURE_SCORE
        ]
        other = max(others, key=_area, default=nothing)
        reason = rules.fault(pose.landmarks, (picture.shape[1], picture.shape[0]), others)
        if reason:
            self._pictures.write_thumb(reason, number, picture)
            return _Row(number, t_ns, pose.landmarks, reason, shift, float("nan"), other)
        soft = self._segmenter(picture, box=rules.around(pose.landmarks, MASK_MARGIN))
        mask = np.asarray(soft * 255, np.uint8)
        self._pictures.write_frame(number, picture)
        self._pictures.write_soft(number, mask)
        return _Row(number, t_ns, pose.landmarks, "", shift, sharpness(picture, mask), other)


def _chunk(rows: list[_Row], video: int, **facts: int) -> Chunk:
    count = len(rows)
    return {
        "numbers": np.array([row.number for row in rows], np.int64),
        "times_ns": np.array([row.t_ns for row in rows], np.int64),
        "videos": np.full(count, video, np.int64),
        "landmarks": np.array([row.landmarks for row in rows], np.float32).reshape(count, 33, 4),
        "reasons": np.array([row.reason for row in rows], np.str_),
        "shifts": np.array([row.shift for row in rows], np.float32).reshape(count, 2),
        "sharpness": np.array([row.sharpness for row in rows], np.float32),
        "others": np.array([row.other for row in rows], np.float32).reshape(count, 4),
        **{name: np.array(value) for name, value in facts.items()},
    }


def _body(pose: Pose | None, picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """(H, W), not 0 where the person may be."""
    if pose is None:
        return None
    size = (picture.shape[1], picture.shape[0])
    return zone(pose.landmarks, size, float(standing_height(pose.landmarks)), widen=1.6)


def _area(box: NDArray[np.float32]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
