"""What layers over the programme cost the programme's tick: processor time with none, none shown, two shown.

python -m tools.benchmarking.layers
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from realtime.config.layers import AnyLayer, PictureLayer, TextLayer
from realtime.layers.layers import Layers
from realtime.transport.orders import Orders

FPS = 30
SIZES = (1280, 720), (1920, 1080)


def two_layers(folder: Path) -> tuple[AnyLayer, ...]:
    """A round logo in a corner, and a line of text over a third of the width."""
    logo = np.zeros((400, 400, 4), np.uint8)
    cv2.circle(logo, (200, 200), 198, (60, 170, 255, 255), cv2.FILLED, cv2.LINE_AA)
    cv2.imwrite(str(folder / "logo.png"), logo)
    return (
        PictureLayer(kind="picture", name="logo", file=folder / "logo.png", width=0.12),
        TextLayer(
            kind="text", name="line", text="{player} dances", x=0.04, y=0.95, anchor="bottom left", width=0.33
        ),
    )


def measure(layers: Sequence[AnyLayer], size: tuple[int, int], *, shown: bool, ticks: int) -> float:
    """Milliseconds of processor time of one tick, the median of ten rounds."""
    over = Layers(layers, size, FPS, ("Number 23",), "", print)
    orders = Orders(layers={layer.name: shown for layer in layers})
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    for _ in range(FPS):  # faded in, the text drawn
        over.tick(orders, 0, 1_000_000_000 // FPS)
        over.over(picture, None, slated=False)
        time.sleep(0.01)
    rounds = []
    for _ in range(10):
        start_ns = time.process_time_ns()
        for _ in range(ticks):
            over.tick(orders, 0, 1_000_000_000 // FPS)
            over.over(picture, None, slated=False)
        rounds.append((time.process_time_ns() - start_ns) / ticks / 1e6)
    over.close()
    return float(np.median(rounds))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarking.layers", description=__doc__)
    parser.add_argument("--ticks", type=int, default=100, help="of each of ten rounds (default %(default)s)")
    ticks = parser.parse_args(argv).ticks
    with tempfile.TemporaryDirectory() as name:
        layers = two_layers(Path(name))
        for size in SIZES:
            without = measure((), size, shown=False, ticks=ticks)
            off = measure(layers, size, shown=False, ticks=ticks)
            on = measure(layers, size, shown=True, ticks=ticks)
            figures = f"no layers {without:.4f} ms, two off {off:.4f} ms, two shown {on:.3f} ms"
            print(f"{size[0]}x{size[1]}: {figures}")


if __name__ == "__main__":
    main()
