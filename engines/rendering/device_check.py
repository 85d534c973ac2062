"""Checks that what a GPU paints looks like the player. Each player is checked once, before dancing on a
device."""

from __future__ import annotations

import numpy as np

from engines.pack.player_pack import PlayerPack
from engines.rendering.device_renderer import DeviceLayerRenderer, DeviceRenderer
from engines.rendering.renderer import LayerRenderer, Renderer
from engines.rendering.windows import Windows
from engines.runtime.engine import EngineError
from engines.skeleton import LANDMARKS

LEAST_DB = 23.0
"""Least PSNR of the player's pixels. Half precision gives 33 dB, and a doll that is not rounded 49 dB, with
the bundled players (torch on a CPU), and 26 dB with a player of pure noise. Overflow in half precision or a
wrong kernel gives less than 20 dB."""


def verify(renderer: DeviceRenderer, pack: PlayerPack) -> None:
    """Paints one of the player's own poses on the device, and again on the CPU with eager torch in float32.

    It takes seconds. Raises EngineError where the two differ.
    """
    pose = pack.poses[len(pack.poses) // 2]
    window = Windows.of(pack, few=True).choose(pose[:LANDMARKS])
    kind = LayerRenderer if isinstance(renderer, DeviceLayerRenderer) else Renderer
    reference = kind(pack, backend="torch", sizes=[(window.width, window.height)])
    ground = renderer.around(pack)
    found, truth = np.empty_like(ground), np.empty_like(ground)
    renderer.reset()
    renderer(pose, found)
    renderer.reset()  # the player has not danced yet
    reference(pose, truth)
    painted = (truth != ground).any(axis=2) | (found != ground).any(axis=2)
    error = float(np.square(found[painted].astype(float) - truth[painted]).mean()) if painted.any() else 0.0
    db = 10 * np.log10(255**2 / max(error, 1e-9))
    if db < LEAST_DB:
        raise EngineError(
            f"{renderer.backend} paints {pack.name} wrongly: {db:.1f} dB from eager torch, "
            f"{LEAST_DB:.0f} are asked"
        )
