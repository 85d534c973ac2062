"""What a show file says about backgrounds: the entries of `[[backgrounds]]`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from realtime.config.fields import Name, ShowPath, StrictModel, no_two_alike

PLATE = "plate"
"""The name of the player's own background."""


def _not_the_plate(name: str) -> str:
    if name == PLATE:
        raise ValueError("this is the name of the player's own background: choose another")
    return name


class _Background(StrictModel):
    kind: str
    """The kind of background."""
    name: Annotated[Name, Field(min_length=1), AfterValidator(_not_the_plate)]
    """What the operator calls it. No two backgrounds share a name."""


class Colour(_Background):
    """One colour."""

    kind: Literal["colour"]
    colour: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    """Red, green, blue: for example '#00b140'."""

    @property
    def bgr(self) -> tuple[int, int, int]:
        red, green, blue = bytes.fromhex(self.colour[1:])
        return blue, green, red


class Still(_Background):
    """A picture. It fills the programme; what does not fit is cut off."""

    kind: Literal["picture"]
    file: ShowPath
    """A picture (PNG, JPEG, ...)."""


class Loop(_Background):
    """A video that repeats. It fills the programme; what does not fit is cut off."""

    kind: Literal["video"]
    file: ShowPath
    """A video file."""


class LiveCamera(_Background):
    """The camera's picture."""

    kind: Literal["camera"]


Background = Annotated[Colour | Still | Loop | LiveCamera, Field(discriminator="kind")]


def _named_apart(backgrounds: tuple[Background, ...]) -> tuple[Background, ...]:
    no_two_alike("backgrounds", (background.name for background in backgrounds))
    return backgrounds


Backgrounds = Annotated[tuple[Background, ...], AfterValidator(_named_apart)]
