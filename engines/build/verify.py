"""Compares a compiled network with eager torch in float32 on real frames, and measures its speed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.build.networks import Export, PoseNet
from engines.painting.compositing import Compositor
from engines.painting.generator import FINE
from engines.plans.cache import Parity
from engines.pose.detector import Detector
from engines.pose.region import Region
from engines.runtime.engine import Engine, EngineError, Tensors

FRAMES = Path(__file__).resolve().parents[2] / "assets" / "fan_dance.mp4"
EVERY, MOST = 120, 6
"""The clip's frames that are used: every EVERY-th, at most MOST."""
POSES = 3
MOST_PX = 0.5
"""A pose net's points may move by this much on average in any frame, pixels of the frame."""
LEAST_DB = {"int8": 35.0, "bf16": 35.0}
LEAST_DB_ELSE = 40.0
"""Least PSNR of the player's pixels in the generator's picture. bf16 has three bits less than fp16, 18 dB."""
WARM_UP, RUNS = 5, 30

Run = Callable[[Tensors], Tensors]


class Sample(NamedTuple):
    """A network's inputs. scale: pixels of the frame for one side of a pose net's picture."""

    inputs: Tensors
    scale: float = 1.0


def eager(export: Export) -> Run:
    """The reference: the module unchanged, in float32 on the CPU."""

    def run(inputs: Tensors) -> Tensors:
        with torch.inference_mode():
            results = export.module(*(torch.from_numpy(inputs[name]) for name in export.examples[0]))
        results = results if isinstance(results, tuple) else (results,)
        return {name: result.numpy() for name, result in zip(export.outputs, results, strict=True)}

    return run


def compiled(engine: Engine) -> Run:
    """An engine as a function. It returns the engine's own buffers."""
    inputs, outputs = engine.buffers()

    def run(given: Tensors) -> Tensors:
        for name, array in inputs.items():
            array[...] = given[name]
        engine.run(inputs, outputs)
        return outputs

    return run


def parity(export: Export, index: int, precision: str, run: Run) -> Parity:
    """How far `run` is from eager torch in the worst of some real frames. Raises EngineError."""
    reference = eager(export)
    if export.pose is None:
        least = LEAST_DB.get(precision, LEAST_DB_ELSE)
        psnr = [
            _psnr(sample.inputs, reference(sample.inputs), run(sample.inputs))
            for sample in itertools.islice(_poses(export, index), POSES)
        ]
        return Parity("dB", least, round(min(psnr), 2))
    points = export.pose.points
    moved = []
    for sample in _looks(export.pose):
        true = points(reference(sample.inputs))
        if true is None:
            continue
        found = points(run(sample.inputs))
        if found is None:
            return Parity("px", MOST_PX, float("inf"))
        moved.append(float(np.linalg.norm(found - true, axis=1).mean()) * sample.scale)
    if not moved:
        raise EngineError(f"{FRAMES} shows nothing that the network {export.label} finds")
    return Parity("px", MOST_PX, round(max(moved), 3))


def not_measured(export: Export, precision: str, why: str) -> Parity:
    """The manifest's entry for a plan that cannot be run."""
    if export.pose is not None:
        return Parity("px", MOST_PX, note=f"not measured ({why})")
    return Parity("dB", LEAST_DB.get(precision, LEAST_DB_ELSE), note=f"not measured ({why})")


def latency_ms(export: Export, index: int, run: Run) -> float:
    """Median milliseconds of a run, host to host."""
    inputs = {name: tensor.numpy() for name, tensor in export.examples[index].items()}
    times = []
    for _ in range(WARM_UP + RUNS):
        start = time.perf_counter()
        run(inputs)
        times.append(time.perf_counter() - start)
    return round(1000 * float(np.median(times[WARM_UP:])), 3)


def _psnr(inputs: Tensors, true: Tensors, found: Tensors) -> float:
    """PSNR of the pixels that the player covers, without a background."""
    truth, seen = (_layer(inputs, each) for each in (true, found))
    covered = truth[..., 3] > 0
    if not covered.any():
        raise EngineError("the player's poses show nothing of the player: the pack is not trained")
    error = float(np.square(truth - seen)[covered].mean())
    return 10 * float(np.log10(255**2 / max(error, 1e-6)))


