import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.pictures.alpha import fade_layers, fit_layer, opaque, over

RANDOM = np.random.default_rng(0)


def player(height: int = 40, width: int = 60) -> NDArray[np.uint8]:
    """A layer with every alpha from 0 to 255 in its middle and nothing around."""
    layer = np.zeros((height, width, 4), np.uint8)
    inner = layer[8:32, 10:50]
    inner[:] = RANDOM.integers(0, 256, inner.shape)
    inner[..., :3] *= inner[..., 3:] > 0
    return layer


def picture(height: int = 40, width: int = 60) -> NDArray[np.uint8]:
    return RANDOM.integers(0, 256, (height, width, 3)).astype(np.uint8)


def exactly_over(layer: NDArray[np.uint8], background: NDArray[np.uint8]) -> NDArray[np.float64]:
    alpha = layer[..., 3:] / 255
    return np.asarray(layer[..., :3] * alpha + background * (1 - alpha))


def test_over_is_the_formula() -> None:
    layer, background = player(), picture()
    out = np.empty_like(background)
    over(layer, background, out)
    assert np.abs(out - exactly_over(layer, background)).max() <= 1
    over(layer, background, background)
    assert (out == background).all()


def test_an_empty_layer_leaves_the_background() -> None:
    background = picture()
    out = np.empty_like(background)
    over(np.zeros((40, 60, 4), np.uint8), background, out)
    assert (out == background).all()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_faded_layer_over_anything_is_the_fade_of_what_is_seen(share: float) -> None:
    layer, standby, background = player(), picture(), picture()
    out = np.empty((40, 60, 4), np.uint8)
    fade_layers(standby, layer, share, out)
    seen = share * exactly_over(layer, background) + (1 - share) * standby
    assert np.abs(exactly_over(out, background) - seen).max() < 3
    fade_layers(layer, standby, 1 - share, out)
    assert np.abs(exactly_over(out, background) - seen).max() < 3


def test_two_layers_fade_into_each_other() -> None:
    one, other, background = player(), player(), picture()
    out = np.empty((40, 60, 4), np.uint8)
    fade_layers(one, other, 0.5, out)
    seen = (exactly_over(one, background) + exactly_over(other, background)) / 2
    strong = out[..., 3] > 60  # straight colours of a faint pixel are coarse
    assert np.abs(exactly_over(out, background) - seen)[strong].max() < 3
    assert not out[:8].any()


def test_a_layer_of_another_size_is_fitted_without_a_dark_edge() -> None:
    layer = np.zeros((40, 40, 4), np.uint8)
    layer[10:30, 10:30] = (200, 150, 100, 255)
    out = np.full((100, 200, 4), 77, np.uint8)
    fit_layer(layer, out)
    assert not out[:, :50].any() and not out[:, -50:].any()
    edge = (out[..., 3] > 20) & (out[..., 3] < 255)
    assert edge.any()
    assert np.abs(out[edge][:, :3].astype(int) - (200, 150, 100)).max() <= 12
    assert out[50, 100].tolist() == [200, 150, 100, 255]


def test_an_opaque_picture_covers_all() -> None:
    shown = picture()
    out = np.empty_like(shown)
    over(opaque(shown), picture(), out)
    assert (out == shown).all()
