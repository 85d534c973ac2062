"""A net in training, painting whole pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engines.painting.shadow import Shadow
from tests.drawn import untrained_generator
from tests.packs import SIZE, bank_of
from tools.footage.dataset import Footage
from tools.train.painter import Painter


def test_he_throws_his_shadow_as_on_air(dataset_folder: Path) -> None:
    footage = Footage.open(dataset_folder)
    net = untrained_generator(footage.body.near.height)
    bank = bank_of(footage)
    without, shaded = (np.empty((SIZE[1], SIZE[0], 3), np.uint8) for _ in range(2))
    Painter(net, footage, bank)(footage.landmarks[10], without)
    Painter(net, footage, bank, shadow=Shadow(-0.8, 0.15, 0.02, 0.5))(footage.landmarks[10], shaded)
    darker = (without.astype(int) - shaded).min(axis=2) > 15
    assert darker.sum() > 50 and np.nonzero(darker)[0].min() > 80, "on the floor"
    assert (shaded.astype(int) - without).max() <= 1, "nowhere brighter"
