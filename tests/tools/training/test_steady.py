from __future__ import annotations

import torch

from engines.generator import FIELDS, Generator
from tests.packs import standing
from tools.training.steady import steady


@torch.no_grad()
def test_it_does_all_as_before_but_leaves_the_doll_where_it_lies() -> None:
    torch.manual_seed(0)
    net = Generator("nano", 50.0).eval()
    torch.nn.init.normal_(net.fields.weight)
    torch.nn.init.normal_(net.fields.bias)
    shown = steady(net)
    pose = torch.from_numpy(standing(32, 60, 50))[None]
    doll = torch.rand(1, 4, 64, 64)
    features = net.features(pose, torch.zeros(1, 4, 16, 16), doll)
    before, after = (each.smooth(features).split(FIELDS, dim=1) for each in (net, shown))
    for name, was, now in zip(("flow", "tint", "outline", "choice"), before, after, strict=True):
        assert was.abs().mean() > 0.01, name
        if name == "flow":
            assert (now == 0).all(), name
        else:
            assert torch.equal(was, now), name
    assert torch.equal(net.own(net.head(features)), shown.own(shown.head(features)))
