"""What a show file says about layers over the programme: the entries of `[[layers]]`."""

from __future__ import annotations

import string
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from realtime.config.fields import Name, Share, ShowPath, StrictModel, no_two_alike

AI_MARK = "ai-mark"
"""The name of the layer that `ai_mark = true` adds."""

FIELDS = ("player", "fan", "sponsor")
"""What a text may have in braces."""

Colour = Annotated[str, Field(pattern=r"^#([0-9a-fA-F]{6}|[0-9a-fA-F]{8})$")]
"""Red, green, blue, and perhaps alpha: '#ffaa00' or '#ffaa0080'."""

Anchor = Literal[
    "top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right"
]


def fields_of(text: str) -> list[str]:
    """The fields in a text, each of FIELDS. Raises ValueError for anything else in braces."""
    try:
        parts = [part[1:] for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"{error}; write a brace itself twice") from error
    for field, form, conversion in parts:
        if field not in FIELDS or form or conversion:
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise ValueError(f"what is in braces must be one of {known}")
    return [str(field) for field, _, _ in parts]


def _known_fields(text: str) -> str:
    fields_of(text)
    return text


class _Layer(StrictModel):
    kind: str
    """What it is."""
    name: Annotated[Name, Field(min_length=1)]
    """What the operator calls it. No two layers share a name."""
    x: Share = 0.96
    """Where the anchor is, from the picture's left edge, as a share of its width."""
    y: Share = 0.05
    """Likewise from the top edge, as a share of its height."""
    width: float = Field(default=0.15, gt=0, le=1)
    """How wide it is, as a share of the picture's width; a text: at most."""
    anchor: Anchor = "top right"
    """Which point of the layer lies at x, y."""
    fade_s: float = Field(default=0.3, ge=0, le=5)
    """How long it fades in and out, in seconds; 0 cuts."""
    on: bool = False
    """Shown from the start."""
    locked: bool = False
    """Always shown: no action takes it off."""
    over_slate: bool = False
    """Shown over the slate too."""


class PictureLayer(_Layer):
    """A picture with alpha, such as a logo."""

    kind: Literal["picture"]
    file: ShowPath
    """A picture; PNG for alpha."""


class VideoLayer(_Layer):
    """A video with alpha that goes round and round."""

    kind: Literal["video"]
    file: ShowPath
    """A video file: ProRes 4444 or PNG in MOV, VP8 or VP9 in WebM, for alpha."""


class TextLayer(_Layer):
    """A line of text. It is not seen while a field in it is empty."""

    kind: Literal["text"]
    text: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_known_fields)]
    """The line. {player} is who dances, {fan} the fan's name, {sponsor} the show's sponsor."""
    size: float = Field(default=0.04, gt=0.005, le=0.5)
    """Height of its letters, as a share of the picture's height; less where the line would be too wide."""
    font: ShowPath | None = None
    """A TrueType or OpenType font; by default DejaVu Sans Bold."""
    colour: Colour = "#f0ebf5"
    """Of the letters."""
    box: Colour = "#0e1222b0"
    """Of the box behind them; '#00000000' is none."""


AnyLayer = Annotated[PictureLayer | VideoLayer | TextLayer, Field(discriminator="kind")]


def _named_apart(layers: tuple[AnyLayer, ...]) -> tuple[AnyLayer, ...]:
    no_two_alike("layers", (layer.name for layer in layers))
    if any(layer.name == AI_MARK for layer in layers):
        raise ValueError(f"{AI_MARK!r} is the name of the layer that ai_mark adds: choose another")
    return layers


Layers = Annotated[tuple[AnyLayer, ...], AfterValidator(_named_apart)]


def ai_mark() -> TextLayer:
    """The mark that what is seen was made by a machine."""
    look: dict[str, Any] = {"x": 0.98, "y": 0.965, "anchor": "bottom right", "size": 0.028, "width": 0.3}
    return TextLayer(kind="text", name=AI_MARK, text="AI-generated", locked=True, **look)
