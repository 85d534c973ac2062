"""The show file as a strict model: an unknown key or a value out of bounds is an error that names it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from engines.pose.tracking.choosing import Rule
from realtime.config.backgrounds import PLATE, Backgrounds
from realtime.config.control import Control
from realtime.config.duet import Duet
from realtime.config.fields import Rate, Share, ShowPath, StrictModel, Text, no_two_alike
from realtime.config.inputs import RecordInputs
from realtime.config.layers import AnyLayer, Layers, ai_mark
from realtime.config.outputs import Ndi, Outputs, WebRtc
from realtime.config.redact import shown
from realtime.config.tempo import Tempo
from realtime.config.toml_file import line_of, read_toml
from realtime.config.venue import Venue, named_venue

ROOT = Path(__file__).resolve().parents[2]

BUNDLED_CLIP = ROOT / "assets" / "fan_dance.mp4"
BUNDLED_PLAYER = ROOT / "players" / "demo"
BUNDLED_OTHERS = (ROOT / "players" / "fan",)


class ShowError(ValueError):
    """A show that cannot be run as written; the text names the file and the key."""


def _even(side: int) -> int:
    if side % 2:
        raise ValueError("must be even")
    return side


def _camera(name: str, info: ValidationInfo) -> str:
    """The camera setting. A file beside the show file wins over an index, a device or a URL of the same
    name."""
    file = None if info.context is None else info.context / name
    return str(file) if file is not None and file.is_file() else name


def _no_camera_twice(cameras: tuple[str, ...]) -> tuple[str, ...]:
    no_two_alike("cameras", cameras)
    return cameras


Camera = Annotated[Text, AfterValidator(_camera)]

MOST_CAMERAS = 8

Width = Annotated[int, Field(ge=64, le=7680)]
Height = Annotated[int, Field(ge=64, le=4320)]


class Capture(StrictModel):
    """What a capture device (an index, /dev/video0) is asked for. It may give something else: what it gives
    is told. Files, streams and NDI come as they are."""

    format: Literal["auto", "mjpg", "yuyv", "nv12"] = "auto"
    """mjpg: compressed; yuyv, nv12: raw; auto: raw where the device then gives the size and the rate, else
    mjpg: over USB 2, raw pictures of 1280x720 come at about 10 a second."""
    size: tuple[Width, Height] = (1280, 720)
    """Width and height, pixels."""
    fps: Rate = Fraction(30)
    """Pictures a second."""


class Programme(StrictModel):
    """The programme: the picture that goes out."""

    size: (
        tuple[
            Annotated[Width, AfterValidator(_even)],
            Annotated[Height, AfterValidator(_even)],
        ]
        | None
    ) = None
    """Width and height of the programme, even numbers of pixels; by default the player's."""
    fit: Literal["whole", "fill"] = "whole"
    """How the player's picture fits into a programme of another shape: whole, with bars beside it; or cut so
    that it fills it."""
    fps: Rate = Fraction(30)
    """Pictures a second: a number, or a fraction in quotes such as '30000/1001'."""


class TwoMachines(StrictModel):
    """Performer and playout on two machines: each runs the same show file, with --role."""

    performer: Text
    """Address of the machine with the camera and the networks."""
    playout: Text
    """Address of the machine with the outputs and the operator."""
    port: int = Field(default=5570, ge=1024, le=65000)
    """The first of the link's ports; each topic has its own."""
    keys: ShowPath = Path("keys")
    """Folder of the keys: python -m realtime.transport.curve_keys FOLDER."""


