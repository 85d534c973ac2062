"""`renderer.py` for a device: doll, net and composite stay on it, and only the picture comes back.

The host chooses the window and the frames, as `Renderer` does, and sends a few hundred bytes. The device
draws the doll, paints, and copies the finished picture into the caller's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engines.doll.choice import Chooser
from engines.doll.drawing_torch import TorchDoll
from engines.doll.likeness import Likeness
from engines.doll.parts import COUNT
from engines.pack.player_pack import PlayerPack
from engines.painting.compositing_torch import TorchCompositor
from engines.painting.generator import FINE, LiveGenerator
from engines.painting.shadow_torch import TorchFloor
from engines.rendering.renderer import compile_windows, described
from engines.rendering.windows import Windows
from engines.runtime.device_engine import DeviceEngine
from engines.runtime.engine import Engine, EngineError
from engines.runtime.streams import Event, Graphs, Stream, pinned
from engines.skeleton import LANDMARKS

FLOATS, CORNER = LANDMARKS * 4, 2
"""Layout of what is sent for a frame: the landmarks, the window's corner, then each part's drawing."""


class _Window(NamedTuple):
    """One size of window: its engine; the tensor with its picture (h, w, channels); the net's next previous
    output; and the function that paints it."""

    engine: DeviceEngine
    shown: Tensor
    following: Tensor
    paint: Callable[[], None]


class DeviceRenderer:
    """One player's generator on a device, with its state. For one thread; others may use the same device.

    likeness: of the last picture, see `engines.doll.likeness`. The constructor compiles and captures every
    window, which takes seconds. Raises PackError, EngineError.
    """

    def __init__(self, pack: PlayerPack, *, backend: str = "auto", threads: int = 1) -> None:
        self.size = pack.size
        self._chooser, self._likeness = Chooser(pack.bank), Likeness(pack.bank)
        self.likeness = 1.0
        self.spent_ns: dict[str, int] = {}  # stays empty: the device's steps overlap
        generator = pack.generator()
        engines = compile_windows(LiveGenerator(generator), pack, backend=backend, threads=threads)
        self._windows_of = Windows.of(pack, few=True)
        self.backend = described(engines)
        self._device = _on_device(next(iter(engines.values()))).device
        self._stream, self._done = Stream(self._device), Event(self._device)
        self._doll = TorchDoll(pack.bank).to(self._device)
        self._compositor, self._scale = TorchCompositor(generator), generator.cell // FINE
        around = torch.from_numpy(self._windows_of.spread(self.around(pack))).to(self._device)
        self._ground = around.clone()  # with the player's shadow
        self._floor = self._floor_of(pack, around)
        self._picture = torch.zeros_like(around)
        self._previous = torch.from_numpy(self._windows_of.previous())[None].to(self._device)
        self._order = pinned((FLOATS + CORNER + 4 * COUNT,), torch.float32, self._device)
        self._order_there = torch.zeros_like(self._order, device=self._device)
        graphs = Graphs(self._stream)
        self._windows = {size: self._window(graphs, engine, size) for size, engine in engines.items()}
        self._stream.wait_for_default()
        self.reset()

    @staticmethod
    def around(pack: PlayerPack) -> NDArray[np.uint8]:
        """What is shown where the player is not, (H, W, channels): the plate."""
        return pack.plate

    def _floor_of(self, pack: PlayerPack, around: Tensor) -> TorchFloor | None:
        if pack.shadow is None:
            return None
        return TorchFloor(around, pack.shadow, pack.body.near.height).to(self._device)

    def reset(self) -> None:
        """Forgets the previous output."""
        with self._stream.current():
            self._previous.zero_()
        self._chooser.reset()

    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        """As `Renderer`. If `out` is page-locked (`page_lock`), the device writes to it by itself."""
        if not np.isfinite(landmarks).all():
            raise ValueError("a landmark is not finite")
        window = self._windows_of.choose(landmarks, tuple(self._windows))
        x, y, width, height = window
        drawing = self._chooser(landmarks)
        assert drawing.order is not None  # noqa: S101  # a chooser gives one
        self.likeness = self._likeness(landmarks, drawing.frames)
        order = self._order.numpy()
        order[:FLOATS] = landmarks.reshape(-1)
        order[FLOATS:] = (x, y, *drawing.frames, *drawing.before, *drawing.share, *drawing.order)
        engine, shown, following, paint = self._windows[width, height]
        near = (slice(y, y + height), slice(x, x + width))
        before = self._previous[0][self._windows_of.cells(window)]
        with self._stream.current():
            self._order_there.copy_(self._order, non_blocking=True)
            engine.input_tensors["previous"][0].copy_(before)
            paint()
            self._previous.zero_()
            before.copy_(following[0])
            self._picture.copy_(self._ground)
            self._picture[near].copy_(shown)
            torch.from_numpy(out).copy_(self._picture[: out.shape[0], : out.shape[1]], non_blocking=True)
            self._done.set()
        self._done.wait()

    def _window(self, graphs: Graphs, engine: Engine, size: tuple[int, int]) -> _Window:
        """Captures all work on a window of `size` (width, height)."""
        there = _on_device(engine)
        channels = self._picture.shape[2]
        shown = torch.zeros(size[1], size[0], channels, dtype=torch.uint8, device=self._device)
        following = torch.zeros_like(there.input_tensors["previous"])
        across, down = (torch.arange(side, device=self._device) for side in size)

        def work() -> None:
            landmarks, corner, (frames, before, share, order) = self._orders()
            rgba: Tensor = self._doll(
                landmarks, frames.long(), (size[1], size[0]), corner, before.long(), share, order.long()
            )
            doll = torch.cat([rgba[:, :3].flip(1), rgba[:, 3:]], dim=1)  # (1, 4, h, w) premultiplied BGRA
            small = F.avg_pool2d(doll, self._scale)
            there.input_tensors["doll"].copy_((small * 255 + 0.5).permute(0, 2, 3, 1))
            there.input_tensors["landmarks"].copy_(landmarks)
            there.input_tensors["landmarks"][..., :CORNER].sub_(corner[:, None])
            there.enqueue()
            own, fields = (there.output_tensors[name] for name in LiveGenerator.OUTPUTS)
            colours, alpha = self._compositor.paint(doll, own, fields)
            following.copy_(self._compositor.feedback(colours, alpha))
            if self._floor is not None:
                self._ground.copy_(self._floor(doll[:, 3:], landmarks, corner))
            left, top = corner[0].long()
            ground = self._ground.index_select(0, down + top).index_select(1, across + left)
            shown.copy_(self._shown(colours, alpha, ground))

        return _Window(there, shown, following, graphs.capture(work))

    def _orders(self) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """The host's data on the device: landmarks (1, 33, 4), corner (1, 2), and the fields of `Drawing` (1,
        parts)."""
        landmarks = self._order_there[:FLOATS].view(1, LANDMARKS, 4)
        corner = self._order_there[FLOATS : FLOATS + CORNER].view(1, CORNER)
        return landmarks, corner, self._order_there[FLOATS + CORNER :].view(4, 1, COUNT).unbind()

    def _shown(self, colours: Tensor, alpha: Tensor, ground: Tensor) -> Tensor:
        """The window's picture (h, w, channels) 0..255, from the result of `TorchCompositor.paint` and the
        background."""
        still = ground.permute(2, 0, 1)[None]
        mixed = colours * alpha * 255 + still * (1 - alpha) + 0.5
        return mixed[0].permute(1, 2, 0)


class DeviceLayerRenderer(DeviceRenderer):
    """`LayerRenderer` on a device: the player alone, into (H, W, 4) BGRA, straight."""

    @staticmethod
    def around(pack: PlayerPack) -> NDArray[np.uint8]:
        """Nothing: transparent pixels."""
        return np.zeros((pack.size[1], pack.size[0], 4), np.uint8)

    def _floor_of(self, pack: PlayerPack, around: Tensor) -> TorchFloor | None:
        return None

    def _shown(self, colours: Tensor, alpha: Tensor, ground: Tensor) -> Tensor:
        layer = (torch.cat([colours, alpha], dim=1) * 255 + 0.5).floor()
        return (layer * (layer[:, 3:] >= 1))[0].permute(1, 2, 0)  # no colour where alpha is 0


def _on_device(engine: object) -> DeviceEngine:
    if not isinstance(engine, DeviceEngine):
        raise EngineError("this backend keeps no frames on a device: choose cuda")
    return engine
