"""Writes what was measured of a camera into the venue's file; what else is in it stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from realtime.config.toml_file import line_of
from realtime.config.venue import Venue, VenueCamera, VenueError, load_venue, name_of, path_of, to_toml


def remember(folder: Path, venue: str, camera: str, **changes: Any) -> Path:
    """Sets fields of `VenueCamera`, and returns the file. folder: that of the show file. camera: as a show
    names it. Raises VenueError, OSError."""
    path = path_of(venue, folder)
    known = load_venue(path) if path.exists() else Venue()
    before = known.camera(camera)
    fields = {} if before is None else before.model_dump()
    try:
        made = VenueCamera.model_validate(fields | {"name": name_of(camera)} | changes)
        others = tuple(each for each in known.cameras if each.name != made.name)
        content = to_toml(Venue(cameras=(*others, made)))
    except ValidationError as error:
        raise VenueError(line_of(error.errors()[0])) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(content, encoding="utf-8")
    unfinished.replace(path)
    return path
