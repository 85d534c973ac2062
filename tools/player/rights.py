"""The command-line options for the rights to a player's likeness, and the writing of rights into a pack."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from engines.pack.manifest import MANIFEST, PackManifest
from engines.pack.rights import Rights, read_date, with_rights
from engines.plans.cache import write_whole

FIELDS = {"agreed_by": "agreed_by", "agreed_for": "purpose", "agreed_until": "until", "agreed_note": "note"}
"""For each option, the field of `Rights` that it sets."""


def add_rights(parser: argparse.ArgumentParser) -> None:
    """Adds the options that `rights_of` reads."""
    parser.add_argument("--agreed-by", metavar="NAME", help="who agreed to the use of the player's likeness")
    parser.add_argument("--agreed-for", metavar="TEXT", help="for what, such as 'home games 2026/27'")
    parser.add_argument("--agreed-until", metavar="DATE", help="the last day, such as 2027-06-30")
    parser.add_argument("--agreed-note", metavar="TEXT", help="anything else, such as where the paper lies")


def rights_of(options: argparse.Namespace, before: Rights | None = None) -> Rights | None:
    """The rights by the options, with other fields as in `before`. None where nothing is known. Raises
    ValueError."""
    every = {field: getattr(options, name) for name, field in FIELDS.items()}
    given = {field: value for field, value in every.items() if value is not None}
    if not given:
        return before
    if "until" in given:
        given["until"] = read_date(given["until"])
    if before is not None:
        return replace(before, **given)
    missing = [f"--{name.replace('_', '-')}" for name in FIELDS if FIELDS[name] not in {*given, "note"}]
    if missing:
        raise ValueError(f"an agreement needs {', '.join(missing)} too")
    return Rights(**given)


def describe(pack: PackManifest) -> str:
    """The rights in one line."""
    rights = pack.rights
    if rights is None:
        return f"{pack.folder} ({pack.name}): nothing is written of an agreement on the likeness"
    days = rights.days_left(datetime.now().date())
    when = f"{days} days left" if days >= 0 else "it has ended"
    note = f"; {rights.note}" if rights.note else ""
    return (
        f"{pack.folder} ({pack.name}): agreed by {rights.agreed_by}, for {rights.purpose}, until "
        f"{rights.until.isoformat()} ({when}){note}"
    )


def write_rights(folder: Path, rights: Rights | None) -> None:
    """Replaces the rights in a pack, whole or not at all. Raises PackError, ValueError, OSError."""
    PackManifest.load(folder)
    path = folder / MANIFEST
    data = with_rights(path.read_bytes().decode(), rights).encode()
    mode = path.stat().st_mode
    write_whole(path, data)
    path.chmod(mode & 0o777)
