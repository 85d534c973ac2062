"""The measured generators, ours and the peer's, and their amount of work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.doll.choice import Drawing, choose
from engines.doll.drawing import Doll
from engines.pack.player_pack import PlayerPack
from engines.painting.compositing import Compositor
from engines.painting.generator import Generator, LiveGenerator, canvas_of
from engines.rendering.renderer import calibration
from engines.rendering.windows import Windows
from engines.runtime.engine import Calibration
from tools.benchmarking.measuring.roofline import Work, count
from tools.benchmarking.quality.pix2pixhd import GlobalGenerator

ELEMENT_BYTES = {"f32": 4, "bf16": 2, "fp16": 2, "int8": 1}
"""TABLE of precisions: bytes of a value."""
PAPER_NGF = 64
"""pix2pixHD as in its paper."""

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Subject:
    """A generator of ours to measure. name: in the table. size: (width, height) of the canvas that it paints,
    pixels. inputs: the net's. doll: (h, w, 4), clear without a pack. plate: (h, w, 3). draw: draws the doll
    anew, for the net to see too. calibration: for INT8; None without a pack."""

    name: str
    net: LiveGenerator
    size: tuple[int, int]
    inputs: Arrays
    plate: NDArray[np.uint8]
    doll: NDArray[np.uint8]
    draw: Callable[[], None] = lambda: None
    calibration: Calibration | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        return {name: torch.from_numpy(value) for name, value in self.inputs.items()}

    def work(self, precision: str) -> Work:
        with torch.device("meta"):
            inputs = self.net.example(self.size)
            generator = self.net.generator
            net = LiveGenerator(Generator(generator.variant, generator.body_px))
            return count(net, list(inputs.values()), ELEMENT_BYTES[precision])

    def finisher(self) -> Callable[[Mapping[str, Any]], NDArray[np.uint8]]:
        """The function that does, on a CPU, the rest of a show's work for a picture (h, w, 3) BGR: draws the
        doll, and lays it over the plate by the net's outputs."""
        generator = self.net.generator
        compositor = Compositor(generator.cell, generator.soft)

        def finish(outputs: Mapping[str, Any]) -> NDArray[np.uint8]:
            self.draw()
            own, fields = outputs["own"][0], outputs["fields"][0]
            picture = self.plate.copy()
            compositor.paint(self.doll, own, fields).over(picture)
            return picture

        return finish

    def eager_picture(self) -> NDArray[np.uint8]:
        """(h, w, 3) BGR by eager torch in f32: the reference for the others."""
        with torch.inference_mode():
            outputs = self.net.eval()(*self.tensors.values())
        named = zip(self.net.OUTPUTS, outputs, strict=True)
        return self.finisher()({name: each.numpy() for name, each in named})


@dataclass(frozen=True)
class Contestant:
    """One competitor in a comparison. run: returns once the picture is made. precision and library: tell
    which ceiling applies. slow: takes part in few rounds."""

    name: str
    run: Callable[[], Any]
    work: Work
    precision: str
    library: str
    psnr_db: float | None = None
    slow: bool = False


def of_pack(pack: PlayerPack) -> Subject:
    """The generator of a trained player, given one of the player's own poses on the whole picture."""
    net, windows = LiveGenerator(pack.generator()), Windows.of(pack)
    inputs = {name: value.numpy().copy() for name, value in net.example(windows.canvas).items()}
    landmarks = pack.poses[len(pack.poses) // 2]
    inputs["landmarks"][0] = landmarks
    doll, seen = np.zeros((windows.canvas[1], windows.canvas[0], 4), np.uint8), inputs["doll"][0]
    painter = Doll(pack.bank)

    def draw() -> None:
        painter.paint(landmarks, Drawing.of(choose(pack.bank, landmarks)), doll)
        cv2.resize(doll, (seen.shape[1], seen.shape[0]), dst=seen, interpolation=cv2.INTER_AREA)

    draw()
    return Subject(
        f"{pack.variant} of {pack.name}", net, windows.canvas, inputs, windows.spread(pack.plate), doll, draw,
        calibration(net, pack),
    )  # fmt: skip


def of_variant(variant: str, size: tuple[int, int]) -> Subject:
    """An untrained generator: as fast as a trained one, but its picture has no meaning."""
    torch.manual_seed(0)
    net = LiveGenerator(Generator(variant, 0.7 * size[1]).fold())
    size = canvas_of(size, net.generator.multiple)
    inputs = {name: value.numpy().copy() for name, value in net.example(size).items()}
    plate = np.zeros((size[1], size[0], 3), np.uint8)
    doll = np.zeros((size[1], size[0], 4), np.uint8)
    return Subject(f"{variant}, untrained", net, size, inputs, plate, doll)


def peer_work(ngf: int, size: tuple[int, int], precision: str) -> Work:
    """The work of pix2pixHD's global generator on a picture of `size` (width, height)."""
    with torch.device("meta"):
        figure = torch.empty(1, 3, size[1], size[0])
        return count(GlobalGenerator(ngf), [figure], ELEMENT_BYTES[precision])


def psnr(picture: NDArray[Any], reference: NDArray[np.uint8]) -> float:
    """PSNR of 8-bit pictures, dB; 99 where they are equal."""
    error = float(np.mean((picture.astype(np.float32) - reference.astype(np.float32)) ** 2))
    return min(99.0, 10 * float(np.log10(255**2 / max(error, 1e-9))))
