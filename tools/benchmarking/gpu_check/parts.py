"""TABLE of the parts of a check. Each runs in a process of its own, so that none can affect another."""

from __future__ import annotations

import importlib
from typing import NamedTuple

from tools.benchmarking.gpu_check.record import Notebook
from tools.benchmarking.gpu_check.setting import Setting


class PartOf(NamedTuple):
    """does: its function, "module:function", called with what `given` names, then setting and notebook.
    budget_s: it is stopped after this many seconds."""

    title: str
    does: str
    budget_s: float
    given: tuple[str, ...] = ()

    def run(self, setting: Setting, notebook: Notebook) -> None:
        module, _, function = self.does.partition(":")
        getattr(importlib.import_module(f"tools.benchmarking.gpu_check.{module}"), function)(
            *self.given, setting, notebook
        )


PARTS = {
    "environment": PartOf("The machine", "environment:check", 40),
    "ceilings": PartOf("What the machine can do at most", "ceilings:check", 40),
    "parity": PartOf("Against eager float32", "networks:check_parity", 80),
    "frame-player": PartOf(
        "The whole way of a frame, the bundled player", "frame:check_frame", 90, ("player",)
    ),
    "networks": PartOf("Each network alone, and pose and generator at once", "networks:check_speed", 80),
    "frame-720p": PartOf("The whole way of a frame, 1280x736", "frame:check_frame", 100, ("720p",)),
    "training-512": PartOf("Training at 512x512", "training:check", 70, ("512",)),
    "swap": PartOf("Another player takes over", "frame:check_swap", 90),
    "peers": PartOf("The generator and its peers, 1280x720", "peers:check", 50),
    "frame-1080p": PartOf("The whole way of a frame, 1920x1088", "frame:check_frame", 120, ("1080p",)),
    "training-720p": PartOf("Training at 1280x736", "training:check", 80, ("720p",)),
}
"""Ordered by importance, in case time runs out. `networks` reads the results of `ceilings`."""
