"""Does what a GPU paints look like the player? Asked once for each player, before he dances on a device."""

from __future__ import annotations

import numpy as np

from engines.pack.player_pack import PlayerPack
from engines.rendering.device_renderer import DeviceLayerRenderer, DeviceRenderer
from engines.rendering.renderer import LayerRenderer, Renderer
from engines.rendering.windows import Windows
from engines.runtime.engine import EngineError
from engines.skeleton import LANDMARKS

LEAST_DB = 23.0
"""PSNR of the player's pixels. Half precision and a doll that is not rounded give 33 and 49 with the bundled
players (torch on a CPU), and 26 where the player is all noise; numbers that overflow in half precision, or a
wrong kernel, give less than 20."""


def verify(renderer: DeviceRenderer, pack: PlayerPack) -> None:
    """Paints one of the player's own poses, and once more on the CPU by eager torch in float32.

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
    renderer.reset()  # he has not danced yet
    reference(pose, truth)
    painted = (truth != ground).any(axis=2) | (found != ground).any(axis=2)
    error = float(np.square(found[painted].astype(float) - truth[painted]).mean()) if painted.any() else 0.0
    db = 10 * np.log10(255**2 / max(error, 1e-9))
    if db < LEAST_DB:
        raise EngineError(
            f"{renderer.backend} paints {pack.name} wrongly: {db:.1f} dB from eager torch, "
            f"{LEAST_DB:.0f} are asked"
        )
