"""The second half: from all chunks of a clip to a scene for each frame, and a map into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.alignment import transitions
from tools.alignment.atlas import Atlas
from tools.alignment.graph import Edge, solve
from tools.alignment.measure import FOLLOWED, LOST, PLAIN, Chunk
from tools.alignment.models import MODELS, Floats, Frame, apart, apply, magnification, roll, unscaled
from tools.alignment.picture import Working, working_size
from tools.alignment.tracking import Keyframe

STILL_PX, STILL_WORST_PX = 0.5, 1.2
"""A camera stands still if at most a twentieth of its frames lie farther than STILL_PX from the usual place,
and none farther than STILL_WORST_PX: pixels at the frame's worst corner, minus its uncertainty."""
LEAST_FRAMES = 5
"""The fewest frames of a scene."""
FEW = 0.05
"""A smaller share of frames with texture tells nothing, if the rest of the background is plain."""
MOST_MAGNIFIED, LEAST_AHEAD = 3.0, 0.2
"""A frame is left out of its scene if the scene would show it larger or smaller by more than MOST_MAGNIFIED,
or magnify a corner by more than 1 / LEAST_AHEAD: the camera has turned too far away."""

STILL, MOVED, TAKEN_FOR_STILL = "still", "moved", "taken for still"


@dataclass(frozen=True)
class Scene:
    """Frames that share one coordinate system, that of the frame `reference`.

    kind: STILL, a tripod, all maps are the identity; MOVED; TAKEN_FOR_STILL, the background tells nothing,
    and nothing speaks against a still camera. model: the freest that any of its frames needed. frames: their
    number. card: nobody is ever in it and nothing moves between two cuts: a title card, or a picture.
    """

    kind: str
    reference: int
    frames: int
    model: str
    card: bool


@dataclass(frozen=True)
class Alignment:
    """One row for each frame.

    scenes (N,) int64: an index into `found`, -1 where the background does not tell. matrices (N, 3, 3)
    float64: frame → scene, pixels of the pictures (the middle of the first pixel is 0, 0); the identity
    without a scene. residual_px (N,): distance of the agreeing points, root of the mean square. uncertain_px
    (N,): of the picture's worst corner, one standard deviation. Both are against the frame's keyframe.
    support (N,): the share of the background's area on which points agree; 0 where the place is only
    concluded (a plain ground before a still camera). zoom (N,): how many times larger than in its scene the
    frame shows things. roll (N,): by how many degrees the scene is turned in it, clockwise. shots (N,):
    numbers that rise at each cut. transition (N,): the frame is part of a dissolve or a fade. plain (N,): its
    background has too little texture. found: the scenes, most frames first.
    """

    scenes: NDArray[np.int64]
    matrices: Floats
    residual_px: NDArray[np.float32]
    uncertain_px: NDArray[np.float32]
    support: NDArray[np.float32]
    zoom: NDArray[np.float32]
    roll: NDArray[np.float32]
    shots: NDArray[np.int64]
    transition: NDArray[np.bool_]
    plain: NDArray[np.bool_]
    found: tuple[Scene, ...]


@dataclass
class _Rows:
    """All frames. key (N,): the number of the keyframe against which each was measured. residual and spread
    are in pixels of the pictures."""

    states: NDArray[np.int8]
    key: NDArray[np.int64]
    maps: Floats
    models: NDArray[np.int8]
    people: NDArray[np.bool_]
    support: NDArray[np.float32]
    residual: NDArray[np.float32]
    spread: NDArray[np.float32]
    shots: NDArray[np.int64]
    mixed: NDArray[np.bool_]


def align(chunks: Sequence[Chunk]) -> Alignment:
    """chunks: the results of a `Meter`, in order. They are read twice, one chunk at a time, so that a
    sequence that loads each from disk needs little memory. Raises ValueError where there is none."""
    rows, size = _rows(chunks)
    small = Frame(*working_size(size))
    key_frames, poses, groups = _keyframes(chunks, rows, small)
    keys = {frame: key for key, frame in enumerate(key_frames)}
    plain = (rows.states == PLAIN) & ~rows.mixed
    usable = (rows.states == FOLLOWED) & ~rows.mixed
    usable[key_frames] = True
    usable &= ~plain & ~rows.mixed
    scenes = np.full(len(rows.states), -1, np.int64)
    matrices = np.tile(np.eye(3), (len(scenes), 1, 1))
    found: list[Scene] = []
    of_key = rows.key.copy()
    of_key[key_frames] = np.arange(len(key_frames))  # a keyframe's own place is known best
    for group in np.unique(groups):
        members = np.flatnonzero(usable & (groups[of_key] == group))
        if len(members) < LEAST_FRAMES:
            continue
        to_centre = np.linalg.inv(poses[_central_key(of_key[members], poses, small)])
        nearest = [to_centre @ pose for pose in poses]
        maps = _maps(members, of_key, keys, rows, nearest, size)
        reference = members[_central(maps[members], Frame(*size))]
        maps[members] = [unscaled(np.linalg.inv(maps[reference]) @ maps[n]) for n in members]
        members = members[_kept(maps[members], Frame(*size))]
        scene = _scene(members, maps, rows, int(reference), Frame(*size))
        scenes[members] = len(found)
        if scene.kind == MOVED:
            matrices[members] = maps[members]
        found.append(scene)
    _conclude(scenes, found, plain, rows)
    return _alignment(scenes, matrices, found, rows, Frame(*size))


