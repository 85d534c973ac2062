"""What of a trained net is shown: `Trainer` judges and ships it so.

In training the net bends the doll to fit the frame, so that what it learns of light and of its own colours is
not blurred by a doll that lies a few pixels beside it. On frames it has not seen, where the doll lies better
is hardly to be told from landmarks, and bending does more harm than good (docs/quality.md has the figures).
So the shown net leaves the doll where it lies.
"""

from __future__ import annotations

import copy

import torch

from engines.generator import Generator

FLOW = slice(0, 2)
"""The channels of the flow among `engines.generator.FIELDS`."""


def steady(net: Generator) -> Generator:
    """A copy of `net` that does not bend the doll."""
    shown = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in shown.fields.parameters():
            parameter[FLOW] = 0
    return shown
