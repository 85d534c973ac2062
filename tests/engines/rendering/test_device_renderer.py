"""The renderer on a device paints what the one on the host paints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pack.player_pack import PlayerPack
from engines.painting.shadow import Shadow
from engines.rendering.device_renderer import DeviceLayerRenderer, DeviceRenderer
from engines.rendering.renderer import LayerRenderer, Renderer
from engines.rendering.windows import Windows
from engines.runtime.engine import EngineError
from tests.engines.capturable import count_captures
from tests.engines.cuda_on_cpu import run_cuda_on_cpu
from tests.packs import HEIGHT_PX, SIZE, standing, write_nano_pack


def small(x: float, y: float = 100) -> NDArray[np.float32]:
    return standing(x, y, 40)


POSES = [small(40), small(60), standing(64, 120, HEIGHT_PX, arms=0.7), small(90, 80), small(90, 80)]
"""Several windows, in several places."""


@pytest.fixture(scope="module")
def pack(pack_folder: Path) -> PlayerPack:
    return PlayerPack.load(pack_folder)


@pytest.fixture(scope="module")
def on_device(pack: PlayerPack) -> DeviceRenderer:
    with pytest.MonkeyPatch.context() as patch:
        run_cuda_on_cpu(patch)
        captured = count_captures(patch)
        renderer = DeviceRenderer(pack, backend="cuda")
        assert len(captured) == len(sizes_of(pack))
        return renderer


def sizes_of(pack: PlayerPack) -> tuple[tuple[int, int], ...]:
    """The windows that a device has."""
    return Windows.of(pack, few=True).sizes


def render(renderer: Renderer | DeviceRenderer, landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    out = np.full((SIZE[1], SIZE[0], 3), 9, np.uint8)
    renderer(landmarks, out)
    return out


def test_it_paints_the_same_pictures(on_device: DeviceRenderer, pack: PlayerPack) -> None:
    on_host = Renderer(pack, backend="torch", sizes=sizes_of(pack))
    on_device.reset()
    for pose in POSES:
        ours, theirs = render(on_device, pose).astype(int), render(on_host, pose)
        assert on_device.likeness == on_host.likeness
        off = np.abs(ours - theirs)
        assert off.mean() < 1, "doll, net and composite are the same"
        painted = np.abs(theirs.astype(int) - pack.plate).max(axis=2) > 8
        assert painted.sum() > 100
        assert 10 * np.log10(255**2 / np.square(off[painted]).mean()) > 33


def test_the_shadow_is_the_same(
    tmp_path: Path, dataset_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cuda_on_cpu(monkeypatch)
    shadow = Shadow(-0.6, 0.2, 0.02, 0.5)
    shaded = PlayerPack.load(write_nano_pack(tmp_path / "shaded", dataset_folder, shadow=shadow))
    count_captures(monkeypatch)
    on_device = DeviceRenderer(shaded, backend="cuda")
    on_host = Renderer(shaded, backend="torch", sizes=sizes_of(shaded))
    for pose in POSES:
        ours, theirs = (render(renderer, pose).astype(int) for renderer in (on_device, on_host))
        taken = shaded.plate.astype(int) - theirs
        dark = (taken > 8).all(axis=2)
        assert dark.sum() > 40, "there is a shadow"
        off = np.abs(ours - theirs)
        assert off.mean() < 1 and off[dark].mean() < 4


def test_outside_the_window_is_the_plate(on_device: DeviceRenderer, pack: PlayerPack) -> None:
    on_device.reset()
    render(on_device, small(100))
    out = render(on_device, small(30))
    np.testing.assert_array_equal(out[:, 90:], pack.plate[:, 90:])  # nothing of the window before is left


def test_reset_forgets_the_previous_output(on_device: DeviceRenderer) -> None:
    on_device.reset()
    first = render(on_device, small(64))
    assert (render(on_device, small(64)) != first).any()
    on_device.reset()
    np.testing.assert_array_equal(render(on_device, small(64)), first)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_landmark_that_is_not_finite_is_refused(on_device: DeviceRenderer, bad: float) -> None:
    landmarks = small(64)
    landmarks[7, 1] = bad
    out = np.full((SIZE[1], SIZE[0], 3), 7, np.uint8)
    with pytest.raises(ValueError, match="not finite"):
        on_device(landmarks, out)
    assert (out == 7).all()


def test_the_player_alone_is_that_of_the_host(pack: PlayerPack, monkeypatch: pytest.MonkeyPatch) -> None:
    run_cuda_on_cpu(monkeypatch)
    count_captures(monkeypatch)
    on_device = DeviceLayerRenderer(pack, backend="cuda")
    on_host = LayerRenderer(pack, backend="torch", sizes=sizes_of(pack))
    ours, theirs = (np.full((SIZE[1], SIZE[0], 4), 9, np.uint8) for _ in range(2))
    for pose in POSES:
        on_device(pose, ours)
        on_host(pose, theirs)
        assert not ours[ours[..., 3] == 0].any()
        seen = theirs[..., 3] > 0
        assert seen.sum() > 100 and (seen == (ours[..., 3] > 0)).mean() > 0.99
        assert np.abs(ours.astype(int) - theirs)[seen].mean() < 2.5


def test_a_backend_without_a_device_is_refused(pack: PlayerPack) -> None:
    with pytest.raises(EngineError, match="keeps no frames on a device"):
        DeviceRenderer(pack, backend="torch")
