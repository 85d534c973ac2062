from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.doll.choice import Drawing, choose
from engines.doll.drawing import Doll
from engines.pack.player_pack import PlayerPack
from engines.painting.compositing import Composed, Compositor
from engines.painting.compositing_torch import TorchCompositor
from engines.painting.generator import FINE, LiveGenerator
from tests.drawn import standing, untrained_generator
from tests.packs import HEIGHT_PX, SIZE


class Scene:
    """What an untrained net gives of a doll, at two sizes of its cells."""

    def __init__(self, pack: PlayerPack, body_px: float) -> None:
        self.net = generator = untrained_generator(body_px).fold()
        with torch.no_grad():
            generator.fields.weight.normal_(std=0.3)
        cell = generator.cell
        landmarks = standing(64, 120, HEIGHT_PX, arms=0.8)
        self.doll = np.empty((SIZE[1], SIZE[0], 4), np.uint8)
        Doll(pack.bank).paint(landmarks, Drawing.of(choose(pack.bank, landmarks)), self.doll)
        rows, columns = SIZE[1] // cell, SIZE[0] // cell
        small = cv2.resize(self.doll, (FINE * columns, FINE * rows), interpolation=cv2.INTER_AREA)[None]
        previous = torch.rand(1, 4, rows, columns)
        with torch.inference_mode():
            own, fields = LiveGenerator(generator).eval()(
                torch.from_numpy(landmarks)[None], previous, torch.from_numpy(small)
            )
        self.own, self.fields = own[0].numpy(), fields[0].numpy()
        self.compositor = Compositor(cell, generator.soft)


@pytest.fixture(scope="module", params=[100, 300])
def scene(request: pytest.FixtureRequest, pack_folder: Path) -> Scene:
    return Scene(PlayerPack.load(pack_folder), request.param)


def test_it_is_the_picture_that_a_gpu_paints(scene: Scene) -> None:
    assert scene.fields.std(axis=(0, 1)).min() > 0.004
    plate = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    composed = scene.compositor.paint(scene.doll, scene.own, scene.fields)
    colours, alpha, feedback = composed
    theirs = TorchCompositor(scene.net)
    doll = torch.from_numpy(scene.doll).permute(2, 0, 1)[None] / 255
    bgr, opaque = theirs.paint(doll, *(torch.from_numpy(each)[None] for each in (scene.own, scene.fields)))
    off = np.abs(alpha - opaque[0, 0].numpy())
    # The two draw the doll in by a few pixels more or less.
    assert off.mean() < 0.003 and (off > 0.02).mean() < 0.02
    # The net's own colours and its choice are multiplied before they are enlarged, or after.
    off = np.abs(colours - 255 * bgr[0].permute(1, 2, 0).numpy())[alpha > 0]
    assert off.mean() < 0.6 and off.max() < 8
    mixed = np.where(alpha[..., None] > 0, colours, 0) * alpha[..., None] + plate * (1 - alpha[..., None])
    picture = plate.copy()
    composed.over(picture)
    assert np.abs(picture - mixed).max() <= 1
    following = theirs.feedback(bgr, opaque)[0].numpy()
    assert feedback.shape == following.shape and feedback.std() > 0.1
    assert np.abs(feedback - following).mean() < 0.005


def test_inside_the_doll_he_is_opaque_and_far_outside_the_net_decides(scene: Scene) -> None:
    own, fields, compositor = scene.own, scene.fields.copy(), scene.compositor
    for logit in (-500.0, 500.0):
        fields[..., 3] = logit
        _, alpha, _ = compositor.paint(scene.doll, own, fields)
        assert np.isfinite(alpha).all()
        there = scene.doll[..., 3] == 255
        assert there.any() and alpha[scene.doll[..., 3] == 0].max() == pytest.approx(
            float(logit > 0), abs=1e-6
        )
        if logit < 0:
            assert 0.05 < (alpha == 1).sum() / there.sum() < 0.95 and (alpha[~there] < 1).all()


def test_windows_of_changing_sizes_do_not_mix(scene: Scene) -> None:
    own, fields, compositor = scene.own, scene.fields, scene.compositor
    other = Compositor(scene.net.cell, scene.net.soft)
    cell = scene.net.cell
    half = (slice(0, SIZE[1] // 2), slice(0, SIZE[0]))
    pieces = (
        scene.doll[half].copy(),
        own[: own.shape[0] // 2].copy(),
        fields[: SIZE[1] // 2 // cell].copy(),
    )

    def seen(composed: Composed) -> list[NDArray[np.float32]]:
        colours, alpha, cells = composed
        return [np.where(alpha[..., None] > 0, colours, 0), alpha.copy(), cells.copy()]

    first = seen(compositor.paint(scene.doll, own, fields))
    small = seen(compositor.paint(*pieces))
    again = seen(compositor.paint(scene.doll, own, fields))
    for before, after in zip([*first, *small], [*again, *seen(other.paint(*pieces))], strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_net_says_where_the_player_ends_in_gaps_of_the_doll_alone(scene: Scene) -> None:
    fields = scene.fields.copy()
    fields[..., 3] = 20.0
    doll = np.zeros_like(scene.doll)
    cell = scene.net.cell
    gap = slice(3 * cell, 3 * cell + 2)
    doll[2 * cell : 8 * cell, 2 * cell : 8 * cell] = 255
    doll[:, gap] = 0
    alpha = scene.compositor.paint(doll, scene.own, fields).alpha
    assert (alpha[4 * cell : 6 * cell, gap] > 0.99).all(), "a gap is closed"
    assert not alpha[:, 10 * cell :].any() and not alpha[10 * cell :].any(), "beyond the doll is nobody"


def test_without_a_doll_the_net_says_everywhere_where_the_player_ends(scene: Scene) -> None:
    compositor = Compositor(scene.net.cell, scene.net.soft, everywhere=True)
    fields = scene.fields.copy()
    for logit, alpha in ((20.0, 1.0), (-20.0, 0.0)):
        fields[..., 3] = logit
        found = compositor.paint(np.zeros_like(scene.doll), scene.own, fields).alpha
        np.testing.assert_array_equal(found, np.float32(alpha))


def test_an_untrained_net_leaves_no_haze_about_its_doll(scene: Scene) -> None:
    fields = np.zeros_like(scene.fields)
    composed = scene.compositor.paint(scene.doll, scene.own, fields)
    far = cv2.dilate(scene.doll[..., 3], np.ones((9, 9), np.uint8)) == 0
    assert far.mean() > 0.2 and (composed.alpha[far] == 0).all()
    theirs = TorchCompositor(scene.net)
    doll = torch.from_numpy(scene.doll).permute(2, 0, 1)[None] / 255
    _, opaque = theirs.paint(doll, *(torch.from_numpy(each)[None] for each in (scene.own, fields)))
    assert (opaque[0, 0].numpy()[far] == 0).all()
