"""Writes what was measured of a camera or the board into the venue's file; what else is in it stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from realtime.config.toml_file import line_of
from realtime.config.venue import Board, Venue, VenueCamera, VenueError, load_venue, name_of, path_of, to_toml


def remember(folder: Path, venue: str, camera: str, **changes: Any) -> Path:
    """Sets fields of `VenueCamera`, and returns the file. folder: that of the show file. camera: as a show
    names it. Raises VenueError, OSError."""
    path = path_of(venue, folder)
    known = _known(path)
    before = known.camera(camera)
    fields = {} if before is None else before.model_dump()
    try:
        made = VenueCamera.model_validate(fields | {"name": name_of(camera)} | changes)
        others = tuple(each for each in known.cameras if each.name != made.name)
        return _write(path, known.model_copy(update={"cameras": (*others, made)}))
    except ValidationError as error:
        raise VenueError(line_of(error.errors()[0])) from error


def remember_board(folder: Path, venue: str, board: Board) -> Path:
    """Sets the board's colours, and returns the file. Raises VenueError, OSError."""
    path = path_of(venue, folder)
    return _write(path, _known(path).model_copy(update={"board": board}))


def _known(path: Path) -> Venue:
    return load_venue(path) if path.exists() else Venue()


def _write(path: Path, venue: Venue) -> Path:
    content = to_toml(Venue.model_validate(venue.model_dump()))
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(content, encoding="utf-8")
    unfinished.replace(path)
    return path
