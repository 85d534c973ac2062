"""Checks what the music's tempo comes from."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence

from realtime.config.tempo import LINK, MIDI, TAP
from realtime.control.midi_port import MidiError, port_named, port_names
from realtime.control.tempo.link_tempo import INSTALL
from tools.doctor.finding import Case, Finding, ok, warn


def look_at_tempo(case: Case) -> Iterator[Finding]:
    source = case.show.tempo.source
    if source == TAP:
        yield ok("tempo", "it is tapped")
    elif source == LINK:
        yield judge_link(installed=importlib.util.find_spec("aalink") is not None)
    else:
        try:
            yield judge_midi(source.removeprefix(MIDI).strip(), port_names())
        except MidiError as error:
            yield warn("tempo", str(error), "or tap it")


def judge_link(*, installed: bool) -> Finding:
    if not installed:
        return warn("tempo", "Ableton Link needs aalink, which is not there", INSTALL)
    return ok("tempo", "Ableton Link's library is there")


def judge_midi(name: str, names: Sequence[str]) -> Finding:
    found = port_named(name, names)
    if found is None:
        there = ", ".join(names) or "none"
        return warn("tempo", f"no MIDI device is named {name!r}; there are: {there}", "connect it")
    return ok("tempo", f"the MIDI device {found} is there")
