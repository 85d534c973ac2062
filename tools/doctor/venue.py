"""Says which venue file the show uses, from when it is, and which cameras it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from realtime.config.show import Show
from realtime.config.venue import VenueCamera, name_of
from tools.doctor.finding import Case, Finding, ok, warn


def look_at_venue(case: Case) -> Iterator[Finding]:
    """One line for each camera of a show that names a venue."""
    venue = case.show.venue
    if not venue.name:
        yield ok("venue", "the show names none: people may dance anywhere in the picture")
        return
    if venue.board is not None:
        yield ok("venue", f"{venue.name}: the board's colours{_of(venue.board.measured)}; {_used(case.show)}")
    for camera in case.show.every_camera:
        known = venue.camera(camera)
        if known is None:
            yield warn(
                "venue",
                f"{venue.name} does not know camera {name_of(camera)}",
                "python -m tools.camera floor, and lens",
            )
        else:
            yield ok("venue", f"{venue.name}: camera {known.name} has {_has(known)}")


def _used(show: Show) -> str:
    names = [output.called for output in show.outputs if getattr(output, "board_colour", False)]
    return f"used by {', '.join(names)}" if names else "no output uses them (board_colour = true)"


def _of(when: date | None) -> str:
    return "" if when is None else f" of {when.isoformat()}"


def _has(camera: VenueCamera) -> str:
    parts = {
        "floor": camera.measured if camera.floor else None,
        "mark": camera.measured if camera.mark else None,
        "lens": camera.lens.measured if camera.lens else None,
    }
    there = [f"{what} of {when.isoformat()}" for what, when in parts.items() if when is not None]
    return ", ".join(there) or "nothing measured"
