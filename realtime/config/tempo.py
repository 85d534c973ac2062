"""What a show file says about the music's tempo: `[tempo]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from realtime.config.fields import StrictModel, Text

TAP, LINK, MIDI = "tap", "link", "midi:"


def _source(text: str) -> str:
    if text not in (TAP, LINK) and not (text.startswith(MIDI) and text.removeprefix(MIDI).strip()):
        raise ValueError("it is tap, link, or midi: and the name of a MIDI device, such as 'midi:Deck'")
    return text


class Tempo(StrictModel):
    """The tempo of the music, for a player who is late and yet on the beat (action `beat`)."""

    source: Annotated[Text, AfterValidator(_source)] = TAP
    """Where the tempo comes from: tap (the actions tap and tempo), link (Ableton Link), or midi:NAME (the
    MIDI clock of a device of that name). Taps count beside the others while nothing is heard of them."""
    board_lag_ms: int = Field(default=0, ge=0, le=2000)
    """What the show cannot measure of the way from the fan to the board, in milliseconds: the camera's own
    lag, the output's, and above all the board's processor."""
