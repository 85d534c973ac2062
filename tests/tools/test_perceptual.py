"""The perceptual networks: their weights are had once and checked, and their arithmetic is the papers'."""

from __future__ import annotations

import io
import pickle
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from engines.pose.tflite_graph import GraphError
from tools.perceptual import __main__ as command
from tools.perceptual import features, weights
from tools.perceptual.lpips import ALEX, SMALLEST, Lpips, sum_of_means
from tools.video import VideoReader

ASSETS = Path(__file__).resolve().parents[2] / "assets"
ALEX_CHANNELS = (3, 64, 192, 384, 256, 256)
ALEX_KERNELS = (11, 5, 3, 3, 3)
has_lpips = pytest.mark.skipif(
    not (weights.WEIGHTS / "lpips_alexnet.safetensors").is_file(), reason=f"needs {weights.COMMAND}"
)
has_vgg = pytest.mark.skipif(
    not (weights.WEIGHTS / "lpips_vgg16.safetensors").is_file(), reason=f"needs {weights.COMMAND}"
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


def vgg_weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    channels = (3, 64, 64, 128, 128, 256, 256, 256)
    found = {}
    for index in range(7):
        shape = (channels[index + 1], channels[index], 3, 3)
        found[f"conv{index}.weight"] = torch.randn(shape) * (2 / (9 * shape[1])) ** 0.5
        found[f"conv{index}.bias"] = torch.zeros(shape[0])
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
    state, net, picture = weights.load("lpips_alexnet"), Lpips.load(), frame()
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


def test_vgg_gives_the_layers_asked_for_frozen_and_differentiable() -> None:
    net = features.VggFeatures(vgg_weights())
    assert not list(net.parameters())
    picture = torch.rand(2, 3, 64, 48, requires_grad=True)
    shapes = [tuple(layer.shape) for layer in net(picture)]
    assert shapes == [(2, 64, 64, 48), (2, 128, 32, 24), (2, 256, 16, 12)]
    features.perceptual_loss(net, picture, torch.rand(2, 3, 64, 48)).backward()
    assert picture.grad is not None and picture.grad.abs().sum() > 0
    with pytest.raises(ValueError, match="relu6_1"):
        features.VggFeatures(vgg_weights(), layers=("relu6_1",))


def test_vgg_is_a_chain_of_convolutions_over_the_imagenet_scale() -> None:
    state, picture = vgg_weights(), torch.rand(1, 3, 16, 16)
    x = (picture - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    x = F.relu(F.conv2d(x, state["conv0.weight"], padding=1))
    x = F.max_pool2d(F.relu(F.conv2d(x, state["conv1.weight"], padding=1)), 2)
    x = F.relu(F.conv2d(x, state["conv2.weight"], padding=1))
    (ours,) = features.VggFeatures(state, layers=("relu2_1",))(picture)
    assert torch.allclose(ours, x, atol=1e-5)


def test_the_networks_that_are_always_there_stand_in(tmp_path: Path) -> None:
    net = features.perceptual_features(folder=tmp_path)
    assert net.name == "pose"
    picture = frame().requires_grad_()
    assert len(net(picture)) == 8
    loss = features.perceptual_loss(net, picture, damage(picture.detach())["blur"][2])
    loss.backward()
    assert loss > 0 and picture.grad is not None and torch.isfinite(picture.grad).all()


@pytest.mark.parametrize("name", ["pose", pytest.param("vgg16", marks=has_vgg)])
def test_the_loss_is_zero_for_equals_and_grows_with_the_damage(name: str) -> None:
    net, picture = features.perceptual_features(name), F.avg_pool2d(frame(), 2)
    assert net.name == name
    assert float(features.perceptual_loss(net, picture, picture)) == 0
    for kind, pictures in damage(picture).items():
        losses = [float(features.perceptual_loss(net, worse, picture)) for worse in pictures]
        assert losses[0] < losses[1] < losses[2] < 3, kind


def test_the_loss_sees_the_mask_alone() -> None:
    net = features.VggFeatures(vgg_weights(), layers=("relu1_2",))
    target = torch.rand(1, 3, 32, 32)
    output = target.clone()
    output[..., :10] = 0
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 16:] = 1
    assert float(features.perceptual_loss(net, output, target, mask)) == 0
    assert float(features.perceptual_loss(net, output, target, 1 - mask)) > float(
        features.perceptual_loss(net, output, target)
    )
    assert float(features.perceptual_loss(net, output, target, 0 * mask)) == 0


def test_features_that_are_not_here_are_named_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(weights.WeightsError, match=r"lpips_vgg16\.safetensors is missing.*tools\.perceptual"):
        features.perceptual_features("vgg16", tmp_path)
    with pytest.raises(weights.WeightsError, match="resnet"):
        features.perceptual_features("resnet", tmp_path)
    with pytest.raises(GraphError):
        (tmp_path / "pose_landmark_full.safetensors").write_bytes(b"no network")
        features.perceptual_features("pose", tmp_path)


def test_changed_or_damaged_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lpips_alexnet.safetensors"
    for content in (alex_weights(), {"conv0.bias": torch.zeros(1)}):
        save_file(content, path)
        with pytest.raises(weights.WeightsError, match="delete it and run") as error:
            weights.load("lpips_alexnet", tmp_path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    path.write_bytes(b"torn")
    with pytest.raises(weights.WeightsError, match="cannot be read"):
        weights.load("lpips_alexnet", tmp_path)


def test_nothing_but_arrays_comes_out_of_a_pickle() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    data = pickle.dumps({"a": {"b": array}}, protocol=3)
    assert (weights.ArrayUnpickler(io.BytesIO(data)).load()["a"]["b"] == array).all()
    for thing in (print, Path("x"), np.random.default_rng(0)):
        with pytest.raises(pickle.UnpicklingError, match="no place among arrays"):
            weights.ArrayUnpickler(io.BytesIO(pickle.dumps(thing))).load()


def test_the_command_refuses_what_it_does_not_know_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.tar.gz"
    other.write_bytes(b"something else")

    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", unreachable)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    for arguments, named in (
        (["--archive", str(other)], "SHA-256 differs"),
        (["--archive", str(tmp_path / "none.tar.gz")], "none.tar.gz"),
        (["vgg19"], "vgg19-dcbb9e9d.pth cannot be fetched"),
        ([], "--archive FILE"),
    ):
        assert command.main([*arguments, "--folder", str(tmp_path / "weights")]) == 1
        error = capsys.readouterr().err
        assert named in error and error.count("\n") == 1
    assert not (tmp_path / "weights").exists()


def test_vgg19_is_read_from_torchvisions_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
    state = {"classifier.0.weight": torch.zeros(1)}
    for index, number in enumerate(numbers):
        state[f"features.{number}.weight"] = torch.full((2, 3, 3, 3), float(index))
        state[f"features.{number}.bias"] = torch.full((2,), float(index))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: state)
    weights.fetch("vgg19", folder=tmp_path)
    loaded = weights.load("vgg19", tmp_path)
    assert len(loaded) == 32 and float(loaded["conv15.bias"][0]) == 15