def _rows(chunks: Sequence[Chunk]) -> tuple[_Rows, tuple[int, int]]:
    columns: dict[str, list[NDArray[Any]]] = {}
    size, before = None, 0
    for chunk in chunks:
        size = (int(chunk["size"][0]), int(chunk["size"][1]))
        for name in (
            "states",
            "maps",
            "models",
            "people",
            "support",
            "agree",
            "residual",
            "spread",
            "thumbs",
        ):
            columns.setdefault(name, []).append(chunk[name])
        columns.setdefault("key", []).append(chunk["keys"] + before)
        before += len(chunk["key_rows"])
    if size is None:
        raise ValueError("there is no chunk to align")
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    pixels = size[0] / working_size(size)[0]
    joined["residual"], joined["spread"] = joined["residual"] * pixels, joined["spread"] * pixels
    shots, mixed = transitions.find(joined.pop("thumbs"), joined.pop("agree"))
    return _Rows(**joined, shots=shots, mixed=mixed), size


def _keyframes(
    chunks: Sequence[Chunk], rows: _Rows, small: Frame
) -> tuple[list[int], list[Floats], NDArray[np.int64]]:
    """The frame of each keyframe, its pose (keyframe → group), and its group."""
    atlas = Atlas((small.width, small.height))
    frames: list[int] = []
    first = 0
    for chunk in chunks:
        for place, (key, row) in enumerate(zip(_keys_of(chunk), chunk["key_rows"].tolist(), strict=True)):
            frame, number = first + row, len(frames)
            edge = expected = None
            if row and chunk["states"][row] == FOLLOWED and chunk["keys"][row] != place:
                old = number - place + int(chunk["keys"][row])
                if _same_shot(rows, frames[old], frame):
                    edge = Edge(old, number, chunk["maps"][row], chunk["covariances"][row])
            elif (
                not row
                and first
                and _same_shot(rows, first - 1, first)
                and rows.states[first - 1] == FOLLOWED
            ):
                expected = rows.maps[first - 1]
            oldest = 0
            if rows.mixed[frame]:  # use nothing from before the dissolve
                oldest = int(np.searchsorted(frames, frame - int(np.argmin(rows.mixed[frame::-1]))))
            atlas.add(key, expected, edge, oldest=oldest)
            frames.append(frame)
        first += len(chunk["states"])
    poses, groups = solve(atlas.poses, atlas.edges, small)
    return frames, poses, groups


def _keys_of(chunk: Chunk) -> Iterator[Keyframe]:
    ends = np.cumsum(chunk["key_counts"])
    for place, grey in enumerate(chunk["key_greys"]):
        free = np.unpackbits(chunk["key_free"][place], axis=-1, count=grey.shape[1]) * np.uint8(255)
        points = chunk["key_points"][ends[place] - chunk["key_counts"][place] : ends[place]]
        yield Keyframe(Working(grey, free, np.zeros((0, 0, 3), np.uint8)), points)


def _same_shot(rows: _Rows, one: int, other: int) -> bool:
    return bool(rows.shots[one] == rows.shots[other] and not rows.mixed[one : other + 1].any())


