"""A player pack's manifest: read, and every file verified, without what takes seconds, which is torch and the
bank."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 5
MANIFEST = "player.toml"
MULTIPLE, LEAST_SIDE = 4, 64
"""The sides of a player's picture are multiples of the first and no less than the second, pixels."""
FILES = (
    "generator.safetensors", "poses.safetensors", "bank.safetensors", "body.json", "plate.png",
    "standby.mp4", "LICENSES.md",
)  # fmt: skip


class PackError(ValueError):
    """A player pack that cannot be used; the text names the file and the next step."""


@dataclass(frozen=True)
class PackManifest:
    """What a player pack says of itself, see `player_pack.PlayerPack`. shadow: its
    table as it stands there, not yet checked, or None. sums: SHA-256 of each of `FILES`."""

    folder: Path
    name: str
    variant: str
    size: tuple[int, int]
    shadow: Any
    sums: Mapping[str, str]
    digest: str

    @property
    def slug(self) -> str:
        """The name, as files are named after it."""
        return slug(self.name)

    @property
    def standby(self) -> Path:
        """The loop that is shown while nobody dances."""
        return self.folder / "standby.mp4"

    @classmethod
    def load(cls, folder: Path) -> PackManifest:
        """Reads it, and verifies every file of the pack. Raises PackError."""
        folder = Path(folder)
        manifest = folder / MANIFEST
        if not manifest.is_file():
            raise PackError(
                f"{folder} is no player pack: {manifest} is missing (make one with python -m tools.train)"
            )
        text = manifest.read_bytes()
        try:
            data = tomllib.loads(text.decode())
            name, variant, version = str(data["name"]), str(data["variant"]), data["format"]
            width, height = (int(side) for side in data["size"])
            sums: dict[str, str] = dict(data["sha256"])
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
            raise PackError(f"{manifest} cannot be read: {error}") from error
        if version != FORMAT:
            raise PackError(
                f"{manifest} is of format {version}; this version of dancecam reads {FORMAT}: "
                f"make the pack anew with python -m tools.train DATASET {folder} --restart"
            )
        if min(width, height) < LEAST_SIDE or width % MULTIPLE or height % MULTIPLE:
            raise PackError(f"{manifest}: size {width}x{height} is not in multiples of {MULTIPLE}")
        for file in FILES:
            _verify(folder / file, sums.get(file))
        return cls(
            folder, name, variant, (width, height), data.get("shadow"), sums, hashlib.sha256(text).hexdigest()
        )


def slug(name: str) -> str:
    """What is left of a player's name in the names of files: letters, digits and hyphens."""
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
