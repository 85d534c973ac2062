"""Checks whether the show's MIDI controller is there."""

from __future__ import annotations

from collections.abc import Iterator

from realtime.control.midi_port import MidiError, port_named, port_names
from tools.doctor.finding import Case, Finding, ok, warn


def look_at_midi(case: Case) -> Iterator[Finding]:
    """Nothing where the show has none."""
    midi = case.show.control.midi
    if midi is None:
        return
    try:
        names = port_names()
    except MidiError as error:
        yield warn("midi", str(error), "else the show runs without the MIDI controller")
        return
    found = port_named(midi.port, names)
    if found is not None:
        yield ok("midi", f"{found} is there")
        return
    there = ", ".join(names) or "none"
    yield warn(
        "midi",
        f"no MIDI device is named {midi.port!r} (there are: {there})",
        "connect it, at any time, or name another in control.midi.port",
    )
