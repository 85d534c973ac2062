from __future__ import annotations

import pytest
import torch
from torch import nn

from tools.benchmarking.measuring.roofline import Ceiling, Work, count, probe_flops
from tools.benchmarking.measuring.subjects import of_variant, peer_work


def test_the_work_of_a_known_net() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1, bias=False))
    work = count(net, [torch.zeros(1, 3, 16, 10)], element_bytes=2)
    pixels = 16 * 10
    assert work.macs == pixels * (8 * 3 * 9 + 4 * 8)
    first = 3 * pixels + 8 * 3 * 9 + 8 + 8 * pixels  # what comes in, weights and biases, what goes out
    second = 8 * pixels + 8 * 4 + 4 * pixels
    assert work.traffic == 2 * (first + second)


def test_nothing_is_computed_on_the_meta_device() -> None:
    with torch.device("meta"):
        work = count(nn.Linear(10, 20), [torch.empty(1, 10)], element_bytes=4)
    assert work == Work(200, 4 * (10 + 200 + 20 + 20))


def test_a_pass_takes_as_long_as_the_scarcer_of_arithmetic_and_traffic() -> None:
    work = Work(macs=10**9, traffic=10**8)
    assert Ceiling(flops=1e12, bandwidth=1e12).least_ms(work) == pytest.approx(2)
    assert Ceiling(flops=1e12, bandwidth=1e10).least_ms(work) == pytest.approx(10)


def test_generator_and_peer_cost_what_is_known() -> None:
    """GMAC of tiny at 512x512, and of pix2pixHD's global generator as in its paper."""
    assert of_variant("tiny", (512, 512)).work("f32").macs == pytest.approx(1.6e9, rel=0.05)
    assert peer_work(64, (512, 512), "f32").macs == pytest.approx(218e9, rel=0.01)


def test_the_probe_is_large_convolutions() -> None:
    assert probe_flops() == 2 * 4 * (256 * 256 * 9) * 64 * 64
