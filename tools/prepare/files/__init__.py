"""The files of a run: the videos it reads, the dataset's pictures, the journal of results."""

from __future__ import annotations


class PrepareError(ValueError):
    """Footage from which no player can be made; the text says why and what to do."""
