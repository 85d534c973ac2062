"""pix2pixHD's global generator (Wang et al., 2018, section 3.2 and appendix), driven by a stick figure as in
"Everybody Dance Now" (Chan et al., 2019).

It turns an RGB stick figure into the whole RGB picture: no limb maps, no alpha, no plate.
"""

from __future__ import annotations

import bisect
import itertools
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from engines.stick_figure import draw_stick_figure

DOWNS, BLOCKS = 4, 9
MULTIPLE = 2**DOWNS
"""The sides of a picture must be multiples of this."""


WIDEST = 512
"""The largest ngf considered."""


class BaselineError(ValueError):
    """A file that is not a trained baseline; the text names the file and the next step."""


class _Block(nn.Module):
    """x + conv·IN·ReLU·conv·IN, padded by reflection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=False),
            nn.InstanceNorm2d(channels), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=False),
            nn.InstanceNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x)
        return result


class GlobalGenerator(nn.Module):
    """c7s1-ngf, four d, nine R, four u, c7s1-3 in the paper's notation.

    ngf: channels at full resolution (64 in the paper). Convolutions before an InstanceNorm have no bias: the
    norm would remove it.
    """

    def __init__(self, ngf: int = 64) -> None:
        super().__init__()
        self.ngf = ngf
        widths = [ngf * 2**level for level in range(DOWNS + 1)]
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, ngf, 7, bias=False)]
        layers += [nn.InstanceNorm2d(ngf), nn.ReLU()]
        for above, below in itertools.pairwise(widths):
            down = nn.Conv2d(above, below, 3, 2, padding=1, bias=False)
            layers += [down, nn.InstanceNorm2d(below), nn.ReLU()]
        layers += [_Block(widths[-1]) for _ in range(BLOCKS)]
        for below, above in itertools.pairwise(reversed(widths)):
            up = nn.ConvTranspose2d(below, above, 3, 2, padding=1, output_padding=1, bias=False)
            layers += [up, nn.InstanceNorm2d(above), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(ngf, 3, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0, 0.02)

    def forward(self, figure: Tensor) -> Tensor:
        """(B, 3, H, W) RGB stick figure 0..1 → (B, 3, H, W) RGB picture 0..1."""
        painted: Tensor = self.layers(figure * 2 - 1)
        return painted * 0.5 + 0.5


def macs(module: nn.Module, *inputs: Tensor) -> int:
    """Multiply-adds of one forward pass: half of torch's count of FLOPs in convolutions and matrix products.
    Inputs and module may be on the meta device: nothing is computed."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs)
    return counter.get_total_flops() // 2


def nearest_ngf(target_macs: float, size: tuple[int, int] = (512, 512)) -> int:
    """The ngf whose generator is nearest to `target_macs` on a picture of `size` (width, height)."""
    figure = torch.empty(1, 3, size[1], size[0], device="meta")

    def cost(ngf: int) -> int:
        with torch.device("meta"):
            return macs(GlobalGenerator(ngf), figure)

    above = bisect.bisect_left(range(WIDEST), target_macs, lo=1, key=cost)
    return min(max(above - 1, 1), above, key=lambda each: abs(cost(each) - target_macs))


def stick_figure(landmarks: NDArray[np.float32], size: tuple[int, int], crop: tuple[int, int]) -> Tensor:
    """(33, 4), pixels of the crop → (3, h, w) RGB 0..1 on black.

    size, crop: (width, height) of the whole picture, which sets the lines' thickness, and of the crop.
    """
    canvas = np.zeros((max(size[1], crop[1]), max(size[0], crop[0]), 3), np.uint8)
    draw_stick_figure(canvas, landmarks)
    rgb = canvas[: crop[1], : crop[0], ::-1].transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(rgb)).float() / 255


class Pix2PixHD:
    """A trained baseline, called like `engines.rendering.renderer.Renderer`. For one thread."""

    backend = "torch float32"

    def __init__(self, generator: GlobalGenerator, size: tuple[int, int]) -> None:
        self.size = size
        self._net = generator.eval()
        self._device = next(generator.parameters()).device

    def save(self, path: Path) -> None:
        meta = {"ngf": str(self._net.ngf), "width": str(self.size[0]), "height": str(self.size[1])}
        part = path.with_suffix(".part")
        tensors = {name: value.contiguous() for name, value in self._net.state_dict().items()}
        safetensors.torch.save_file(tensors, part, meta)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Pix2PixHD:
        """Raises BaselineError."""
        try:
            with safetensors.safe_open(path, "pt") as file:
                meta = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a dict
            generator = GlobalGenerator(int(meta["ngf"]))
            generator.load_state_dict(tensors)
            return cls(generator, (int(meta["width"]), int(meta["height"])))
        except (OSError, KeyError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
            reason = str(error).splitlines()[0]
            raise BaselineError(
                f"{path} is no trained baseline ({reason}): "
                "train it with python -m tools.benchmarking.quality.train_pix2pixhd"
            ) from error

    def reset(self) -> None:
        """Does nothing: no state is kept from picture to picture."""

    @torch.inference_mode()
    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        """Paints the player posed as landmarks (33, 4), pixels of the picture, into `out` (H, W, 3) BGR.

        Raises ValueError where a landmark is not finite.
        """
        if not np.isfinite(landmarks).all():
            raise ValueError("a landmark is not finite")
        figure = stick_figure(landmarks, self.size, self.size)[None].to(self._device)
        rgb = self._net(figure)[0] * 255
        out[:] = rgb.flip(0).permute(1, 2, 0).round().to(torch.uint8).cpu().numpy()
