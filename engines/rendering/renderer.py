"""Turns a pose into the player's picture, on a CPU: doll, generator and compositing, on the smallest window
that holds the player. The performer calls it for every frame of a show.

The doll is drawn at full resolution; the net sees it at a lower one, and runs on its own coarse grid.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.backends.choice import choose_backend, compile_module, is_on_device
from engines.body import Body
from engines.doll.bank import Bank
from engines.doll.choice import Chooser
from engines.doll.drawing import Doll
from engines.doll.likeness import Likeness
from engines.pack.player_pack import PlayerPack
from engines.painting.compositing import Bytes, Composed, Compositor, Floats
from engines.painting.generator import DOLL_CHANNELS, Generator, LiveGenerator
from engines.painting.shadow import Floor, Shadow
from engines.rendering.windows import Windows
from engines.runtime.engine import Calibration, Engine, Tensors

CALIBRATION_POSES = 24


def compile_windows(
    net: LiveGenerator,
    pack: PlayerPack,
    *,
    backend: str,
    threads: int,
    sizes: Sequence[tuple[int, int]] | None = None,
) -> dict[tuple[int, int], Engine]:
    """Compiles an engine for each of the pack's windows, or only for `sizes`: by (width, height), smallest
    first. Raises EngineError."""
    if sizes is None:
        sizes = Windows.of(pack, few=is_on_device(backend)).sizes
    engines = compile_module(
        net,
        [net.example(size) for size in sizes],
        net.OUTPUTS,
        backend=backend,
        precision="auto",
        threads=threads,
        calibration=calibration(net, pack),
    )
    return dict(zip(sizes, engines, strict=True))


def is_kept(pack: PlayerPack, backend: str, threads: int) -> bool:
    """Whether an earlier run left the result of `compile_windows` on disk. Raises PackError."""
    if choose_backend(backend) != "openvino":
        return False
    from engines.backends.openvino import is_compiled

    net = LiveGenerator(pack.generator())
    examples = [net.example(size) for size in Windows.of(pack).sizes]
    return is_compiled(net, examples, net.OUTPUTS, threads, calibration(net, pack))


def described(engines: Mapping[tuple[int, int], Engine]) -> str:
    """Backend and precision of a player's engines, as a text for people."""
    first = next(iter(engines.values()))
    return f"{first.backend} {first.precision}"


class Ready(NamedTuple):
    """A net for one size of window: its inputs and outputs, see `LiveGenerator`, and the function that runs
    it."""

    inputs: Tensors
    outputs: Tensors
    run: Callable[[], None]


class Painted(NamedTuple):
    """The result of `PoseRenderer.paint`: the canvas's rows and columns that the window covers, which may
    reach beyond the picture, and the window's pixels. The next call overwrites it."""

    rows: slice
    columns: slice
    composed: Composed


class PoseRenderer:
    """Paints one player with given nets, and keeps the state from frame to frame. For one thread.

    size: of the picture, (width, height). bank: None without a doll. nets: by the size of their window,
    smallest first. memory: whether the net sees its own previous output. floor: the plate with the shadow of
    the last pose. likeness: of the last picture, see `engines.doll.likeness`; 1 without a doll. spent_ns:
    nanoseconds that the last picture took for the "doll", the "net" and "compositing".
    """

    def __init__(
        self,
        generator: Generator,
        nets: Mapping[tuple[int, int], Ready],
        *,
        size: tuple[int, int],
        body: Body,
        bank: Bank | None,
        plate: Bytes,
        shadow: Shadow | None,
        memory: bool = True,
    ) -> None:
        self.size, self._nets, self._sizes, self._memory = size, nets, tuple(nets), memory
        self._windows = Windows(size, generator.variant, body.near.height)
        self.floor = Floor(self._windows.spread(plate), shadow, body.near.height)
        self._cell = generator.cell
        self._chooser = None if bank is None else Chooser(bank)
        self._doll = None if bank is None else Doll(bank)
        self._likeness = None if bank is None else Likeness(bank)
        self.likeness = 1.0
        self.spent_ns: dict[str, int] = {}
        everywhere = bank is None or not generator.doll_has_the_edge
        self._compositor = Compositor(self._cell, generator.soft, everywhere=everywhere)
        width, height = self._windows.canvas
        self._bgra = np.zeros(height * width * DOLL_CHANNELS, np.uint8)
        self._previous = self._windows.previous()
        self.reset()

    def reset(self) -> None:
        """Forgets the previous output, before another dancer's poses."""
        self._previous.fill(0)
        if self._chooser is not None:
            self._chooser.reset()

    def __call__(self, landmarks: Floats, out: Bytes) -> None:
        """Paints the player in a pose into `out` (H, W, 3) BGR.

        landmarks: (33, 4), pixels of the player's picture. Raises ValueError where one is not finite.
        """
        rows, columns, composed = self.paint(landmarks)
        begun_ns = time.perf_counter_ns()
        height, width = out.shape[:2]
        np.copyto(out, self.floor.picture[:height, :width])
        composed.over(out[rows, columns])
        self.spent_ns["compositing"] += time.perf_counter_ns() - begun_ns

    def paint(self, landmarks: Floats) -> Painted:
        """Paints the player alone. landmarks, errors: as in `__call__`."""
        if not np.isfinite(landmarks).all():
            raise ValueError("a landmark is not finite")
        begun_ns = time.perf_counter_ns()
        window = self._windows.choose(landmarks, self._sizes)
        shape = (window.height, window.width, DOLL_CHANNELS)
        net, doll = self._nets[window.width, window.height], self._bgra[: math.prod(shape)].reshape(shape)
        cells, corner = self._windows.cells(window), (window.x, window.y)
        net.inputs["landmarks"][0] = landmarks - np.array([*corner, 0, 0], np.float32)
        net.inputs["previous"][0] = self._previous[cells]
        if self._doll is not None and self._chooser is not None:
            drawing = self._chooser(landmarks)
            if self._likeness is not None:
                self.likeness = self._likeness(landmarks, drawing.frames)
            self._doll.paint(landmarks, drawing, doll, corner)
            seen = np.asarray(net.inputs["doll"][0], np.uint8)
            cv2.resize(doll, (seen.shape[1], seen.shape[0]), dst=seen, interpolation=cv2.INTER_AREA)
        drawn_ns = time.perf_counter_ns()
        net.run()
        run_ns = time.perf_counter_ns()
        own, fields = (np.asarray(net.outputs[name][0], np.float32) for name in LiveGenerator.OUTPUTS)
        self.floor.cast(doll[..., 3], landmarks, corner)
        composed = self._compositor.paint(doll, own, fields)
        if self._memory:
            self._previous.fill(0)
            self._previous[cells] = composed.cells
        rows = slice(window.y, window.y + window.height)
        self.spent_ns = {
            "doll": drawn_ns - begun_ns,
            "net": run_ns - drawn_ns,
            "compositing": time.perf_counter_ns() - run_ns,
        }
        return Painted(rows, slice(window.x, window.x + window.width), composed)


