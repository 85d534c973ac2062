from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.pack.player_pack import PlayerPack
from engines.rendering.renderer import LayerRenderer, Renderer
from tests.packs import SIZE, standing


def test_the_layer_over_the_plate_is_the_picture_frame_after_frame(pack_folder: Path) -> None:
    pack = PlayerPack.load(pack_folder)
    layers, pictures = LayerRenderer(pack, backend="torch"), Renderer(pack, backend="torch")
    layer, picture = np.empty((*SIZE[::-1], 4), np.uint8), np.empty((*SIZE[::-1], 3), np.uint8)
    for x in (30, 34, 38):  # the previous output comes back to both alike
        layers(standing(x, 100, 40), layer)
        pictures(standing(x, 100, 40), picture)
        alpha = layer[..., 3:] / 255
        together = layer[..., :3] * alpha + pack.plate * (1 - alpha)
        assert np.abs(together - picture).max() < 2.5
    assert layer[..., 3].max() > 200
    assert not layer[layer[..., 3] == 0].any() and not layer[:, -20:].any()  # nothing where he is not


def test_a_pose_that_is_not_finite_is_refused(pack_folder: Path) -> None:
    renderer = LayerRenderer(PlayerPack.load(pack_folder), backend="torch")
    with pytest.raises(ValueError, match="not finite"):
        renderer(np.full((33, 4), np.nan, np.float32), np.empty((*SIZE[::-1], 4), np.uint8))
