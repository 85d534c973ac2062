"""Uses a net in training to paint whole pictures: for samples, scores and the standby loop."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from engines.doll.bank import Bank
from engines.painting.generator import Generator, LiveGenerator
from engines.painting.shadow import Shadow
from engines.rendering.renderer import PoseRenderer, eager
from engines.rendering.windows import Windows
from tools.footage.dataset import Footage


class Painter(PoseRenderer):
    """Paints whole pictures with an uncompiled net, as `Renderer` does with a compiled one. For one thread.

    memory: whether the net sees its own previous output. shadow: the player's, drawn as on air.
    """

    def __init__(
        self,
        net: Generator,
        footage: Footage,
        bank: Bank | None,
        *,
        memory: bool = True,
        shadow: Shadow | None = None,
    ) -> None:
        canvas = Windows(footage.size, net.variant, footage.body.near.height).canvas
        device = next(net.parameters()).device
        super().__init__(
            net,
            {canvas: eager(LiveGenerator(net).to(device).eval(), canvas, device)},
            size=footage.size,
            body=footage.body,
            bank=bank,
            plate=footage.plate,
            shadow=shadow,
            memory=memory,
        )


def has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is native, and so faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Within this context, a net computes in bfloat16 where the device has it."""
    return torch.autocast(device.type, torch.bfloat16) if has_bf16(device) else nullcontext()
