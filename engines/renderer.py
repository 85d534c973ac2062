"""From a pose to the player's picture: doll and generator at work, on the smallest window that holds him.

The generator is fully convolutional, so it need not paint the whole picture: it runs on a window about
the player, chosen from a few fixed sizes, and the plate fills the rest. On a CPU that saves most of the
arithmetic; on a GPU each size is one captured graph.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engines.doll.choice import Chooser, Drawing, choose
from engines.doll.drawing import Doll
from engines.generator import (
    DOLL_CHANNELS,
    PREVIOUS_CHANNELS,
    LiveGenerator,
    canvas_of,
    cell_px,
    multiple,
)
from engines.player_pack import PlayerPack
from engines.runtime import Calibration, Engine, Tensors, compile_module, is_on_device
from engines.shadow import Floor

GRID = 2
"""Windows start at multiples of so many cells: the previous output keeps its place in the net's own grid."""
WIDTHS, HEIGHTS = (5 / 16, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 1), (3 / 4, 13 / 16, 7 / 8, 1)
"""Window sizes as shares of the picture."""
FEW_WIDTHS, FEW_HEIGHTS = (3 / 8, 1 / 2, 3 / 4, 1), (7 / 8, 1)
"""The same for backends on a GPU, where each window is a plan or a captured graph of its own: it takes time
before the show, and memory."""
CALIBRATION_POSES = 24
HAIR, REACH = 0.16, 0.07
"""How far the player may extend beyond his landmarks, up and to the other sides, in standing heights."""


class Window(NamedTuple):
    """Pixels of the player's picture."""

    x: int
    y: int
    width: int
    height: int


