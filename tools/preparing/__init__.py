"""The parts of `tools.prepare`: from videos of one player to the dataset that training reads.

sources (which videos, their digest) → scan (pose, person, what is wrong with each frame, how the camera
moved) → tools.alignment (which frames show one scene) → placing (where each goes) → scenes, plate (what is
behind the player) → refine (light, mattes) → report. `pipeline` calls them; `journal` keeps what each part
has found, so that an interrupted run goes on.
"""

from __future__ import annotations


class PrepareError(ValueError):
    """Footage that no player can be made from; the text says why and what to do."""