def _layer(inputs: Tensors, outputs: Tensors) -> NDArray[np.float32]:
    """The picture that results from `LiveGenerator`'s outputs, at the resolution of its doll: colours times
    alpha, and alpha, (H, W, 4) 0..255."""
    doll, own = np.asarray(inputs["doll"][0], np.uint8), np.asarray(outputs["own"][0], np.float32)
    fields = np.asarray(outputs["fields"][0], np.float32)
    colours, alpha, _ = Compositor(FINE, 1).paint(doll, own, fields)
    return np.dstack([colours * alpha[..., None], alpha * 255])


def _poses(export: Export, index: int) -> Iterator[Sample]:
    """The player's own poses, in a window of the example's size around the player."""
    assert export.calibration is not None  # noqa: S101  # a generator has one
    height, width = export.examples[index]["doll"].shape[1:3]
    for sample in export.calibration.samples():
        yield Sample(_window(sample, width, height, export.generator.cell))


def _window(sample: Tensors, width: int, height: int, cell_px: int) -> Tensors:
    """A piece of a whole picture's inputs, `width` x `height` pixels of its doll; or all of it, enlarged,
    where the piece is larger. cell_px: pixels a cell, in the picture to which the landmarks belong."""
    landmarks, previous = (np.asarray(sample[name], np.float32) for name in ("landmarks", "previous"))
    doll = np.asarray(sample["doll"], np.uint8)
    rows, columns = doll.shape[1:3]
    if width > columns or height > rows:
        stretch = np.array([width / columns, height / rows, width / columns, 1], np.float32)
        larger = cv2.resize(doll[0], (width, height), interpolation=cv2.INTER_LINEAR)[None]
        nothing = np.zeros((1, previous.shape[1], height // FINE, width // FINE), np.float32)
        return {"landmarks": landmarks * stretch, "previous": nothing, "doll": larger}
    middle = landmarks[0, :, :2].mean(axis=0) / cell_px
    x, y = (  # in cells
        int(np.clip(round(at - side / FINE / 2), 0, (whole - side) // FINE))
        for at, side, whole in zip(middle, (width, height), (columns, rows), strict=True)
    )
    across, down = slice(FINE * x, FINE * x + width), slice(FINE * y, FINE * y + height)
    cells = (slice(y, y + height // FINE), slice(x, x + width // FINE))
    return {
        "landmarks": landmarks - np.array([x, y, 0, 0], np.float32) * cell_px,
        "previous": np.ascontiguousarray(previous[:, :, *cells]),
        "doll": np.ascontiguousarray(doll[:, down, across]),
    }


def _looks(net: PoseNet) -> Iterator[Sample]:
    """The crops of the frames that the net gets."""
    for frame, person in _people():
        region = net.region((frame.shape[1], frame.shape[0]), person)
        yield Sample({"picture": _crop(frame, region, net)}, region.side)


def _crop(frame: NDArray[np.uint8], region: Region, net: PoseNet) -> NDArray[np.uint8]:
    """The crop (1, size, size, 3) RGB, as engines/pose makes it."""
    crop = cv2.warpAffine(
        frame,
        region.to_frame(net.size),
        (net.size, net.size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE if net.replicate else cv2.BORDER_CONSTANT,
    )
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)[None])


@cache
def _people() -> Sequence[tuple[NDArray[np.uint8], Region]]:
    """Frames of the bundled clip, with the person found in each."""
    detect = Detector(backend="torch")
    found = [
        (frame, detection.region)
        for frame in itertools.islice(_frames(), MOST)
        for detection in detect(frame)[:1]
    ]
    if not found:
        raise EngineError(f"{FRAMES} cannot be read, or shows nobody: plans are verified on it")
    return found


def _frames() -> Iterator[NDArray[np.uint8]]:
    video = cv2.VideoCapture(str(FRAMES))
    index = 0
    while video.grab():
        if index % EVERY == 0:
            yield np.asarray(video.retrieve()[1], np.uint8)
        index += 1
    video.release()
