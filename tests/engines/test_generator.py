from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from engines.generator import ALPHA_SHARPNESS, VARIANTS, Generator, LiveGenerator, feedback, multiple, split
from tests.packs import standing, untrained_generator

PARAMETERS_M = {"nano": 1.3, "tiny": 2.9, "small": 6.4, "std": 48.6, "max": 106.5}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_table_is_sound(name: str) -> None:
    channels, encoder, middle, decoder = VARIANTS[name]
    assert len(encoder) == len(decoder) == len(channels) - 1
    assert list(channels) == sorted(channels) and all(count % 16 == 0 for count in channels)
    assert middle > 0
    assert multiple(name) == {3: 16, 4: 32}[len(channels)]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_has_its_size(name: str) -> None:
    assert set(PARAMETERS_M) == set(VARIANTS)
    with torch.device("meta"):
        generator = Generator(name, 60)
    count = sum(parameter.numel() for parameter in generator.parameters())
    assert count / 1e6 == pytest.approx(PARAMETERS_M[name], rel=0.05)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_exported(name: str) -> None:
    with torch.device("meta"):
        net = LiveGenerator(Generator(name, 60)).eval()
        example = net.example((64, 64))
    program = torch.export.export(net, tuple(example.values()))
    picture, following = (node.meta["val"] for node in program.graph.find_nodes(op="output")[0].args[0])
    assert (tuple(picture.shape), picture.dtype) == ((1, 64, 64, 3), torch.uint8)
    assert tuple(following.shape) == (1, 4, 16, 16)


def test_the_exported_net_computes_the_same() -> None:
    net = LiveGenerator(untrained_generator(60).fold())
    example = net.example((64, 64))
    example["landmarks"] = torch.from_numpy(standing(32, 60, 50))[None]
    program = torch.export.export(net, tuple(example.values())).module()
    with torch.inference_mode():
        (picture, following), (again, following_again) = net(*example.values()), program(*example.values())
    assert (picture.int() - again.int()).abs().max() <= 1
    assert torch.allclose(following, following_again, atol=1e-4)


@torch.no_grad()
def test_folding_changes_nothing() -> None:
    generator = untrained_generator(60).eval()
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(std=0.2)
            module.running_var.uniform_(0.5, 2)
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(std=0.2)
    landmarks = torch.from_numpy(standing(32, 60, 50))[None]
    previous = torch.rand(1, 4, 16, 16)
    before = generator(landmarks, previous)
    assert generator.fold() is generator and not generator.training
    assert not any(isinstance(module, nn.BatchNorm2d) for module in generator.modules())
    assert torch.allclose(generator(landmarks, previous), before, atol=1e-4)
    assert torch.allclose(generator.fold()(landmarks, previous), before, atol=1e-4)


@torch.no_grad()
def test_the_output_depends_on_pose_and_previous_output() -> None:
    generator = untrained_generator(60).eval()
    landmarks = torch.from_numpy(standing(32, 60, 50))[None]
    nothing, something = torch.zeros(1, 4, 16, 16), torch.ones(1, 4, 16, 16)
    moved = landmarks + torch.tensor([8.0, 0, 0, 0])
    out = generator(landmarks, nothing)
    assert out.shape == (1, 4, 64, 64)
    assert (generator(moved, nothing) - out).abs().max() > 0.05
    assert (generator(landmarks, something) - out).abs().max() > 0.05


def test_an_untrained_head_makes_no_checkerboard() -> None:
    generator = Generator("nano", 60)
    out = generator.eval()(torch.from_numpy(standing(32, 60, 50))[None], torch.zeros(1, 4, 16, 16))
    blocks = out.unflatten(3, (16, 4)).unflatten(2, (16, 4))  # (1, 4, 16, 4, 16, 4)
    assert torch.allclose(blocks, blocks[:, :, :, :1, :, :1].expand_as(blocks), atol=1e-5)


def test_feedback_is_the_premultiplied_picture_at_a_quarter() -> None:
    rgb, alpha = torch.rand(2, 3, 16, 24), torch.rand(2, 1, 16, 24)
    shown = feedback(rgb, alpha)
    assert shown.shape == (2, 4, 4, 6)
    assert torch.allclose(shown[1, :3, 2, 3], (rgb * alpha)[1, :, 8:12, 12:16].mean(dim=(1, 2)))
    assert torch.allclose(shown[1, 3, 2, 3], alpha[1, 0, 8:12, 12:16].mean())


def test_logits_are_split_into_colour_and_alpha() -> None:
    logits = torch.randn(2, 4, 8, 8)
    rgb, alpha = split(logits)
    assert rgb.equal(logits.sigmoid()[:, :3])
    assert alpha.allclose((ALPHA_SHARPNESS * logits[:, 3:]).sigmoid())


def flat(red: int, green: int, blue: int, alpha_logit: float) -> LiveGenerator:
    """Paints one colour with one alpha, whatever it is shown."""
    generator = Generator("nano", 60).fold()
    assert generator.head.bias is not None
    logits = [*(math.log(value / (255 - value)) for value in (red, green, blue)), alpha_logit]
    with torch.no_grad():
        generator.head.weight.zero_()
        generator.head.bias.copy_(torch.tensor(logits).repeat_interleave(16))
    return LiveGenerator(generator).eval()


@torch.inference_mode()
def test_alpha_chooses_between_plate_and_colour() -> None:
    plate = torch.randint(0, 256, (1, 32, 48, 3), dtype=torch.uint8)
    inputs = (torch.zeros(1, 33, 4), torch.zeros(1, 4, 8, 12), plate)
    clear, none = flat(200, 100, 30, -200.0)(*inputs)
    assert clear.equal(plate) and not none.any()
    solid, full = flat(200, 100, 30, 200.0)(*inputs)
    assert solid.equal(torch.tensor([30, 100, 200], dtype=torch.uint8).expand_as(plate))  # BGR
    assert torch.allclose(full[0, :, 0, 0], torch.tensor([200 / 255, 100 / 255, 30 / 255, 1.0]))
    half, _ = flat(200, 100, 30, 0.0)(*inputs)
    mean = (plate.float() + torch.tensor([30.0, 100.0, 200.0])) / 2
    assert (half.float() - mean).abs().max() <= 0.5 + 1e-3


@torch.inference_mode()
def test_on_air_the_net_paints_what_it_was_trained_to() -> None:
    generator = untrained_generator(60).fold()
    live = LiveGenerator(generator).eval()
    landmarks, previous = torch.from_numpy(standing(32, 60, 50))[None], torch.rand(1, 4, 16, 16)
    plate = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    rgb, alpha = split(generator(landmarks, previous))
    assert rgb.std() > 0.02 and alpha.std() > 0.02
    background = plate.permute(0, 3, 1, 2).flip(1) / 255
    truth = (rgb * alpha + background * (1 - alpha)) * 255
    picture, following = live(landmarks, previous, plate)
    assert (picture.permute(0, 3, 1, 2).flip(1) - truth).abs().max() <= 0.51
    assert torch.allclose(following, feedback(rgb, alpha), atol=1e-5)