class Windows:
    """The windows for a picture of `size` (width, height) of a player who stands `standing_px` high.

    canvas: the picture with what is added at its right and lower edge, so that its sides are multiples of
    what the net asks for. sizes: (width, height), smallest area first. few: for a backend whose engines stay
    on a device (`runtime.is_on_device`).
    """

    def __init__(self, size: tuple[int, int], variant: str, standing_px: float, *, few: bool = False) -> None:
        widths, heights = (FEW_WIDTHS, FEW_HEIGHTS) if few else (WIDTHS, HEIGHTS)
        self.cell = cell_px(standing_px)
        step = multiple(variant, self.cell)
        self.canvas = canvas_of(size, step)
        self._standing_px = standing_px

        def sides(whole: int, shares: Sequence[float]) -> set[int]:
            return {min(whole, int(-(-whole * share // step) * step)) for share in shares}

        every = itertools.product(sides(self.canvas[0], widths), sides(self.canvas[1], heights))
        self.sizes = tuple(sorted(every, key=lambda each: (each[0] * each[1], each)))

    @classmethod
    def of(cls, pack: PlayerPack, *, few: bool = False) -> Windows:
        """Those of a player."""
        return cls(pack.size, pack.variant, pack.body.near.height, few=few)

    def choose(
        self, landmarks: NDArray[np.float32], sizes: Sequence[tuple[int, int]] | None = None
    ) -> Window:
        """The smallest of `sizes` (all, by default) that holds the player, centred on him as far as the
        canvas allows.

        landmarks (33, 4) pixels, finite. Where he reaches out of the canvas, its edge is the limit.
        """
        (left, top), (right, bottom) = (
            landmarks[:, :2].min(axis=0).tolist(),
            landmarks[:, :2].max(axis=0).tolist(),
        )
        reach, hair, size = REACH * self._standing_px, HAIR * self._standing_px, self.canvas
        x0, x1 = (min(max(x, 0), size[0]) for x in (left - reach, right + reach))
        y0, y1 = (min(max(y, 0), size[1]) for y in (top - hair, bottom + reach))
        for width, height in self.sizes if sizes is None else sizes:
            x, y = self._start(x0, x1, width, size[0]), self._start(y0, y1, height, size[1])
            if x <= x0 and x + width >= x1 and y <= y0 and y + height >= y1:
                return Window(x, y, width, height)
        return Window(0, 0, *size)

    def _start(self, low: float, high: float, side: int, whole: int) -> int:
        grid, centred = GRID * self.cell, (low + high - side) / 2
        return min(max(round(centred / grid) * grid, 0), (whole - side) // grid * grid)

    def cells(self, window: Window) -> tuple[slice, slice, slice]:
        """Where a window lies in the previous output (C, h, w) of the whole canvas."""
        left, top, right, bottom = (
            side // self.cell
            for side in (window.x, window.y, window.x + window.width, window.y + window.height)
        )
        return slice(None), slice(top, bottom), slice(left, right)

    def previous(self) -> NDArray[np.float32]:
        """A previous output of the whole canvas that shows nothing."""
        width, height = (side // self.cell for side in self.canvas)
        return np.zeros((PREVIOUS_CHANNELS, height, width), np.float32)

    def spread(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture (H, W, C) on the canvas: its edge goes on."""
        (width, height), (rows, columns) = self.canvas, picture.shape[:2]
        if (columns, rows) == (width, height):
            return picture
        wider = cv2.copyMakeBorder(picture, 0, height - rows, 0, width - columns, cv2.BORDER_REPLICATE)
        return np.asarray(wider, np.uint8)


def compile_windows(
    net: LiveGenerator,
    pack: PlayerPack,
    *,
    backend: str,
    threads: int,
    sizes: Sequence[tuple[int, int]] | None = None,
) -> dict[tuple[int, int], Engine]:
    """An engine for each of the pack's windows, by (width, height), smallest first; of `sizes` alone where
    they are given. Raises EngineError."""
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


def described(engines: Mapping[tuple[int, int], Engine]) -> str:
    """The backend and the precision of a player's engines, for people."""
    first = next(iter(engines.values()))
    return f"{first.backend} {first.precision}"


class Renderer:
    """One player's generator, compiled, with its state. For one thread.

    The constructor compiles every window and takes seconds. Raises PackError, EngineError.
    """

    net: ClassVar[type[LiveGenerator]] = LiveGenerator

    def __init__(
        self,
        pack: PlayerPack,
        *,
        backend: str = "auto",
        threads: int = 1,
        sizes: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        """sizes: the windows, (width, height); by default all that suit the backend."""
        self.size = pack.size
        self._windows = Windows.of(pack)
        self._floor = Floor(self._windows.spread(pack.plate), pack.shadow, pack.body.near.height)
        self._chooser, self._doll = Chooser(pack.bank), Doll(pack.bank)
        net = self.net(pack.generator())
        engines = compile_windows(net, pack, backend=backend, threads=threads, sizes=sizes)
        self._sizes = tuple(engines)
        self.backend = described(engines)
        self._engines = {size: (engine, *engine.buffers()) for size, engine in engines.items()}
        self._plates: dict[tuple[int, int], Window] = {}  # which window's plate each engine was given last
        self._previous = self._windows.previous()
        self.reset()

    def reset(self) -> None:
        """Forgets the previous output."""
        self._previous.fill(0)
        self._chooser.reset()

    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        """Paints the player in a pose into `out` (H, W, 3) BGR.

        landmarks: (33, 4) pixels of his picture. Raises ValueError where one is not finite.
        """
        rows, columns, outputs = self.run(landmarks)
        height, width = out.shape[:2]
        for around in (
            (slice(0, rows.start), slice(None)),
            (slice(rows.stop, None), slice(None)),
            (rows, slice(0, columns.start)),
            (rows, slice(columns.stop, None)),
        ):
            out[around] = self._floor.picture[:height, :width][around]
        out[rows, columns] = outputs["picture"][0, : height - rows.start, : width - columns.start]

    def run(self, landmarks: NDArray[np.float32]) -> tuple[slice, slice, Tensors]:
        """The net on the window about the pose: the canvas's rows and columns that it covers, which may reach
        beyond the picture, and the net's outputs, which the next call overwrites. landmarks, errors: as for a
        call.
        """
        if not np.isfinite(landmarks).all():
            raise ValueError("a landmark is not finite")
        window = self._windows.choose(landmarks, self._sizes)
        engine, inputs, outputs = self._engines[window.width, window.height]
        rows, columns = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
        cells = self._windows.cells(window)
        inputs["landmarks"][0] = landmarks - np.array([window.x, window.y, 0, 0], np.float32)
        inputs["previous"][0] = self._previous[cells]
        self._doll.paint(landmarks, self._chooser(landmarks), inputs["doll"][0], (window.x, window.y))
        if "plate" in inputs:
            outline = np.asarray(inputs["doll"][0, ..., 3], np.uint8)
            moved = self._floor.cast(outline, landmarks, (window.x, window.y))
            if moved or self._plates.get((window.width, window.height)) != window:
                inputs["plate"][0] = self._floor.picture[rows, columns]
                self._plates[window.width, window.height] = window
        engine.run(inputs, outputs)
        self._previous.fill(0)
        self._previous[cells] = outputs["next_previous"][0]
        return rows, columns, outputs


def calibration(net: LiveGenerator, pack: PlayerPack) -> Calibration:
    """What INT8 needs to know of a player's net."""
    return Calibration(pack.digest, lambda: _closed_loop(net, pack), net.KEEP_FLOAT)


@torch.inference_mode()
def _closed_loop(net: LiveGenerator, pack: PlayerPack) -> Iterator[dict[str, NDArray[np.generic]]]:
    """The inputs that the net sees on the player's own poses, for calibrating INT8."""
    windows = Windows.of(pack)
    width, height = windows.canvas
    previous = torch.from_numpy(windows.previous())[None]
    plate, drawer = torch.from_numpy(windows.spread(pack.plate))[None], Doll(pack.bank)
    every = max(1, len(pack.poses) // CALIBRATION_POSES)
    for pose in pack.poses[::every][:CALIBRATION_POSES]:
        doll = np.empty((1, height, width, DOLL_CHANNELS), np.uint8)
        drawer.paint(pose, Drawing.of(choose(pack.bank, pose)), doll[0])
        every_input = {
            "landmarks": pose[None],
            "previous": previous.numpy(),
            "plate": plate.numpy(),
            "doll": doll,
        }
        inputs = {name: every_input[name] for name in net.INPUTS}
        yield inputs
        _, previous = net(*(torch.from_numpy(value) for value in inputs.values()))
