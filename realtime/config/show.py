"""The show file: a strict model, in which an unknown key or a value out of bounds is an error by name."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from engines.pose.tracking.choosing import Rule
from realtime.config.backgrounds import KINDS as BACKGROUND_KINDS
from realtime.config.backgrounds import PLATE, Background, Loop, Still
from realtime.config.control import Control
from realtime.config.outputs import KINDS as OUTPUT_KINDS
from realtime.config.outputs import Ndi, Output, Recorder, WebRtc
from realtime.config.redact import redact

KINDS: Mapping[str, type[BaseModel]] = {**OUTPUT_KINDS, **BACKGROUND_KINDS}
"""Of all lists in a show file whose entries are of several kinds."""

SECRET = {"token", "urls", "username", "credential"}
"""Keys whose values no message may show."""

ROOT = Path(__file__).resolve().parents[2]

BUNDLED_CLIP = ROOT / "assets" / "fan_dance.mp4"
BUNDLED_PLAYER = ROOT / "players" / "demo"
BUNDLED_OTHERS = (ROOT / "players" / "fan",)


class ShowError(ValueError):
    """A show that cannot be run as it is written; the text names the file and the key."""


def _fraction(value: object) -> object:
    """30, 29.97 and "30000/1001" are all rates; a float means the decimal number that was written."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        raise ValueError("a rate is a number or a fraction in quotes, for example 30 or '30000/1001'")
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{value!r} is no rate; write for example 30 or '30000/1001'") from error


Rate = Annotated[Fraction, BeforeValidator(_fraction)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Programme(_Model):
    """What goes out."""

    size: tuple[Annotated[int, Field(ge=64, le=7680)], Annotated[int, Field(ge=64, le=4320)]] | None = Field(
        default=None,
        title="Size",
        description="Width and height of the programme, even numbers of pixels; by default the player's.",
    )
    fit: Literal["whole", "fill"] = Field(
        default="whole",
        title="Fit",
        description="How the player's picture is put into a programme of another shape: whole, with bars "
        "beside it, or cut so that it fills it.",
    )
    fps: Rate = Field(
        default=Fraction(30),
        ge=1,
        le=120,
        title="Frame rate",
        description="Pictures a second: a number, or a fraction in quotes such as '30000/1001'.",
    )


class TwoMachines(_Model):
    """Performer and playout on two machines: each runs the same show file, with --role."""

    performer: str = Field(
        min_length=1,
        title="Performer",
        description="Address of the machine with the camera and the networks.",
    )
    playout: str = Field(
        min_length=1, title="Playout", description="Address of the machine with the outputs and the operator."
    )
    port: int = Field(
        default=5570,
        ge=1024,
        le=65000,
        title="Port",
        description="The first of the link's ports; each topic has its own.",
    )
    keys: Path = Field(
        default=Path("keys"),
        title="Keys",
        description="Folder of the keys: python -m realtime.transport.curve_keys FOLDER.",
    )


class Show(_Model):
    """One show."""

    camera: str = Field(
        default=str(BUNDLED_CLIP),
        min_length=1,
        title="Camera",
        description="An index (0), a device (/dev/video0), a video file (it loops) or a URL (rtsp, http).",
    )
    player: Path = Field(
        default=BUNDLED_PLAYER, title="Player", description="The folder of the player pack that dances."
    )
    players: tuple[Path, ...] = Field(
        default=(),
        title="Other players",
        description="Folders of packs that the operator can switch to, of the same size as the player's.",
    )
    programme: Programme = Field(default=Programme(), title="Programme", description="What goes out.")
    fallback: Literal["standby", "camera"] = Field(
        default="standby",
        title="Fallback",
        description="Shown while the live picture fails: the player's standby loop, or the camera.",
    )
    start: Literal["live", "standby"] = Field(
        default="standby",
        title="Start",
        description="'live' goes on air as soon as it is healthy; 'standby' waits for the operator's TAKE.",
    )
    lead_ms: int = Field(
        default=20,
        ge=0,
        le=100,
        title="Lead",
        description="How far ahead the fan's movement is foretold, in milliseconds: less lag, more jitter.",
    )
    hold_ms: int = Field(
        default=250,
        ge=0,
        le=2000,
        title="Hold",
        description="How long the last good picture may stand still, in milliseconds, before the fallback.",
    )
    healthy_ms: int = Field(
        default=1000,
        ge=0,
        le=60_000,
        title="Healthy",
        description="How long frames must come steadily, in milliseconds, before the show returns to live.",
    )
    least_confidence: float = Field(
        default=0.0,
        ge=0,
        le=1,
        title="Least confidence",
        description="Pictures less like what the player was filmed in, 0 to 1, do not go on air; 0: all do.",
    )
    mirror: bool = Field(
        default=False, title="Mirror", description="The player moves as the fan's mirror image."
    )
    dancer_rule: Rule = Field(
        default="largest",
        title="Dancer rule",
        description="Who dances while the operator has picked nobody: the largest, whoever is nearest to the "
        "mark (centre), or the liveliest.",
    )
    dancer_mark: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]] = Field(
        default=(0.5, 0.5),
        title="Dancer mark",
        description="The mark of the rule 'centre': from the left and the top edge of the camera's picture, "
        "0 to 1.",
    )
    webrtc: WebRtc = Field(default=WebRtc(), title="WebRTC", description="The page that plays the programme.")
    outputs: tuple[Output, ...] = Field(
        default=(), title="Outputs", description="Where the programme goes besides the page; several at once."
    )
    control: Control = Field(
        default=Control(), title="Control", description="The console, the API, OSC and the show log."
    )
    keys: dict[str, str] = Field(
        default={},
        title="Keys",
        description="Action = key, where it is not to be the table's own; an empty key takes it away.",
    )
    backgrounds: tuple[Background, ...] = Field(
        default=(), title="Backgrounds", description="What the operator can put behind the player."
    )
    background: str = Field(
        default=PLATE,
        title="Background",
        description="What is behind him at first: one of the backgrounds' names; by default his plate.",
    )
    link: TwoMachines | None = Field(
        default=None, title="Link", description="Performer and playout on two machines; by default on one."
    )
    backend: str = Field(
        default="auto",
        min_length=1,
        title="Backend",
        description="What runs the networks: auto picks the first that works on this machine.",
    )

    @property
    def everyone(self) -> tuple[Path, ...]:
        """The packs of all players: who dances at first, then the others."""
        return (self.player, *self.players)

    @property
    def keyed(self) -> bool:
        """Whether an output carries the player's alpha."""
        return any(isinstance(output, Ndi) and (output.alpha or output.key_source) for output in self.outputs)

    @property
    def layered(self) -> bool:
        """Whether the player is painted with alpha, to be put before a background at the playout."""
        return self.keyed or bool(self.backgrounds)