class Renderer(PoseRenderer):
    """One player's generator, compiled for a show. engines: its compiled nets.

    The constructor compiles every window, which takes seconds. Raises PackError, EngineError.
    """

    def __init__(
        self,
        pack: PlayerPack,
        *,
        backend: str = "auto",
        threads: int = 1,
        sizes: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        """sizes: the windows, (width, height); by default all that suit the backend."""
        generator = pack.generator()
        engines = compile_windows(
            LiveGenerator(generator), pack, backend=backend, threads=threads, sizes=sizes
        )
        self.backend = described(engines)
        self.engines = tuple(engines.values())
        super().__init__(
            generator,
            {size: _ready(engine) for size, engine in engines.items()},
            size=pack.size,
            body=pack.body,
            bank=pack.bank,
            plate=pack.plate,
            shadow=pack.shadow,
        )


class LayerRenderer(Renderer):
    """`Renderer` for the player alone, with alpha."""

    def __call__(self, landmarks: Floats, out: Bytes) -> None:
        """As `Renderer`, into `out` (H, W, 4) BGRA, straight; all 0 where the player is not."""
        rows, columns, (colours, alpha, _) = self.paint(landmarks)
        out[:] = 0
        there = out[rows, columns]
        height, width = there.shape[:2]
        there[..., :3] = colours[:height, :width]
        there[..., 3] = alpha[:height, :width] * 255 + np.float32(0.5)
        there[there[..., 3] == 0] = 0


def _ready(engine: Engine) -> Ready:
    inputs, outputs = engine.buffers()
    return Ready(inputs, outputs, lambda: engine.run(inputs, outputs))


def eager(net: LiveGenerator, size: tuple[int, int], device: torch.device) -> Ready:
    """A net in eager torch on `device`, for a window of `size` (width, height)."""
    inputs = {name: value.numpy() for name, value in net.example(size).items()}
    outputs: dict[str, NDArray[np.generic]] = {}

    @torch.inference_mode()
    def run() -> None:
        given = (torch.from_numpy(value).to(device) for value in inputs.values())
        for name, value in zip(net.OUTPUTS, net(*given), strict=True):
            outputs[name] = value.float().cpu().numpy()

    return Ready(inputs, outputs, run)


def calibration(net: LiveGenerator, pack: PlayerPack) -> Calibration:
    """What INT8 quantization needs to know about a player's net."""
    cell = net.generator.cell

    def picture(inputs: Mapping[str, Any]) -> str:
        rows, columns = inputs["previous"].shape[2:]
        return f"{cell * columns}x{cell * rows}"

    return Calibration(pack.digest, lambda: _closed_loop(net, pack), net.KEEP_FLOAT, picture)


def _closed_loop(net: LiveGenerator, pack: PlayerPack) -> Iterator[dict[str, NDArray[np.generic]]]:
    """The net's inputs along the player's own poses, on the whole canvas, for calibrating INT8."""
    windows = Windows.of(pack)
    ready = eager(net.eval(), windows.canvas, torch.device("cpu"))
    renderer = PoseRenderer(
        net.generator, {windows.canvas: ready}, size=pack.size, body=pack.body, bank=pack.bank,
        plate=pack.plate, shadow=None,
    )  # fmt: skip
    every = max(1, len(pack.poses) // CALIBRATION_POSES)
    for pose in pack.poses[::every][:CALIBRATION_POSES]:
        renderer.paint(pose)
        yield {name: value.copy() for name, value in ready.inputs.items()}
