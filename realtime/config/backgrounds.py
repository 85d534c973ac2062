"""What a show file says about backgrounds: the entries of `[[backgrounds]]`, strict models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PLATE = "plate"
"""The name of the player's own background."""


class _Background(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    name: str = Field(
        min_length=1,
        max_length=60,
        title="Name",
        description="What the operator calls it. No two backgrounds share a name.",
    )


class Colour(_Background):
    """One colour."""

    kind: Literal["colour"]
    colour: str = Field(
        pattern=r"^#[0-9a-fA-F]{6}$", title="Colour", description="Red, green, blue: for example '#00b140'."
    )

    @property
    def bgr(self) -> tuple[int, int, int]:
        red, green, blue = bytes.fromhex(self.colour[1:])
        return blue, green, red


class Still(_Background):
    """A picture; it fills the programme, what is too wide or high is cut off."""

    kind: Literal["picture"]
    file: Path = Field(title="File", description="A picture (PNG, JPEG, ...).")


class Loop(_Background):
    """A video that goes round and round; it fills the programme likewise."""

    kind: Literal["video"]
    file: Path = Field(title="File", description="A video file.")


class LiveCamera(_Background):
    """What the camera sees."""

    kind: Literal["camera"]


KINDS: Mapping[str, type[_Background]] = {
    "colour": Colour,
    "picture": Still,
    "video": Loop,
    "camera": LiveCamera,
}

Background = Annotated[Colour | Still | Loop | LiveCamera, Field(discriminator="kind", title="Background")]
