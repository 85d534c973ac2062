"""Chooses the landmark net of the tools: the heavy one where available, since tools have the time."""

from __future__ import annotations

import argparse
import sys

CHOICES = ("auto", "heavy", "full")


class LandmarkNetError(ValueError):
    """The requested net is not available; the text says why."""


def add_option(parser: argparse.ArgumentParser) -> None:
    """--landmarks, for `choose_net`."""
    parser.add_argument(
        "--landmarks",
        choices=CHOICES,
        default="auto",
        help="which landmark net: heavy is more exact and slower; auto takes it where it can be had",
    )


def choose_net(wanted: str) -> str:
    """The name of the landmark net (`engines.pose.convert.NETS`) for one of CHOICES. It prints to stderr
    which net it is and, if it is not the heavy one, why. Raises LandmarkNetError where the heavy net is
    required and not available."""
    # Only here: importing torch takes seconds, for which --help should not wait.
    from engines.pose.convert import FULL, HEAVY, fetch_heavy

    why = "" if wanted == "full" else fetch_heavy()
    if why and wanted == "heavy":
        raise LandmarkNetError(
            f"the heavy landmark net cannot be had: {why}; put {HEAVY}.tflite into the folder weights"
        )
    if wanted == "full" or why:
        reason = f"; the heavy one is more exact, but {why}" if why else ""
        print(f"landmarks: the full net{reason}", file=sys.stderr)
        return FULL
    print("landmarks: the heavy net", file=sys.stderr)
    return HEAVY
