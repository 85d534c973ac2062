"""A venue file, venues/NAME.toml: what was measured of the cameras and the board of a hall.

`python -m tools.camera` writes it; a show file names it: venue = "arena" (docs/venue.md).
"""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from calibration.board_colour import LEAST_GAIN, LEAST_GAMMA, MOST_GAMMA, Correction
from realtime.config.fields import Share, StrictModel, Text, no_two_alike
from realtime.config.redact import shown
from realtime.config.toml_file import line_of, read_toml

FOLDER = "venues"
"""Beside the show file."""

LEAST_AREA = 0.002
"""Of a floor, as a share of the picture: less is a slip of the hand."""

MOST_CAMERAS = 32

Place = tuple[Share, Share]
"""From the left and the top edge of the camera's picture, 0 to 1."""
Corners = tuple[Place, Place, Place, Place]
Metres = Annotated[float, Field(gt=0, le=200, allow_inf_nan=False)]
Pixels = Annotated[float, Field(ge=-20_000, le=20_000, allow_inf_nan=False)]
Focal = Annotated[float, Field(ge=10, le=100_000, allow_inf_nan=False)]
Coefficient = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=16, le=16_384)]
Gain = Annotated[float, Field(ge=LEAST_GAIN, le=1, allow_inf_nan=False)]
Gamma = Annotated[float, Field(ge=LEAST_GAMMA, le=MOST_GAMMA, allow_inf_nan=False)]


class VenueError(ValueError):
    """A venue file that cannot be used; the text names the file and the key."""


class LensFile(StrictModel):
    """A camera's lens, as `calibration.lens.Lens` has it."""

    size: tuple[Side, Side]
    """Width and height of the pictures that it was measured in."""
    matrix: tuple[Focal, Focal, Pixels, Pixels]
    """Focal lengths across and down, then the principal point, pixels."""
    distortion: tuple[Coefficient, Coefficient, Coefficient, Coefficient, Coefficient]
    """OpenCV's k1, k2, p1, p2, k3."""
    error_px: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
    """How far the corners of the board were from where this lens has them, RMS."""
    measured: date
    """When."""


class VenueCamera(StrictModel):
    """What was measured of one camera."""

    name: Text
    """As shows name it; of a file its name without folders, of an address without its password."""
    floor: Corners | None = None
    """The corners of the floor on which fans dance, in order around it. Nobody whose feet are outside is
    chosen."""
    floor_size_m: tuple[Metres, Metres] | None = None
    """Its width and depth, metres, where known."""
    mark: Place | None = None
    """The stage mark: what `dancer_mark` is unless the show file says otherwise."""
    measured: date | None = None
    """When floor and mark were clicked."""
    lens: LensFile | None = None
    """Its distortion is taken out of the fan's landmarks."""

    @field_validator("floor")
    @classmethod
    def _is_a_floor(cls, corners: Corners | None) -> Corners | None:
        if corners is not None:
            turns = [_turn(corners[n - 2], corners[n - 1], corners[n]) for n in range(4)]
            if not (all(turn > 0 for turn in turns) or all(turn < 0 for turn in turns)):
                raise ValueError("the corners do not go around a floor: give them in order around it")
            if abs(_area(corners)) < LEAST_AREA:
                raise ValueError("the floor is too small to dance on: click its four corners again")
        return corners


class Board(StrictModel):
    """How the board differs in colour, as `calibration.board_colour.Correction` has it. Outputs with
    `board_colour = true` are corrected by it."""

    gain: tuple[Gain, Gain, Gain]
    """Of red, green, blue; 1 at most, so that nothing is cut off."""
    gamma: tuple[Gamma, Gamma, Gamma]
    """The exponents of red, green, blue."""
    measured: date | None = None
    """When."""

    @property
    def correction(self) -> Correction:
        return Correction(self.gain, self.gamma)


class Venue(StrictModel):
    """What was measured in a hall. Without a file nothing was."""

    name: Annotated[str, Field(max_length=60)] = ""
    """The file's name without .toml; it need not be in the file."""
    cameras: Annotated[tuple[VenueCamera, ...], Field(max_length=MOST_CAMERAS)] = ()
    """The cameras, each once."""
    board: Board | None = None
    """The board's colours."""

    @field_validator("cameras")
    @classmethod
    def _each_once(cls, cameras: tuple[VenueCamera, ...]) -> tuple[VenueCamera, ...]:
        no_two_alike("cameras", (camera.name for camera in cameras))
        return cameras

    def camera(self, camera: str) -> VenueCamera | None:
        """What is known of a camera, by the word that a show has for it; None where nothing is."""
        name = name_of(camera)
        return next((each for each in self.cameras if each.name == name), None)

    @property
    def measured(self) -> date | None:
        """When anything was last measured."""
        dates = [each.measured for each in self.cameras] + [
            each.lens.measured for each in self.cameras if each.lens is not None
        ]
        if self.board is not None:
            dates.append(self.board.measured)
        return max((each for each in dates if each is not None), default=None)


def name_of(camera: str) -> str:
    """What a venue file calls a camera: a file by its name alone, an address without its password."""
    if "://" in camera or camera.startswith("/dev/"):
        return shown(camera)
    return Path(camera).name or camera


def check_name(name: str) -> str:
    """The name of a venue, which is that of its file. Raises VenueError."""
    if not re.fullmatch(r"\w[\w .-]{0,59}", name, re.ASCII):
        raise VenueError(f"venue {name[:60]!r}: a name of letters, digits, - and _ was expected")
    return name


def path_of(name: str, folder: Path) -> Path:
    """The file of a venue. folder: that of the show file. Raises VenueError."""
    return folder / FOLDER / f"{check_name(name)}.toml"


def load_venue(path: Path) -> Venue:
    """Raises VenueError with one line."""
    what = f"venue file {path}"
    try:
        data = read_toml(path, what)
    except ValueError as error:
        raise VenueError(str(error)) from error
    try:
        return Venue.model_validate(data | {"name": path.stem})
    except ValidationError as error:
        raise VenueError(f"{what}: {line_of(error.errors()[0])}") from error


def named_venue(value: Any, info: ValidationInfo) -> Any:
    """The show file's `venue`: the file of that name is read. Raises VenueError."""
    if not isinstance(value, str) or not value:
        return {} if value == "" else value
    return load_venue(path_of(value, info.context or Path()))


def to_toml(venue: Venue) -> str:
    """The content of the venue's file."""
    lines = ["# Written by python -m tools.camera; see docs/venue.md"]
    if venue.board is not None:
        lines += ["", "[board]", *_lines(venue.board)]
    for camera in venue.cameras:
        lines += ["", "[[cameras]]", *_lines(camera, without={"lens"})]
        if camera.lens is not None:
            lines += ["", "[cameras.lens]", *_lines(camera.lens)]
    return "\n".join(lines) + "\n"


def _lines(table: StrictModel, without: set[str] | None = None) -> list[str]:
    fields = table.model_dump(exclude=without, exclude_none=True)
    return [f"{key} = {_value(value)}" for key, value in fields.items()]


def _value(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _turn(a: Place, b: Place, c: Place) -> float:
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])


def _area(corners: Corners) -> float:
    return sum(corners[n - 1][0] * corners[n][1] - corners[n][0] * corners[n - 1][1] for n in range(4)) / 2
