"""From a pose to the player's picture: doll and generator at work, on the smallest window that holds him.

The generator is fully convolutional, so it need not paint the whole picture: it runs on a window about
the player, chosen from a few fixed sizes, and the plate fills the rest. On a CPU that saves most of the
arithmetic; on a GPU each size is one captured graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from engines.doll.choice import Chooser, Drawing, choose
from engines.doll.drawing import Doll
from engines.generator import DOLL_CHANNELS, PREVIOUS_CHANNELS, LiveGenerator, multiple
from engines.player_pack import PlayerPack
from engines.runtime import Calibration, Engine, Tensors, compile_module, is_on_device
from engines.shadow import Floor

GRID = 16
"""Windows start at multiples of this: the previous output keeps its place in the net's own grid."""
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


def window_sizes(size: tuple[int, int], variant: str, *, few: bool = False) -> tuple[tuple[int, int], ...]:
    """The (width, height) of the windows for a picture of `size`, smallest area first.

    few: for a backend whose engines stay on a device (`runtime.is_on_device`).
    """
    widths, heights = (FEW_WIDTHS, FEW_HEIGHTS) if few else (WIDTHS, HEIGHTS)
    step = max(multiple(variant), GRID)

    def sides(whole: int, shares: Sequence[float]) -> set[int]:
        return {min(whole, int(-(-whole * share // step) * step)) for share in shares}

    every = {(width, height) for width in sides(size[0], widths) for height in sides(size[1], heights)}
    return tuple(sorted(every, key=lambda each: (each[0] * each[1], each)))


def choose_window(
    landmarks: NDArray[np.float32],
    size: tuple[int, int],
    sizes: Sequence[tuple[int, int]],
    standing_px: float,
) -> Window:
    """The smallest of `sizes` that holds the player, centred on him as far as the picture allows.

    landmarks (33, 4) pixels, finite. Where he reaches out of the picture, its edge is the limit.
    """
    (left, top), (right, bottom) = (
        landmarks[:, :2].min(axis=0).tolist(),
        landmarks[:, :2].max(axis=0).tolist(),
    )
    reach, hair = REACH * standing_px, HAIR * standing_px
    x0, x1 = (min(max(x, 0), size[0]) for x in (left - reach, right + reach))
    y0, y1 = (min(max(y, 0), size[1]) for y in (top - hair, bottom + reach))
    for width, height in sizes:
        x, y = _start(x0, x1, width, size[0]), _start(y0, y1, height, size[1])
        if x <= x0 and x + width >= x1 and y <= y0 and y + height >= y1:
            return Window(x, y, width, height)
    return Window(0, 0, *size)


def _start(low: float, high: float, side: int, whole: int) -> int:
    centred = (low + high - side) / 2
    return min(max(round(centred / GRID) * GRID, 0), (whole - side) // GRID * GRID)


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
        sizes = window_sizes(pack.size, pack.variant, few=is_on_device(backend))
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
        self._floor = Floor(pack.plate, pack.shadow, pack.body.near.height)
        self._standing_px = pack.body.near.height
        self._chooser, self._doll = Chooser(pack.bank), Doll(pack.bank)
        net = self.net(pack.generator())
        engines = compile_windows(net, pack, backend=backend, threads=threads, sizes=sizes)
        self._sizes = tuple(engines)
        self.backend = described(engines)
        self._engines = {size: (engine, *engine.buffers()) for size, engine in engines.items()}
        self._plates: dict[tuple[int, int], Window] = {}  # which window's plate each engine was given last
        self._previous = np.zeros((PREVIOUS_CHANNELS, self.size[1] // 4, self.size[0] // 4), np.float32)
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
        for around in (
            (slice(0, rows.start), slice(None)),
            (slice(rows.stop, None), slice(None)),
            (rows, slice(0, columns.start)),
            (rows, slice(columns.stop, None)),
        ):
            out[around] = self._floor.picture[around]
        out[rows, columns] = outputs["picture"][0]

    def run(self, landmarks: NDArray[np.float32]) -> tuple[slice, slice, Tensors]:
        """The net on the window about the pose: the picture's rows and columns that it covers, and the net's
        outputs, which the next call overwrites. landmarks, errors: as for a call.
        """
        if not np.isfinite(landmarks).all():
            raise ValueError("a landmark is not finite")
        window = choose_window(landmarks, self.size, self._sizes, self._standing_px)
        engine, inputs, outputs = self._engines[window.width, window.height]
        rows, columns = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
        quarter = (
            slice(None),
            slice(window.y // 4, (window.y + window.height) // 4),
            slice(window.x // 4, (window.x + window.width) // 4),
        )
        inputs["landmarks"][0] = landmarks - np.array([window.x, window.y, 0, 0], np.float32)
        inputs["previous"][0] = self._previous[quarter]
        self._doll.paint(landmarks, self._chooser(landmarks), inputs["doll"][0], (window.x, window.y))
        if "plate" in inputs:
            outline = np.asarray(inputs["doll"][0, ..., 3], np.uint8)
            moved = self._floor.cast(outline, landmarks, (window.x, window.y))
            if moved or self._plates.get((window.width, window.height)) != window:
                inputs["plate"][0] = self._floor.picture[rows, columns]
                self._plates[window.width, window.height] = window
        engine.run(inputs, outputs)
        self._previous.fill(0)
        self._previous[quarter] = outputs["next_previous"][0]
        return rows, columns, outputs


def calibration(net: LiveGenerator, pack: PlayerPack) -> Calibration:
    """What INT8 needs to know of a player's net."""
    return Calibration(pack.digest, lambda: _closed_loop(net, pack), net.KEEP_FLOAT)


@torch.inference_mode()
def _closed_loop(net: LiveGenerator, pack: PlayerPack) -> Iterator[dict[str, NDArray[np.generic]]]:
    """The inputs that the net sees on the player's own poses, for calibrating INT8."""
    width, height = pack.size
    previous = torch.zeros(1, PREVIOUS_CHANNELS, height // 4, width // 4)
    plate, drawer = torch.from_numpy(pack.plate)[None], Doll(pack.bank)
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