def load_show(path: Path) -> Show:
    """Reads a show file (TOML). Paths in it are relative to its folder. Raises ShowError."""
    try:
        data = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ShowError(f"show file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ShowError(f"show file {path} is not TOML: {error}") from error
    show = check_show(data, f"show file {path}")
    changes: dict[str, Any] = {}
    if "player" in data:
        changes["player"] = path.parent / show.player
    changes["players"] = tuple(path.parent / folder for folder in show.players)
    if "camera" in data and (path.parent / show.camera).is_file():
        changes["camera"] = str(path.parent / show.camera)
    changes["outputs"] = tuple(
        output.model_copy(update={"folder": path.parent / output.folder})
        if isinstance(output, Recorder)
        else output
        for output in show.outputs
    )
    if show.control.log is not None:
        changes["control"] = show.control.model_copy(update={"log": path.parent / show.control.log})
    changes["backgrounds"] = tuple(
        background.model_copy(update={"file": path.parent / background.file})
        if isinstance(background, Still | Loop)
        else background
        for background in show.backgrounds
    )
    if show.link is not None:
        changes["link"] = show.link.model_copy(update={"keys": path.parent / show.link.keys})
    return show.model_copy(update=changes)


def check_show(data: dict[str, Any], where: str) -> Show:
    """A show from plain data. where: named in the error. Raises ShowError with one line.

    Its `keys` are not checked here: `control.keys.Keymap` knows which actions there are.
    """
    try:
        show = Show.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(_keys_beside(first["loc"]))
            raise ShowError(f"{where}: unknown key {key!r}; known keys here: {known}") from error
        raise ShowError(f"{where}: {key}: {first['msg']}{_given(first['loc'], first['input'])}") from error
    if show.programme.size is not None and any(side % 2 for side in show.programme.size):
        raise ShowError(f"{where}: programme.size: both sides must be even (given: {show.programme.size})")
    names = [background.name for background in show.backgrounds]
    for name in names:
        if name == PLATE:
            raise ShowError(
                f"{where}: backgrounds: the name {PLATE!r} is the player's plate's: choose another"
            )
        if names.count(name) > 1:
            raise ShowError(f"{where}: two backgrounds are named {name!r}")
    if show.background not in (PLATE, *names):
        known = ", ".join((PLATE, *names))
        raise ShowError(
            f"{where}: background: no background is named {show.background!r}; there are: {known}"
        )
    return show


def _given(location: tuple[int | str, ...], value: object) -> str:
    """What was written there, as an error may show it: no secrets, and no tables, which may have some."""
    if SECRET & set(location) or "{" in repr(value):
        return ""
    return f" (given: {redact(repr(value))})"


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Show
    for before, part in itertools.pairwise(("", *location[:-1])):
        if isinstance(before, int):  # an entry of a list: pydantic names its kind next
            model = KINDS[str(part)]
        elif isinstance(part, str):
            annotation = model.model_fields[part].annotation
            for inner in (annotation, *get_args(annotation)):  # of "Model | None", the model
                if isinstance(inner, type) and issubclass(inner, BaseModel):
                    model = inner
    return list(model.model_fields)
