"""What a run reads and what it keeps: the videos, the dataset's pictures, the journal of what was found."""

from __future__ import annotations


class PrepareError(ValueError):
    """Footage that no player can be made from; the text says why and what to do."""
