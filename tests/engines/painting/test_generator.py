from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from engines.painting.generator import (
    ALPHA_SHARPNESS,
    DOLL_ALPHA,
    FIELDS,
    FINE,
    SOFT,
    TINT,
    VARIANTS,
    Generator,
    LiveGenerator,
    Painting,
    canvas_of,
    cell_px,
    in_light,
    inside,
    larger,
    mix,
    multiple,
)
from tests.packs import standing, untrained_generator

PARAMETERS_M = {"nano": 1.3, "tiny": 2.9, "small": 6.4, "std": 48.6, "max": 106.5}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_table_is_sound(name: str) -> None:
    channels, encoder, middle, decoder = VARIANTS[name]
    assert len(encoder) == len(decoder) == len(channels) - 1
    assert list(channels) == sorted(channels) and all(count % 16 == 0 for count in channels)
    assert middle > 0
    assert multiple(name, 4) == {3: 16, 4: 32}[len(channels)]


def test_the_cells_follow_the_players_height() -> None:
    heights = {10: 4, 100: 4, 313: 8, 440: 12, 660: 16, 1320: 32}
    assert {height: cell_px(height) for height in heights} == heights
    assert canvas_of((1280, 720), 48) == (1296, 720) and canvas_of((64, 64), 16) == (64, 64)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_has_its_size(name: str) -> None:
    assert set(PARAMETERS_M) == set(VARIANTS)
    with torch.device("meta"):
        generator = Generator(name, 60)
    count = sum(parameter.numel() for parameter in generator.parameters())
    assert count / 1e6 == pytest.approx(PARAMETERS_M[name], rel=0.05)


@pytest.mark.parametrize("body_px", [60, 480])
@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_exported(name: str, body_px: float) -> None:
    with torch.device("meta"):
        net = LiveGenerator(Generator(name, body_px)).eval()
        cell = net.generator.cell
        assert cell == {60: 4, 480: 12}[body_px]
        example = net.example((16 * cell, 16 * cell))
    program = torch.export.export(net, tuple(example.values()))
    own, fields = (node.meta["val"] for node in program.graph.find_nodes(op="output")[0].args[0])
    assert tuple(own.shape) == (1, 16 * FINE, 16 * FINE, 3) and tuple(fields.shape) == (1, 16, 16, 5)


@torch.inference_mode()
@pytest.mark.parametrize("factor", [2, 3])
def test_a_larger_picture_of_the_same_pose_is_the_same_picture_larger(factor: int) -> None:
    """What a net learns at one size serves another: all that it sees is in cells."""
    small, large = (untrained_generator(height).fold() for height in (160, 160 * factor))
    assert large.cell == factor * small.cell
    for net in (small, large):
        net.fields.weight *= 100
    landmarks, previous, doll = inputs_of()
    stretch = torch.tensor([factor, factor, factor, 1.0])
    given = small.features(landmarks, previous, doll)
    found = large.features(landmarks * stretch, previous, doll)
    assert torch.allclose(found, given, atol=1e-4) and given.std() > 0.01
    fields, wider = small.smooth(given), large.smooth(given)
    assert fields.std() > 0.1 and torch.allclose(wider, fields, atol=0.02)


def test_the_exported_net_computes_the_same() -> None:
    net = LiveGenerator(untrained_generator(60).fold())
    example = net.example((64, 64))
    example["landmarks"] = torch.from_numpy(standing(32, 60, 50))[None]
    example["doll"] = bgra(drawn_doll())
    program = torch.export.export(net, tuple(example.values())).module()
    with torch.inference_mode():
        (own, fields), (again, fields_again) = net(*example.values()), program(*example.values())
    assert torch.allclose(own, again, atol=1e-4) and torch.allclose(fields, fields_again, atol=1e-4)


