from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines.doll import choice
from engines.doll.bank import Bank
from engines.doll.choice import Chooser, Drawing, choose
from engines.doll.drawing import Doll
from engines.pack.player_pack import PlayerPack
from engines.painting.compositing import Compositor
from engines.painting.generator import VARIANTS, LiveGenerator, multiple
from engines.rendering.renderer import LayerRenderer, PoseRenderer, Renderer, eager
from engines.rendering.windows import GRID, HAIR, REACH, Window, Windows
from tests.packs import HEIGHT_PX, SIZE, standing


@pytest.fixture(scope="module")
def pack(pack_folder: Path) -> PlayerPack:
    return PlayerPack.load(pack_folder)


@pytest.fixture(scope="module")
def compiled(pack: PlayerPack) -> Renderer:
    return Renderer(pack, backend="torch")


@pytest.fixture
def renderer(compiled: Renderer) -> Renderer:
    compiled.reset()
    return compiled


def render(renderer: Renderer, landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    out = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    renderer(landmarks, out)
    return out


def small(x: float, y: float = 100) -> NDArray[np.float32]:
    """Someone about 40 pixels high, who fits into a small window."""
    return standing(x, y, 40)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("size", "standing_px"), [((512, 512), 310), ((1280, 720), 440), ((1920, 1080), 660), ((64, 64), 40)]
)
def test_the_window_sizes_fit_the_net_and_the_picture(
    variant: str, size: tuple[int, int], standing_px: float
) -> None:
    windows = Windows(size, variant, standing_px)
    sizes, canvas, step = windows.sizes, windows.canvas, multiple(variant, windows.cell)
    assert all(w % step == 0 and h % step == 0 and w <= canvas[0] and h <= canvas[1] for w, h in sizes)
    assert all(0 <= wide - side < step for wide, side in zip(canvas, size, strict=True))
    assert sizes[-1] == canvas
    areas = [width * height for width, height in sizes]
    assert areas == sorted(areas) and len(set(sizes)) == len(sizes)


@given(
    low=st.tuples(st.floats(-60, 560), st.floats(-60, 560)),
    extent=st.tuples(st.floats(0, 500), st.floats(0, 500)),
    standing_px=st.floats(40, 500),
)
def test_the_window_is_the_smallest_that_holds_the_player(
    low: tuple[float, float], extent: tuple[float, float], standing_px: float
) -> None:
    windows = Windows((512, 512), "tiny", standing_px)
    size, sizes, grid = windows.canvas, windows.sizes, GRID * windows.cell
    landmarks = np.zeros((33, 4), np.float32)
    landmarks[:, :2] = np.add(low, extent)
    landmarks[5, :2] = low
    window = windows.choose(landmarks)
    assert (window.width, window.height) in sizes
    assert window.x % grid == 0 and window.y % grid == 0
    assert 0 <= window.x <= size[0] - window.width and 0 <= window.y <= size[1] - window.height
    needed = np.clip(
        [
            [landmarks[:, 0].min() - REACH * standing_px, landmarks[:, 0].max() + REACH * standing_px],
            [landmarks[:, 1].min() - HAIR * standing_px, landmarks[:, 1].max() + REACH * standing_px],
        ],
        0,
        np.array(size)[:, None],
    )
    assert holds((window.x, window.x + window.width), needed[0], 1e-2)
    assert holds((window.y, window.y + window.height), needed[1], 1e-2)

    def fits(side: int, interval: NDArray[np.float64], whole: int) -> bool:
        starts = range(0, whole - side + 1, grid)
        return any(holds((start, start + side), interval, -1e-2) for start in starts)

    smaller = [each for each in sizes if each[0] * each[1] < window.width * window.height]
    assert not any(
        fits(width, needed[0], size[0]) and fits(height, needed[1], size[1]) for width, height in smaller
    )


def holds(outer: tuple[int, int], inner: NDArray[np.float64], tolerance: float) -> bool:
    return bool(outer[0] <= inner[0] + tolerance and outer[1] >= inner[1] - tolerance)


