"""What a show file says about a second player: `[duet]`."""

from __future__ import annotations

from pydantic import Field

from realtime.config.fields import ShowPath, StrictModel


class Duet(StrictModel):
    """Two fans drive two players in one picture: the first one's, in whose scene both are."""

    player: ShowPath
    """The folder of the pack that the second fan drives, of the same picture size as the player's."""
    apart: float = Field(default=0.3, ge=-1, le=1)
    """How far the players are moved from each other, as a share of the picture's width: the first one to the
    left by half of it, the second one to the right; below 0 the other way round."""

    def shifts(self, width: int) -> tuple[float, float]:
        """How far the first and the second one are moved to the right, pixels of a picture of this width."""
        half = self.apart * width / 2
        return -half, half
