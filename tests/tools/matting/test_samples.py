from __future__ import annotations

import numpy as np
import pytest

from tests.packs import paint, standing, textured_plate
from tools.matting.samples import Render, compose

SIZE = (256, 256)


@pytest.fixture(scope="module")
def render() -> Render:
    plate = textured_plate(SIZE)
    poses = [standing(100 + 20 * n, 230, 190, arms=0.5) for n in range(4)]
    painted = [paint(plate, pose, 190) for pose in poses]
    wrists = np.stack([pose[[15, 16], :2] for pose in poses])
    return Render(
        np.stack([frame for frame, _ in painted]),
        np.stack([mask for _, mask in painted]),
        plate,
        wrists,
        ("left_wrist", "right_wrist"),
    )


def test_a_sample_depends_on_its_seed_alone(render: Render) -> None:
    scenes = [textured_plate(SIZE, seed=3)]
    one, again, other = (compose(render, 1, scenes, np.random.default_rng(seed)) for seed in (5, 5, 6))
    for name in one._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
    assert not np.array_equal(one.picture, other.picture)


def test_the_alpha_says_where_the_person_is_in_the_picture(render: Render) -> None:
    scenes = [textured_plate(SIZE, seed=3), np.full((256, 256, 3), 90, np.uint8)]
    known = missing = 0
    for seed in range(40):
        sample = compose(render, seed % 4, scenes, np.random.default_rng(seed))
        assert sample.picture.shape == (256, 256, 3) and sample.alpha.shape == (256, 256)
        truth = render.alpha[seed % 4] > 127
        assert (sample.alpha[truth] > 100).mean() > 0.8, seed
        if not sample.known.any():
            missing += 1
            continue
        known += 1
        free = (sample.known > 0) & (sample.alpha == 0)
        person = sample.alpha > 250
        differs = np.abs(sample.picture.astype(int) - sample.plate).mean(axis=2)
        assert np.median(differs[person]) > np.median(differs[free]), seed
    assert known > 10 and missing > 8


def test_shadows_of_the_render_lie_in_the_new_scene_too(render: Render) -> None:
    shaded = render.frames.copy()
    floor = np.s_[:, 235:250, 20:120]
    shaded[floor] = (shaded[floor] * 0.5).astype(np.uint8)
    dark = Render(shaded, render.alpha, render.plate, render.joints, render.names)
    darker = 0
    for seed in range(12):
        with_shadow, without = (
            compose(each, 0, [render.plate], np.random.default_rng(seed)) for each in (dark, render)
        )
        darker += with_shadow.picture[floor[1:]].mean() < without.picture[floor[1:]].mean() - 2
    assert darker >= 8
