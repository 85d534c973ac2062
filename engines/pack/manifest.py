"""Reads a player pack's manifest and verifies every file, without loading torch or the bank, which takes
seconds."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.pack.rights import TABLE, Rights, is_line, without_rights

FORMAT = 5
MANIFEST = "player.toml"
MULTIPLE, LEAST_SIDE, MOST_SIDE = 4, 64, 8192
"""The sides of a player's picture, pixels: multiples of the first, between the other two."""
MOST_BYTES = 256 * 1024
"""The largest manifest, bytes."""
LONGEST_NAME = 200
"""The most characters in a player's name."""
FILES = (
    "generator.safetensors", "poses.safetensors", "bank.safetensors", "body.json", "plate.png",
    "standby.mp4", "LICENSES.md",
)  # fmt: skip


class PackError(ValueError):
    """A player pack that cannot be used; the text names the file and the next step."""


@dataclass(frozen=True)
class PackManifest:
    """What a player pack's manifest says, see `player_pack.PlayerPack`. shadow: its table, not yet checked,
    or None. rights: to the player's likeness; None where the pack has none. sums: SHA-256 of each of `FILES`.
    digest: SHA-256 of the manifest without the rights, which can change while the player stays the same."""

    folder: Path
    name: str
    variant: str
    size: tuple[int, int]
    shadow: Any
    rights: Rights | None
    sums: Mapping[str, str]
    digest: str

    @property
    def slug(self) -> str:
        """The player's name in file names."""
        return slug(self.name)

    @property
    def standby(self) -> Path:
        """The video that is shown while nobody dances."""
        return self.folder / "standby.mp4"

    @classmethod
    def load(cls, folder: Path) -> PackManifest:
        """Reads the manifest in `folder` and verifies every file of the pack. Raises PackError."""
        folder = Path(folder)
        manifest = folder / MANIFEST
        if not manifest.is_file():
            raise PackError(
                f"{folder} is no player pack: {manifest} is missing (make one with python -m tools.train)"
            )
        text, data = _read(manifest)
        try:
            name, variant, version = str(data["name"]), str(data["variant"]), data["format"]
            width, height = (int(side) for side in data["size"])
            sums: dict[str, str] = dict(data["sha256"])
            rights = Rights.read(data[TABLE]) if TABLE in data else None
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise PackError(f"{manifest} cannot be read: {error}") from error
        if version != FORMAT:
            other = version if isinstance(version, int) else "unknown"
            raise PackError(
                f"{manifest} is of format {other}; this version of dancecam reads {FORMAT}: "
                f"make the pack anew with python -m tools.train DATASET {folder} --restart"
            )
        if not name or not is_line(name, LONGEST_NAME):
            raise PackError(f"{manifest}: the name must be one line of {LONGEST_NAME} characters at most")
        if min(width, height) < LEAST_SIDE or width % MULTIPLE or height % MULTIPLE:
            raise PackError(f"{manifest}: size {width}x{height} is not in multiples of {MULTIPLE}")
        if max(width, height) > MOST_SIDE:
            raise PackError(f"{manifest}: size {width}x{height} is larger than {MOST_SIDE} pixels")
        for file in FILES:
            _verify(folder / file, sums.get(file))
        digest = hashlib.sha256(without_rights(text).encode()).hexdigest()
        return cls(folder, name, variant, (width, height), data.get("shadow"), rights, sums, digest)


def _read(manifest: Path) -> tuple[str, dict[str, Any]]:
    """Its text, and what is in it. Raises PackError."""
    try:
        with manifest.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise PackError(f"{manifest} is no manifest: it is larger than {MOST_BYTES} bytes")
        text = data.decode()
        return text, tomllib.loads(text)
    except OSError as error:
        raise PackError(f"{manifest} cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise PackError(f"{manifest} cannot be read: it is nested too deeply") from error
    except ValueError as error:  # of TOML, of UTF-8, of numbers too long
        if isinstance(error, PackError):
            raise
        raise PackError(f"{manifest} cannot be read: {error}") from error


def slug(name: str) -> str:
    """A player's name reduced for file names: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "player"


def _verify(path: Path, expected: str | None) -> None:
    if expected is None:
        raise PackError(f"{path.parent / MANIFEST} has no SHA-256 for {path.name}")
    if not path.is_file():
        raise PackError(f"{path} is missing: copy the player pack again")
    if sha256_of(path) != expected:
        raise PackError(
            f"{path} is corrupt (its SHA-256 differs from {MANIFEST}'s): copy the player pack again"
        )


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
