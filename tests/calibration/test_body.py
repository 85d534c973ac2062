from __future__ import annotations

import numpy as np
import pytest

from calibration.body import standing_height
from engines.skeleton import DEPTH
from engines.skeleton import Landmark as L


def test_the_standing_height_is_the_chain_over_the_mean_leg_in_space() -> None:
    landmarks = np.random.default_rng(0).uniform(0, 500, (5, 33, 4)).astype(np.float32)

    def gap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.linalg.norm((one - other)[:, :3] * (1, 1, DEPTH), axis=1)

    def middle(left: L, right: L) -> np.ndarray:
        return (landmarks[:, left] + landmarks[:, right]) / 2

    ears, shoulders, hips = (
        middle(L[f"LEFT_{name}"], L[f"RIGHT_{name}"]) for name in ("EAR", "SHOULDER", "HIP")
    )
    legs = [
        gap(landmarks[:, L[f"{side}_HIP"]], landmarks[:, L[f"{side}_KNEE"]])
        + gap(landmarks[:, L[f"{side}_KNEE"]], landmarks[:, L[f"{side}_ANKLE"]])
        for side in ("LEFT", "RIGHT")
    ]
    expected = gap(ears, shoulders) + gap(shoulders, hips) + (legs[0] + legs[1]) / 2
    assert standing_height(landmarks) == pytest.approx(expected, rel=1e-5)
    assert standing_height(landmarks[0]) == pytest.approx(expected[0], rel=1e-5)
