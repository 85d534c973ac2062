"""`engines.renderer` for a device: doll, net and composite stay there, the picture alone comes back.

The host chooses the window and the views, as `Renderer` does, and sends a few hundred bytes; the device draws
the doll, paints, and copies the finished picture into the caller's memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.doll.choice import Chooser
from engines.doll.drawing_torch import TorchDoll
from engines.doll.parts import COUNT
from engines.generator import LiveGenerator
from engines.layers import LayerGenerator
from engines.player_pack import PlayerPack
from engines.renderer import Windows, compile_windows, described
from engines.runtime import EngineError
from engines.runtime.device_engine import DeviceEngine
from engines.runtime.streams import Graphs, Mark, Stream, pinned
from engines.shadow_torch import TorchFloor
from engines.skeleton import LANDMARKS

FLOATS, CORNER = LANDMARKS * 4, 2
"""Of what is sent for a frame: the landmarks, then the window's corner, then each part's view."""


class _Window(NamedTuple):
    """One size of window: its engine, and what draws the doll and runs the net on it."""

    engine: DeviceEngine
    paint: Callable[[], None]


class DeviceRenderer:
    """One player's generator on a device, with its state. For one thread, beside others on the same device.

    The constructor compiles and captures every window and takes seconds. Raises PackError, EngineError.
    """

    net: ClassVar[type[LiveGenerator]] = LiveGenerator

    def __init__(self, pack: PlayerPack, *, backend: str = "auto", threads: int = 1) -> None:
        self.size = pack.size
        self._standing_px = pack.body.near.height
        self._chooser = Chooser(pack.bank)
        net = self.net(pack.generator())
        self._shown = net.OUTPUTS[0]
        engines = compile_windows(net, pack, backend=backend, threads=threads)
        self._windows_of = Windows.of(pack, few=True)
        self.backend = described(engines)
        self._device = _on_device(next(iter(engines.values()))).device
        self._stream, self._done = Stream(self._device), Mark(self._device)
        self._doll = TorchDoll(pack.bank).to(self._device)
        around = torch.from_numpy(self._windows_of.spread(self.around(pack))).to(self._device)
        self._ground = around.clone()  # with his shadow
        self._floor = (
            TorchFloor(around, pack.shadow, self._standing_px).to(self._device)
            if pack.shadow is not None and "plate" in net.INPUTS
            else None
        )
        self._picture = torch.zeros_like(around)
        self._previous = torch.from_numpy(self._windows_of.previous())[None].to(self._device)
        self._order = pinned((FLOATS + CORNER + 4 * COUNT,), torch.float32, self._device)
        self._order_there = torch.zeros_like(self._order, device=self._device)
        graphs = Graphs(self._stream)
        self._windows = {
            size: _Window(_on_device(engine), graphs.capture(self._work(_on_device(engine), size)))
            for size, engine in engines.items()
        }
        self._stream.wait_for_default()
        self.reset()

    @staticmethod
    def around(pack: PlayerPack) -> NDArray[np.uint8]:
        """What is shown where the player is not, (H, W, channels)."""
        return pack.plate

    def reset(self) -> None:
        """Forgets the previous output."""
        with self._stream.current():
            self._previous.zero_()
        self._chooser.reset()

    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        """As `Renderer`. Into page-locked memory (`page_lock`) the device writes by itself."""
        if not np.isfinite(landmarks).all():
            raise ValueError("a landmark is not finite")
        window = self._windows_of.choose(landmarks, tuple(self._windows))
        x, y, width, height = window
        drawing = self._chooser(landmarks)
        assert drawing.order is not None  # noqa: S101  # a chooser gives one
        order = self._order.numpy()
        order[:FLOATS] = landmarks.reshape(-1)
        order[FLOATS:] = (x, y, *drawing.frames, *drawing.before, *drawing.share, *drawing.order)
        engine, paint = self._windows[width, height]
        near = (slice(y, y + height), slice(x, x + width))
        before = self._previous[0][self._windows_of.cells(window)]
        with self._stream.current():
            self._order_there.copy_(self._order, non_blocking=True)
            engine.give["previous"][0].copy_(before)
            paint()
            self._previous.zero_()
            before.copy_(engine.take["next_previous"][0])
            self._picture.copy_(self._ground)
            self._picture[near].copy_(engine.take[self._shown][0])
            torch.from_numpy(out).copy_(self._picture[: out.shape[0], : out.shape[1]], non_blocking=True)
            self._done.set()
        self._done.wait()

    def _work(self, engine: DeviceEngine, size: tuple[int, int]) -> Callable[[], None]:
        """What is captured for a window of `size` (width, height)."""
        shape = (size[1], size[0])
        across, down = (torch.arange(side, device=self._device) for side in size)

        def work() -> None:
            landmarks = self._order_there[:FLOATS].view(1, LANDMARKS, 4)
            corner = self._order_there[FLOATS : FLOATS + CORNER].view(1, CORNER)
            frames, before, share, order = self._order_there[FLOATS + CORNER :].view(4, 1, COUNT).unbind()
            doll: Tensor = self._doll(
                landmarks, frames.long(), shape, corner, before.long(), share, order.long()
            )  # (1, 4, h, w) RGBA
            bgra = torch.cat([doll[:, :3].flip(1), doll[:, 3:]], dim=1) * 255 + 0.5
            engine.give["doll"].copy_(bgra.permute(0, 2, 3, 1))
            engine.give["landmarks"].copy_(landmarks)
            engine.give["landmarks"][..., :CORNER].sub_(corner[:, None])
            if self._floor is not None:
                self._ground.copy_(self._floor(doll[:, 3:], landmarks, corner))
            if "plate" in engine.give:
                left, top = corner[0].long()
                near = self._ground.index_select(0, down + top).index_select(1, across + left)
                engine.give["plate"][0].copy_(near)
            engine.enqueue()

        return work


class DeviceLayerRenderer(DeviceRenderer):
    """`engines.layers.LayerRenderer` on a device: the player alone, into (H, W, 4) BGRA, straight."""

    net = LayerGenerator

    @staticmethod
    def around(pack: PlayerPack) -> NDArray[np.uint8]:
        """Nothing."""
        return np.zeros((pack.size[1], pack.size[0], 4), np.uint8)

    def _work(self, engine: DeviceEngine, size: tuple[int, int]) -> Callable[[], None]:
        paint, layer = super()._work(engine, size), engine.take[self._shown]

        def work() -> None:
            paint()
            layer.mul_(layer[..., 3:] > 0)  # no colour where he is not at all

        return work


def _on_device(engine: object) -> DeviceEngine:
    if not isinstance(engine, DeviceEngine):
        raise EngineError("this backend keeps no frames on a device: choose cuda")
    return engine