class Show(StrictModel):
    """One show."""

    camera: Camera = str(BUNDLED_CLIP)
    """An index (0), a device (/dev/video0), a video file (it loops), a URL (rtsp, http), an NDI source
    (ndi://NAME) or the rehearsal's picture (test://1280x720@30)."""
    cameras: Annotated[
        tuple[Camera, ...], Field(max_length=MOST_CAMERAS), AfterValidator(_no_camera_twice)
    ] = ()
    """Several cameras instead of `camera`, which the operator switches between; the first is on at first."""
    capture: Capture = Capture()
    """What capture devices are asked for."""
    player: ShowPath = BUNDLED_PLAYER
    """The folder of the player pack that dances."""
    players: tuple[ShowPath, ...] = ()
    """Folders of packs that the operator can switch to, of the same size as the player's."""
    duet: Duet | None = None
    """A second player, whom a second fan drives; by default there is one."""
    programme: Programme = Programme()
    """What goes out."""
    fallback: Literal["standby", "camera"] = "standby"
    """Shown while the live picture fails: the player's standby loop, or the camera."""
    start: Literal["live", "standby"] = "standby"
    """'live' goes on air as soon as it is healthy; 'standby' waits for the operator's TAKE."""
    lead_ms: int = Field(default=20, ge=0, le=100)
    """How far ahead the fan's movement is predicted, in milliseconds: less lag, more jitter."""
    hold_ms: int = Field(default=250, ge=0, le=2000)
    """How long the last good picture may stand still, in milliseconds, before the fallback is shown."""
    healthy_ms: int = Field(default=1000, ge=0, le=60_000)
    """How long frames must come steadily, in milliseconds, before the show returns to live."""
    least_confidence: Share = 0.0
    """Pictures less like what the player was filmed in, 0 to 1, do not go on air; 0: every picture does."""
    mirror: bool = False
    """The player moves as the fan's mirror image."""
    dancer_rule: Rule = "largest"
    """Who dances while the operator has picked nobody: the largest person, the one nearest to the mark
    (centre), or the liveliest."""
    dancer_mark: tuple[Share, Share] | None = None
    """The mark of the rule 'centre': from the left and the top edge of the camera's picture, 0 to 1; by
    default the venue's, else the middle."""
    venue: Annotated[Venue, BeforeValidator(named_venue)] = Venue()
    """The hall: 'arena' is venues/arena.toml beside the show file."""
    webrtc: WebRtc = WebRtc()
    """The page that plays the programme."""
    outputs: Outputs = ()
    """Where the programme goes besides the page; several at once."""
    control: Control = Control()
    """The console, the API, OSC and the show log."""
    keys: dict[str, str] = Field(default={})
    """Action = key, to change keys of the actions' table; an empty key removes one. `control.keys.Keymap`
    knows the actions, and checks this."""
    backgrounds: Backgrounds = ()
    """What the operator can put behind the player."""
    background: str = PLATE
    """What is behind the player at first: one of the backgrounds' names; by default the player's plate."""
    layers: Layers = ()
    """What the operator can lay over the programme: logos, loops, lines of text."""
    sponsor: str = Field(default="", max_length=60)
    """What {sponsor} stands for in the layers' texts."""
    ai_mark: bool = False
    """A layer that says "AI-generated", always shown."""
    tempo: Tempo = Tempo()
    """The music's tempo, for a player who is late and yet on the beat."""
    link: TwoMachines | None = None
    """Performer and playout on two machines; by default on one."""
    backend: Text = "auto"
    """What runs the networks: auto picks the first that works on this machine."""
    allow_expired: bool = False
    """Players may be shown whose agreement on the likeness has ended."""
    record_inputs: RecordInputs | None = None
    """Not in a show file: the flags --record-inputs set it, so that nothing is kept that nobody asked for."""

    @model_validator(mode="before")
    @classmethod
    def _first_camera(cls, data: Any) -> Any:
        """`camera` is the first of several."""
        several = data.get("cameras") if isinstance(data, dict) else None
        if not isinstance(several, list | tuple) or not several:
            return data
        if data.get("camera", several[0]) != several[0]:
            raise ValueError("camera is not the first of cameras: leave it out")
        return {**data, "camera": several[0]}

    @field_validator("record_inputs")
    @classmethod
    def _asked_for(cls, value: RecordInputs | None, info: ValidationInfo) -> RecordInputs | None:
        if value is not None and info.context is not None:
            raise ValueError(
                "inputs are recorded with run_live.py --record-inputs FOLDER, not by a show file"
            )
        return value

    @field_validator("background")
    @classmethod
    def _is_there(cls, name: str, info: ValidationInfo) -> str:
        if "backgrounds" in info.data:  # they are valid
            known = (PLATE, *(background.name for background in info.data["backgrounds"]))
            if name not in known:
                raise ValueError(f"there is no such background; there are: {', '.join(known)}")
        return name

    @model_validator(mode="after")
    def _board_is_known(self) -> Self:
        for output in self.outputs:
            if getattr(output, "board_colour", False) and self.venue.board is None:
                raise ValueError(
                    f"outputs: {output.called}: board_colour needs a venue with [board]: "
                    "python -m tools.camera colour measures it"
                )
        return self

    @property
    def every_camera(self) -> tuple[str, ...]:
        """All cameras: the one that is on at first, then the others."""
        return self.cameras or (self.camera,)

    @property
    def camera_names(self) -> tuple[str, ...]:
        """What people may read of them; where two look alike, with their place."""
        names = [shown(camera) for camera in self.every_camera]
        return tuple(
            name if names.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(names, 1)
        )

    @property
    def mark(self) -> tuple[float, float]:
        """Where the fan nearest to the mark dances, by the rule 'centre'."""
        known = self.venue.camera(self.camera)
        return self.dancer_mark or (known and known.mark) or (0.5, 0.5)

    @property
    def everyone(self) -> tuple[Path, ...]:
        """The packs of all players: who dances at first, then the others."""
        return (self.player, *self.players)

    @property
    def packs(self) -> tuple[Path, ...]:
        """The packs that the show needs: everyone's, and the second player's of a duet."""
        return self.everyone if self.duet is None else (*self.everyone, self.duet.player)

    @property
    def all_layers(self) -> tuple[AnyLayer, ...]:
        """From the lowest to the topmost, with the mark that `ai_mark` adds."""
        return (*self.layers, ai_mark()) if self.ai_mark else self.layers

    @property
    def keyed(self) -> bool:
        """Whether any output carries the player's alpha."""
        return any(isinstance(output, Ndi) and (output.alpha or output.key_source) for output in self.outputs)

    @property
    def layered(self) -> bool:
        """Whether the player is painted with alpha, and put before a background by the playout."""
        return self.keyed or bool(self.backgrounds)


def load_show(path: Path) -> Show:
    """Reads a show file (TOML). Paths in it are relative to its folder. Raises ShowError."""
    what = f"show file {path}"
    try:
        data = read_toml(path, what)
    except ValueError as error:
        raise ShowError(str(error)) from error
    return check_show(data, what, path.parent)


def check_show(data: dict[str, Any], where: str, folder: Path | None = None) -> Show:
    """A show from plain data. where: named in the error. folder: what paths are relative to; None leaves them
    as they are. Raises ShowError with one line."""
    try:
        return Show.model_validate(data, context=folder)
    except ValidationError as error:
        raise ShowError(f"{where}: {line_of(error.errors()[0])}") from error
