"""LPIPS: its weights are had once and checked, and its arithmetic is the paper's."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from tools import perceptual as command
from tools.footage.video import VideoReader
from tools.scores import lpips_weights
from tools.scores.lpips import ALEX, SMALLEST, Lpips, sum_of_means

ASSETS = Path(__file__).resolve().parents[3] / "assets"
ALEX_CHANNELS = (3, 64, 192, 384, 256, 256)
ALEX_KERNELS = (11, 5, 3, 3, 3)
has_lpips = pytest.mark.skipif(
    not (lpips_weights.WEIGHTS / "lpips_alexnet.safetensors").is_file(),
    reason=f"needs {lpips_weights.COMMAND}",
)


def alex_weights() -> dict[str, Tensor]:
    """Random ones, of the true shapes."""
    torch.manual_seed(0)
    found = {}
    for index, size in enumerate(ALEX_KERNELS):
        shape = (ALEX_CHANNELS[index + 1], ALEX_CHANNELS[index], size, size)
        found[f"conv{index}.weight"] = torch.randn(shape) / (shape[1] * size * size) ** 0.5
        found[f"conv{index}.bias"] = 0.1 * torch.randn(shape[0])
        found[f"linear{index}"] = torch.rand(shape[0])
    return found


def frame() -> Tensor:
    """(1, 3, 256, 256) RGB 0..1: the dancer, cut from the fan's video."""
    video = VideoReader(ASSETS / "fan_dance.mp4")
    _, picture = next(iter(video))
    video.close()
    height, width = picture.shape[:2]
    square = picture[:, (width - height) // 2 : (width + height) // 2, ::-1]
    rgb = torch.from_numpy(square.copy()).permute(2, 0, 1)[None].float() / 255
    return F.interpolate(rgb, (256, 256), mode="area")


def damage(picture: Tensor) -> dict[str, list[Tensor]]:
    """Ever worse: blurred, noisy, shifted."""
    torch.manual_seed(0)
    noise = torch.randn(picture.shape)
    return {
        "blur": [
            F.interpolate(F.avg_pool2d(picture, k), picture.shape[2:], mode="bilinear") for k in (2, 4, 8)
        ],
        "noise": [(picture + share * noise).clamp(0, 1) for share in (0.02, 0.06, 0.2)],
        "shift": [picture.roll(pixels, 3) for pixels in (2, 6, 18)],
    }


def reference_lpips(state: dict[str, Tensor], one: Tensor, other: Tensor) -> float:
    """The same computed by jax, channels last, -1..1 scaled with the constants of the authors' code."""
    jax = pytest.importorskip("jax")
    lax = jax.lax

    def maps(picture: Tensor) -> list[np.ndarray]:
        x = picture.permute(0, 2, 3, 1).numpy() * 2 - 1
        x = (x - np.array([-0.030, -0.088, -0.188])) / np.array([0.458, 0.448, 0.450])
        found = []
        for index, (stride, padding, pooled) in enumerate(ALEX):
            if pooled:
                x = lax.reduce_window(x, -np.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "VALID")
            kernel = state[f"conv{index}.weight"].permute(2, 3, 1, 0).numpy()
            x = lax.conv_general_dilated(
                x.astype(np.float32), kernel, (stride, stride), [(padding, padding)] * 2,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )  # fmt: skip
            x = np.maximum(np.asarray(x) + state[f"conv{index}.bias"].numpy(), 0)
            found.append(x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-10))
        return found

    return sum(
        float((np.square(a - b) @ state[f"linear{index}"].numpy()).mean())
        for index, (a, b) in enumerate(zip(maps(one), maps(other), strict=True))
    )


def test_lpips_is_the_papers_arithmetic() -> None:
    state, picture = alex_weights(), frame()
    for other in (damage(picture)["blur"][1], torch.rand(picture.shape)):
        ours = float(Lpips(state)(other, picture))
        assert ours == pytest.approx(reference_lpips(state, other, picture), rel=1e-4)
        assert ours > 0


@has_lpips
def test_lpips_with_the_authors_weights() -> None:
    state, net, picture = lpips_weights.load(), Lpips.load(), frame()
    assert float(net(picture, picture)) == 0
    for name, pictures in damage(picture).items():
        distances = [float(net(worse, picture)) for worse in pictures]
        assert 0 < distances[0] < distances[1] < distances[2] < 1.2, name
        assert distances[1] == pytest.approx(reference_lpips(state, pictures[1], picture), rel=1e-4)


def test_a_mask_counts_its_own_places_alone() -> None:
    net, picture = Lpips(alex_weights()), frame()
    worse = picture.clone()
    worse[..., :128] = 0.5
    left = torch.zeros(1, 1, 256, 256)
    left[..., :128] = 1
    maps = net.maps(worse, picture)
    everywhere = float(sum_of_means(maps))
    assert float(sum_of_means(maps, torch.ones_like(left))) == pytest.approx(everywhere, rel=1e-5)
    assert float(sum_of_means(maps, left)) > everywhere > float(sum_of_means(maps, 1 - left))


def test_the_smallest_picture_is_as_said() -> None:
    net = Lpips(alex_weights())
    picture = torch.rand(1, 3, SMALLEST, SMALLEST)
    assert torch.isfinite(net(picture, picture.flip(3)))
    with pytest.raises(RuntimeError):
        net(picture[..., 1:], picture[..., 1:])


def test_weights_that_are_not_here_are_named_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(
        lpips_weights.WeightsError, match=r"lpips_alexnet\.safetensors is missing.*tools\.perceptual"
    ):
        lpips_weights.load(tmp_path)


def test_changed_or_damaged_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lpips_alexnet.safetensors"
    for content in (alex_weights(), {"conv0.bias": torch.zeros(1)}):
        save_file(content, path)
        with pytest.raises(lpips_weights.WeightsError, match="delete it and run") as error:
            lpips_weights.load(tmp_path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    path.write_bytes(b"torn")
    with pytest.raises(lpips_weights.WeightsError, match="cannot be read"):
        lpips_weights.load(tmp_path)


def test_nothing_but_arrays_comes_out_of_a_pickle() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    data = pickle.dumps({"a": {"b": array}}, protocol=3)
    assert (lpips_weights.ArrayUnpickler(io.BytesIO(data)).load()["a"]["b"] == array).all()
    for thing in (print, Path("x"), np.random.default_rng(0)):
        with pytest.raises(pickle.UnpicklingError, match="no place among arrays"):
            lpips_weights.ArrayUnpickler(io.BytesIO(pickle.dumps(thing))).load()


def test_the_command_refuses_what_it_does_not_know_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.tar.gz"
    other.write_bytes(b"something else")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    for arguments, named in (
        (["--archive", str(other)], "SHA-256 differs"),
        (["--archive", str(tmp_path / "none.tar.gz")], "none.tar.gz"),
        ([], "--archive FILE"),
    ):
        assert command.main([*arguments, "--folder", str(tmp_path / "weights")]) == 1
        error = capsys.readouterr().err
        assert named in error and error.count("\n") == 1
    assert not (tmp_path / "weights").exists()
