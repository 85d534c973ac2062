"""Makes a bank from footage: picks frames, cuts them, and fills in the body where an arm hides it.
`tools.train` calls it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.doll.bank import Bank, Frame
from engines.doll.cutting import View, label, limb_widths, skirt_of
from tools.footage.dataset import Footage
from tools.player.agree import agreed
from tools.player.fill import filled
from tools.player.pick import pick
from tools.player.views import cut_view

FRAMES = 240
"""Frames kept of a player, unless told otherwise."""
MEASURED = 60
"""Frames on which the limbs' widths are measured."""


def make_bank(footage: Footage, positions: NDArray[np.int64], count: int = FRAMES) -> Bank:
    """A bank of at most `count` frames from `positions`. It takes about a minute, and shows its progress."""
    from tqdm import tqdm

    chosen = pick(footage, positions, count)
    with tqdm(chosen, unit="frame", desc="bank: cutting") as bar:  # closed before an error is printed
        views: list[View] = [cut_view(footage, int(position)) for position in bar]
    measured = views[:: max(1, len(views) // MEASURED)]
    widths, skirt = limb_widths(measured), skirt_of(measured)
    frames = [Frame(view, label(view, widths, skirt)) for view in views]
    for corrected in (agreed, filled):
        frames = corrected(Bank(frames, widths, footage.body, skirt=skirt))
    return Bank(frames, widths, footage.body, skirt=skirt)
