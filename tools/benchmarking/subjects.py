"""The generators that are measured, ours and the peer's, and how much work they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.doll.choice import Drawing, choose
from engines.doll.drawing import Doll
from engines.generator import Generator, LiveGenerator, canvas_of
from engines.player_pack import PlayerPack
from engines.renderer import calibration
from engines.runtime import Calibration
from engines.windows import Windows
from tools.baselines.pix2pixhd import GlobalGenerator
from tools.benchmarking.roofline import Work, count

ELEMENT_BYTES = {"f32": 4, "bf16": 2, "fp16": 2, "int8": 1}
"""TABLE of precisions: bytes of a value."""
PAPER_NGF = 64
"""pix2pixHD as in its paper."""

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Subject:
    """A generator of ours to measure. name: in the table. size: (width, height) pixels of what it paints, the
    picture on its canvas. inputs: what it is
    shown. calibration: for INT8; None without a pack."""

    name: str
    net: LiveGenerator
    size: tuple[int, int]
    inputs: Arrays
    calibration: Calibration | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        return {name: torch.from_numpy(value) for name, value in self.inputs.items()}

    def work(self, precision: str) -> Work:
        with torch.device("meta"):
            inputs = self.net.example(self.size)
            net = LiveGenerator(Generator(self.net.generator.variant, self.net.generator.body_px))
            return count(net, list(inputs.values()), ELEMENT_BYTES[precision])

    def eager_picture(self) -> NDArray[np.uint8]:
        """(1, H, W, 3) BGR, by eager torch in f32: what the others are compared with."""
        with torch.inference_mode():
            return np.asarray(self.net.eval()(*self.tensors.values())[0].numpy(), np.uint8)


@dataclass(frozen=True)
class Contestant:
    """What is run against the others. run: returns once the picture is there. precision and library tell
    which of the ceilings is its own. slow: takes part in few rounds."""

    name: str
    run: Callable[[], Any]
    work: Work
    precision: str
    library: str
    psnr_db: float | None = None
    slow: bool = False


def of_pack(pack: PlayerPack) -> Subject:
    """A trained player's, shown one of his own poses on the whole picture."""
    net = LiveGenerator(pack.generator())
    windows = Windows.of(pack)
    inputs = {name: value.numpy().copy() for name, value in net.example(windows.canvas).items()}
    landmarks = pack.poses[len(pack.poses) // 2]
    inputs["landmarks"][0], inputs["plate"][0] = landmarks, windows.spread(pack.plate)
    drawing = Drawing.of(choose(pack.bank, landmarks))
    Doll(pack.bank).paint(landmarks, drawing, inputs["doll"][0])
    return Subject(f"{pack.variant} of {pack.name}", net, windows.canvas, inputs, calibration(net, pack))


def of_variant(variant: str, size: tuple[int, int]) -> Subject:
    """An untrained one: as fast as a trained one, but its picture says nothing."""
    torch.manual_seed(0)
    net = LiveGenerator(Generator(variant, 0.7 * size[1]).fold())
    size = canvas_of(size, net.generator.multiple)
    inputs = {name: value.numpy().copy() for name, value in net.example(size).items()}
    return Subject(f"{variant}, untrained", net, size, inputs)


def peer_work(ngf: int, size: tuple[int, int], precision: str) -> Work:
    """Of pix2pixHD's global generator on a picture of `size` (width, height)."""
    with torch.device("meta"):
        figure = torch.empty(1, 3, size[1], size[0])
        return count(GlobalGenerator(ngf), [figure], ELEMENT_BYTES[precision])


def psnr(picture: NDArray[Any], reference: NDArray[np.uint8]) -> float:
    """Of 8-bit pictures, dB; 99 where they are equal."""
    error = float(np.mean((picture.astype(np.float32) - reference.astype(np.float32)) ** 2))
    return min(99.0, 10 * float(np.log10(255**2 / max(error, 1e-9))))