def drawn_doll(size: int = 64) -> Tensor:
    """(1, 4, size, size), premultiplied RGBA: textured, opaque in the middle, clear outside."""
    doll = torch.zeros(1, 4, size, size)
    inner = slice(size // 4, 3 * size // 4)
    colours = torch.rand(1, 3, size // 8, size // 8, generator=torch.Generator().manual_seed(2))
    smooth = nn.functional.interpolate(colours, (size, size), mode="bilinear")
    doll[..., inner, inner] = torch.cat([smooth, torch.ones(1, 1, size, size)], 1)[..., inner, inner]
    return doll


def bgra(doll: Tensor) -> Tensor:
    """(1, 4, h, w) RGBA 0..1 → (1, h, w, 4) uint8 BGRA, as the live net takes it."""
    return (doll[:, [2, 1, 0, 3]] * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def inputs_of() -> tuple[Tensor, Tensor, Tensor]:
    return torch.from_numpy(standing(32, 60, 50))[None], torch.rand(1, 4, 16, 16), drawn_doll()


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
    inputs = inputs_of()
    before: Painting = generator(*inputs)
    assert generator.fold() is generator and not generator.training
    assert not any(isinstance(module, nn.BatchNorm2d) for module in generator.modules())
    for _ in range(2):
        for ours, theirs in zip(generator(*inputs), before, strict=True):
            assert torch.allclose(ours, theirs, atol=2e-4)
        generator.fold()


@torch.no_grad()
def test_the_output_depends_on_each_input() -> None:
    generator = untrained_generator(60).eval()
    landmarks, _, doll = inputs_of()
    nothing, something = torch.zeros(1, 4, 16, 16), torch.ones(1, 4, 16, 16)
    out: Painting = generator(landmarks, nothing, doll)
    assert out.rgb.shape == (1, 3, 64, 64) and out.alpha.shape == (1, 1, 64, 64)
    others = {
        "landmarks": (landmarks + torch.tensor([8.0, 0, 0, 0]), nothing, doll),
        "previous": (landmarks, something, doll),
        "doll": (landmarks, nothing, doll.flip(3)),
    }
    for name, inputs in others.items():
        assert (generator(*inputs).own - out.own).abs().max() > 0.02, name


@torch.no_grad()
def test_an_untrained_net_shows_about_the_doll() -> None:
    torch.manual_seed(0)
    generator = Generator("nano", 60).eval()
    landmarks, previous, doll = inputs_of()
    out: Painting = generator(landmarks, previous, doll)
    plate = torch.full((1, 3, 64, 64), 0.5)
    truth = doll[:, :3] + plate * (1 - doll[:, 3:])
    assert (out.over(plate) - truth).abs().mean() < 0.06
    assert out.alpha[doll[:, 3:] == 1].mean() > 0.95
    assert out.alpha[..., :8, :].max() < 0.1  # clear of the doll


def test_an_untrained_head_makes_no_checkerboard() -> None:
    landmarks, previous, _ = inputs_of()
    out: Painting = Generator("nano", 60).eval()(landmarks, previous, torch.zeros(1, 4, 64, 64))
    blocks = out.own.unflatten(3, (16, 4)).unflatten(2, (16, 4))  # (1, C, 16, 4, 16, 4)
    assert torch.allclose(blocks, blocks[:, :, :, :1, :, :1].expand_as(blocks), atol=1e-5)


@torch.no_grad()
def test_no_outline_and_no_choice_has_teeth() -> None:
    """Between two quarter pixels both are straight, whatever the weights: no comb of the head's grid."""
    generator = untrained_generator(60).eval()
    generator.fields.weight.normal_(std=0.1)
    landmarks, previous, _ = inputs_of()
    out: Painting = generator(landmarks, previous, torch.zeros(1, 4, 64, 64))
    for field, spread in ((out.alpha_logits, 0.02), (out.choice, 0.001)):
        assert field.std() > spread
        row = field[0, 0, 30, 2:-2].unflatten(0, (-1, 4))  # each from one quarter pixel's centre to the next
        assert torch.allclose(row.diff(n=2, dim=1), torch.zeros(len(row), 2), atol=1e-3)


def test_the_tint_colours_the_doll_where_it_is() -> None:
    doll, red = drawn_doll(), torch.zeros(1, 3, 64, 64)
    assert in_light(doll, red).equal(doll)
    red[:, 0] = 0.2
    tinted = in_light(doll, red)
    assert torch.allclose(tinted[:, 0], doll[:, 0] + 0.2 * doll[:, 3], atol=1e-5)
    assert torch.allclose(tinted[:, 1:], doll[:, 1:], atol=1e-5)


@torch.no_grad()
def test_the_fields_are_bounded() -> None:
    generator = Generator("nano", 60)
    fields = generator.smooth(1e4 * torch.randn(1, 32, 8, 8))
    assert fields.shape == (1, sum(FIELDS), 8, 8)
    tint, _, choice = fields.split(FIELDS, dim=1)
    assert tint.abs().max().item() == pytest.approx(TINT)
    assert choice.min() >= 0 and choice.max() <= 1


def test_the_choice_is_between_the_doll_and_the_nets_own_colours() -> None:
    own, bent = torch.rand(1, 3, 4, 4), torch.rand(1, 4, 4, 4)
    bent[:, 3] = torch.tensor([0.0, 0.5, 1.0, 1.0])
    bent[:, :3] *= bent[:, 3:]
    nothing, all_of_it = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    assert mix(own, bent, nothing).equal(own)
    mixed = mix(own, bent, all_of_it)
    assert torch.allclose(mixed[..., 2:], bent[:, :3, :, 2:])
    assert torch.allclose(mixed[..., 0], own[..., 0])
    assert torch.allclose(mixed[..., 1], 0.5 * own[..., 1] + bent[:, :3, :, 1])


def painting(rgb: Tensor, alpha_logits: Tensor) -> Painting:
    nothing = torch.zeros_like(alpha_logits)
    return Painting(rgb, alpha_logits, rgb, torch.cat([rgb, nothing], dim=1), nothing, nothing)


@torch.no_grad()
def test_inside_the_doll_he_is_opaque_whatever_the_net_says() -> None:
    generator = Generator("nano", 100).eval()
    assert generator.soft == round(100 * SOFT)
    generator.fields.weight.zero_()
    landmarks, previous, doll = inputs_of()
    seen = {}
    for logit in (-100.0, 100.0):
        assert generator.fields.bias is not None
        generator.fields.bias[3] = logit
        out: Painting = generator(landmarks, previous, doll)
        seen[logit] = out.alpha[0, 0]
        shown = out.feedback(4)[0, 3]
        assert torch.allclose(shown, nn.functional.avg_pool2d(out.alpha, 4)[0, 0])
    soft = generator.soft
    deep, doll_there = slice(16 + soft, 48 - soft), doll[0, 3] == 1
    assert seen[-100.0][deep, deep].eq(1).all(), "no hole can be torn into him"
    rim = doll_there.clone()
    rim[deep, deep] = False
    assert rim.any() and seen[-100.0][rim].max() < 1e-3, "where the outline is, the net decides"
    assert seen[-100.0][~doll_there].max() < 1e-3 and seen[100.0].min() > 0.999


def test_inside_is_the_doll_drawn_in_by_the_margin() -> None:
    bent = torch.zeros(1, 4, 12, 12)
    bent[:, 3, 2:10, 2:10] = 1
    bent[:, 3, 6, 6] = 0.25  # a hole in the doll is not covered up
    drawn_in = inside(bent, 1, FINE)[0, 0]
    assert drawn_in[3:5, 3:9].eq(1).all() and drawn_in[5:8, 5:8].eq(0.25).all()
    assert not drawn_in[2].any() and not drawn_in[:, 9].any()


@pytest.mark.parametrize("scale", [2, 3])
def test_a_coarser_inside_is_never_more_than_the_doll(scale: int) -> None:
    bent = torch.zeros(1, 4, 20 * scale, 20 * scale)
    bent[:, 3, 7:-9, 5:-6] = 1
    drawn_in = inside(bent, 1, FINE * scale)
    assert (drawn_in <= bent[:, 3:]).all()
    deep = 4 * scale
    assert drawn_in[..., 7 + deep : -9 - deep, 5 + deep : -6 - deep].eq(1).all()
    assert not drawn_in[..., 7 : 7 + scale // 2, :].any(), "at the outline the net decides"


def test_the_outline_is_a_share_of_the_body() -> None:
    for body_px in (100.0, 400.0):
        generator = Generator("nano", body_px)
        assert generator.soft * generator.cell / FINE == pytest.approx(SOFT * body_px, abs=generator.cell / 8)
    assert Generator("nano", 10.0).soft == 1, "never sharper than a pixel"


def test_feedback_is_the_premultiplied_picture_in_cells() -> None:
    out = painting(torch.rand(2, 3, 16, 24), torch.randn(2, 1, 16, 24))
    assert out.feedback(8).shape == (2, 4, 2, 3)
    shown, alpha = out.feedback(4), out.alpha
    assert shown.shape == (2, 4, 4, 6)
    assert alpha.allclose((ALPHA_SHARPNESS * out.alpha_logits).sigmoid())
    assert torch.allclose(shown[1, :3, 2, 3], (out.rgb * alpha)[1, :, 8:12, 12:16].mean(dim=(1, 2)))
    assert torch.allclose(shown[1, 3, 2, 3], alpha[1, 0, 8:12, 12:16].mean())


@torch.inference_mode()
@pytest.mark.parametrize("body_px", [60, 320])
def test_on_air_the_net_gives_what_it_was_trained_to(body_px: float) -> None:
    generator = untrained_generator(body_px).fold()
    generator.fields.weight.normal_(std=0.1)
    live = LiveGenerator(generator).eval()
    landmarks, previous, doll = inputs_of()
    doll, scale = (doll * 255).round() / 255, generator.cell // FINE
    previous = nn.functional.avg_pool2d(previous, scale)
    small = (nn.functional.avg_pool2d(doll, scale) * 255).round() / 255
    enlarged = small.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    out: Painting = generator(landmarks, previous, enlarged)
    assert out.own.std() > 0.02 and out.choice.std() > 0.001
    own, fields = live(landmarks, previous, bgra(small))
    own, fields = own.permute(0, 3, 1, 2).flip(1), fields.permute(0, 3, 1, 2)
    assert torch.allclose(larger(own, scale), out.own, atol=1e-4)
    assert torch.allclose(larger(fields[:, 4:], generator.cell), out.choice, atol=1e-4)
    tint = larger(fields[:, :3].flip(1), generator.cell)
    assert torch.allclose(in_light(enlarged, tint), out.tinted, atol=1e-4)
    logits = larger(fields[:, 3:4], generator.cell) + DOLL_ALPHA * (2 * enlarged[:, 3:] - 1)
    assert torch.allclose(logits, out.alpha_logits, atol=1e-3)