def _pixels_to_working(size: tuple[int, int]) -> Floats:
    """Pixels of the pictures → pixels of the working picture. OpenCV's resize keeps the corners of the
    outermost pixels in place, not their middles."""
    small = working_size(size)
    x, y = small[0] / size[0], small[1] / size[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def _central_key(keys: NDArray[np.int64], poses: Sequence[Floats], small: Frame) -> int:
    """The keyframe nearest to the middle, so that no other is folded. keys: that of each frame."""
    present, counts = np.unique(keys, return_counts=True)
    costs = []
    for key in present:
        back = np.linalg.inv(poses[key])
        off = [apart(back @ poses[other], np.eye(3), small) for other in present]
        costs.append(float(np.dot(np.nan_to_num(off, nan=np.inf).clip(0, 10 * small.unit), counts)))
    return int(present[int(np.argmin(costs))])


def _central(maps: Floats, frame: Frame) -> int:
    """The frame most central in pan and zoom, so that the others are magnified little: the one nearest to the
    median of all places and sizes."""
    middle = np.array([[frame.width / 2, frame.height / 2]])
    sizes = np.array([magnification(matrix, frame) for matrix in maps])
    places = np.array([apply(matrix, middle)[0] for matrix in maps])
    where = np.column_stack([places, frame.unit * np.log(np.maximum(np.nan_to_num(sizes, nan=1e-3), 1e-3))])
    return int(np.linalg.norm(where - np.median(where, axis=0), axis=1).argmin())


def _maps(
    members: NDArray[np.int64],
    of_key: NDArray[np.int64],
    keys: dict[int, int],
    rows: _Rows,
    poses: Sequence[Floats],
    size: tuple[int, int],
) -> Floats:
    """(N, 3, 3): frame → scene, pixels of the pictures, for the members. poses: keyframe → scene."""
    scale = _pixels_to_working(size)
    maps = np.tile(np.eye(3), (len(of_key), 1, 1))
    for n in members.tolist():
        to_key = np.eye(3) if n in keys else np.linalg.inv(rows.maps[n])
        maps[n] = unscaled(np.linalg.inv(scale) @ poses[of_key[n]] @ to_key @ scale)
    return maps


def _kept(maps: Floats, frame: Frame) -> NDArray[np.bool_]:
    """(N,): the frames that can be shown in the scene without too much enlargement or folding."""
    sizes = np.array([magnification(matrix, frame) for matrix in maps])
    corners = np.column_stack([frame.corners, np.ones(4)])
    ahead = ((corners @ maps[:, 2].T).T > LEAST_AHEAD).all(axis=1)
    return (sizes > 1 / MOST_MAGNIFIED) & (sizes < MOST_MAGNIFIED) & ahead


def _scene(members: NDArray[np.int64], maps: Floats, rows: _Rows, reference: int, frame: Frame) -> Scene:
    off = np.array([apart(maps[n], np.eye(3), frame) for n in members])
    off = np.maximum(off - 2 * rows.spread[members], 0)
    kind = STILL if np.percentile(off, 95) < STILL_PX and off.max() < STILL_WORST_PX else MOVED
    model = MODELS[int(rows.models[members].max())] if kind == MOVED else "identity"
    card = kind == STILL and not rows.people[members].any()
    return Scene(kind, reference, len(members), model, card)


def _conclude(scenes: NDArray[np.int64], found: list[Scene], plain: NDArray[np.bool_], rows: _Rows) -> None:
    """Decides what a plain background leaves open: a camera that stands still before and after stands still
    in between; a camera of which nothing is known counts as still."""
    for shot in np.unique(rows.shots[plain]):
        here = (rows.shots == shot) & ~rows.mixed
        told = np.unique(scenes[here & (scenes >= 0)])
        lost = (here & (rows.states == LOST) & (scenes < 0)).any()
        if len(told) == 1 and found[told[0]].kind == STILL and not lost:
            scenes[here & plain] = told[0]
        elif not len(told):
            alone = here & (rows.states == LOST)  # a spot on the ground tells no motion of a camera
            members = np.flatnonzero(
                here & (plain | alone) if alone.sum() < FEW * here.sum() else here & plain
            )
            if len(members) >= LEAST_FRAMES:
                scenes[members] = len(found)
                card = not rows.people[members].any()
                found.append(Scene(TAKEN_FOR_STILL, int(members[0]), len(members), "identity", card))


def _alignment(
    scenes: NDArray[np.int64], matrices: Floats, found: list[Scene], rows: _Rows, frame: Frame
) -> Alignment:
    """The alignment, with the scenes ordered by their number of frames."""
    counts = np.bincount(scenes[scenes >= 0], minlength=len(found))
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(found) + 1, np.int64)
    rank[order], rank[-1] = np.arange(len(found)), -1
    told = scenes >= 0
    measured = told & (rows.support > 0)
    sizes = np.array([magnification(matrix, frame) for matrix in matrices])
    return Alignment(
        scenes=rank[scenes],
        matrices=matrices,
        residual_px=np.where(measured, rows.residual, 0).astype(np.float32),
        uncertain_px=np.where(measured, rows.spread, 0).astype(np.float32),
        support=np.where(told, rows.support, 0).astype(np.float32),
        zoom=(1 / sizes).astype(np.float32),
        roll=np.array([-roll(matrix, frame) for matrix in matrices], np.float32),
        shots=rows.shots,
        transition=rows.mixed,
        plain=rows.states == PLAIN,
        found=tuple(
            Scene(found[n].kind, found[n].reference, int(counts[n]), found[n].model, found[n].card)
            for n in order
        ),
    )