def test_at_the_edge_the_window_stays_in_the_picture() -> None:
    sizes = ((48, 96), (96, 128), (128, 128))
    few, many = Windows(SIZE, "nano", 40), Windows(SIZE, "nano", 125)
    assert few.choose(small(4), sizes) == Window(0, 32, 48, 96)
    assert few.choose(small(126), sizes) == Window(80, 32, 48, 96)
    beyond = few.choose(small(400), sizes)
    assert beyond.x + beyond.width == SIZE[0]
    assert many.choose(standing(64, 127, 125), sizes) == Window(16, 0, 96, 128)
    assert many.choose(standing(64, 127, 125, arms=1.5), sizes) == Window(0, 0, 128, 128)


def test_outside_the_window_is_the_plate(renderer: Renderer, pack: PlayerPack) -> None:
    landmarks = small(40)
    window = Windows.of(pack).choose(landmarks)
    assert window.width < SIZE[0]
    outside = np.ones(SIZE[::-1], bool)
    outside[window.y : window.y + window.height, window.x : window.x + window.width] = False
    out = render(renderer, landmarks)
    np.testing.assert_array_equal(out[outside], pack.plate[outside])
    assert np.abs(out[~outside].astype(int) - pack.plate[~outside]).mean() > 5


@torch.inference_mode()
def test_the_previous_output_stays_in_its_place_as_the_window_moves(
    renderer: Renderer, pack: PlayerPack
) -> None:
    net, windows_of = LiveGenerator(pack.generator()), Windows.of(pack)
    cell, previous = windows_of.cell, torch.from_numpy(windows_of.previous())  # of the whole picture
    poses = [small(40), small(60), standing(64, 120, HEIGHT_PX), small(90, 80), small(90, 80)]
    windows = [windows_of.choose(pose) for pose in poses]
    assert len(set(windows)) == 4, "the windows are meant to move"
    chooser, doll_of = Chooser(pack.bank), Doll(pack.bank)
    compositor = Compositor(cell, net.generator.soft)
    for pose, window in zip(poses, windows, strict=True):
        x, y, width, height = window
        near = (slice(y, y + height), slice(x, x + width))
        doll = np.empty((height, width, 4), np.uint8)
        doll_of.paint(pose, chooser(pose), doll, (x, y))  # a net with cells of 4 pixels sees it as it is
        cells = (..., slice(y // cell, (y + height) // cell), slice(x // cell, (x + width) // cell))
        shifted = torch.from_numpy(pose - np.array([x, y, 0, 0], np.float32))[None]
        own, fields = (
            each[0].numpy() for each in net(shifted, previous[cells][None], torch.from_numpy(doll)[None])
        )
        composed = compositor.paint(doll, own, fields)
        previous = torch.zeros_like(previous)
        previous[cells] = torch.from_numpy(composed.cells)
        picture = pack.plate[near].copy()
        composed.over(picture)
        out = render(renderer, pose)
        assert np.abs(out[near].astype(int) - picture).mean() < 0.3


@pytest.mark.parametrize("taller", [1.0, 3.0])
def test_a_picture_of_any_size_is_painted_whole(pack_folder: Path, taller: float) -> None:
    """Neither its sides nor the net's cells need divide it: the canvas reaches beyond it."""
    pack = PlayerPack.load(pack_folder)
    size = (132, 124)
    stance = replace(pack.body.near, height=taller * pack.body.near.height)
    odd = replace(
        pack,
        size=size,
        plate=np.asarray(cv2.resize(pack.plate, size), np.uint8),
        body=replace(pack.body, near=stance),
    )
    windows = Windows.of(odd)
    assert windows.cell == {1.0: 4, 3.0: 8}[taller]
    assert windows.canvas[0] > size[0] and windows.canvas[1] > size[1]
    generator, canvas = odd.generator(), windows.canvas
    whole_net = eager(LiveGenerator(generator).eval(), canvas, torch.device("cpu"))
    whole_renderer = PoseRenderer(
        generator, {canvas: whole_net}, size=size, body=odd.body, bank=odd.bank, plate=odd.plate, shadow=None
    )
    out, whole = np.full((2, size[1], size[0], 3), 7, np.uint8)
    landmarks = standing(100, 130, HEIGHT_PX, arms=1.4)
    whole_renderer(landmarks, whole)
    Renderer(odd, backend="torch")(landmarks, out)
    assert np.abs(whole.astype(int) - odd.plate).mean() > 5
    off = np.abs(out.astype(int) - whole)
    assert (off.max(axis=2) > 3).mean() < 0.03, "a window sees less around it than the whole"
    layers = np.full((size[1], size[0], 4), 7, np.uint8)
    LayerRenderer(odd, backend="torch")(landmarks, layers)
    alpha = layers[..., 3:] / 255
    shown = layers[..., :3] * alpha + odd.plate * (1 - alpha)
    assert np.abs(shown - out).max() < 2.5


def test_the_doll_is_shown_where_he_is(renderer: Renderer, pack: PlayerPack) -> None:
    """An untrained net paints about the doll, wherever the window lies."""
    doll = np.empty((SIZE[1], SIZE[0], 4), np.uint8)
    for pose in (small(40), small(84), standing(64, 116, HEIGHT_PX, arms=0.9)):
        renderer.reset()
        out = render(renderer, pose).astype(int)
        Doll(pack.bank).paint(pose, Drawing.of(choose(pack.bank, pose)), doll)
        solid, clear = doll[..., 3] == 255, doll[..., 3] == 0
        assert (
            np.abs(out - doll[..., :3])[solid].mean()
            < np.abs(pack.plate.astype(int) - doll[..., :3])[solid].mean()
        )
        assert (
            solid.sum() > 50
            and np.abs(out - pack.plate)[solid].mean() > np.abs(out - pack.plate)[clear].mean()
        )


def test_it_says_how_much_of_the_picture_was_filmed(renderer: Renderer, pack: PlayerPack) -> None:
    out = np.empty((pack.size[1], pack.size[0], 3), np.uint8)
    upright = pack.bank.landmarks[0].astype(np.float32)
    renderer.reset()
    renderer(upright, out)
    assert renderer.likeness > 0.95
    head_first = upright.copy()
    head_first[:, 1] = pack.size[1] - upright[:, 1]
    renderer(head_first, out)
    assert renderer.likeness < 0.2


def test_the_choice_of_frames_goes_on_until_reset(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[NDArray[np.int64] | None] = []

    def watched(
        bank: Bank, landmarks: NDArray[np.float32], *, current: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        shown.append(current)
        return choose(bank, landmarks, current=current)

    monkeypatch.setattr(choice, "choose", watched)
    for reset in (False, False, True):
        if reset:
            renderer.reset()
        render(renderer, small(64))
    assert [current is None for current in shown] == [True, False, True]


def test_reset_forgets_the_previous_output(renderer: Renderer) -> None:
    first = render(renderer, small(64))
    second = render(renderer, small(64))
    assert (first != second).any()
    renderer.reset()
    np.testing.assert_array_equal(render(renderer, small(64)), first)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_landmark_that_is_not_finite_is_refused(renderer: Renderer, bad: float) -> None:
    first = render(renderer, small(64))
    landmarks = small(64)
    landmarks[7, 1] = bad
    out = np.full((SIZE[1], SIZE[0], 3), 7, np.uint8)
    with pytest.raises(ValueError, match="not finite"):
        renderer(landmarks, out)
    assert (out == 7).all()
    renderer.reset()
    np.testing.assert_array_equal(render(renderer, small(64)), first)


def test_the_landmarks_of_the_caller_are_left_alone(renderer: Renderer) -> None:
    landmarks = small(64)
    before = landmarks.copy()
    render(renderer, landmarks)
    np.testing.assert_array_equal(landmarks, before)
