"""The folder of a recording of inputs: the names in it, and its manifest.

    recording.json     the manifest: version of the code, show, players, what was asked for
    actions.jsonl      what the desk did and told: who, what, arguments, result, and when
    camera.jsonl       the camera's pictures, a line each: stamps, and where in which video
    camera-0.mkv ...   the pictures; a new video begins where their size changes or the recorder is restarted
    ticks.jsonl        what the programme showed at each tick, and the ticket that it got
    programme.jsonl    small pictures of the programme, a line each
    programme-0.mkv ...
    report.json        the show's numbers, if it was ended in order
    replay/            what `tools.replay` made of it: likewise, with origin, comparison.json and sheet.png

All times are nanoseconds of the machine's monotonic clock. A recording that was cut off has no report; all
else is whole up to the last second.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import tomllib
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from realtime.config.inputs import RecordInputs
from realtime.config.redact import shown
from realtime.config.show import ROOT, Show, ShowError, check_show

FORMAT = "dancecam inputs 1"
MANIFEST, ACTIONS, TICKS, REPORT, REPLAY = (
    "recording.json",
    "actions.jsonl",
    "ticks.jsonl",
    "report.json",
    "replay",
)
CAMERA, PROGRAMME = "camera", "programme"
"""The names of the two tracks of pictures."""

ORIGIN, COMPARISON, SHEET = "origin", "comparison.json", "sheet.png"
"""What a replay has besides."""

PATTERNS = (
    MANIFEST,
    ACTIONS,
    TICKS,
    REPORT,
    ORIGIN,
    COMPARISON,
    SHEET,
    *(f"{track}{end}" for track in (CAMERA, PROGRAMME) for end in (".jsonl", "-*.mkv")),
)
"""What a recording may have in its folder, besides `REPLAY`, as patterns of `Path.glob`."""

FOLDER_MODE = 0o700
MOST_MANIFEST_BYTES = 1 << 20

NOT_REPLAYED = ("outputs", "webrtc", "control", "link", "record_inputs")
"""Parts of the show that a manifest lacks: where it was sent to, and its secrets."""


class RecordingError(ValueError):
    """A recording of inputs that cannot be made or read; the text names its folder and the next step."""


@dataclass(frozen=True)
class Recording:
    """One that is there. version: of the code that made it. data: the show, as `show` reads it. packs: the
    folder of each player, as in `data` → the digest of its manifest. begun: ISO 8601. size, fps: what was
    asked for."""

    folder: Path
    version: str
    begun: str
    data: dict[str, Any]
    packs: dict[str, str]
    asked: dict[str, Any]

    def show(self, **changes: object) -> Show:
        """The show that was recorded, without its outputs and controls, with these changes; its camera is the
        rehearsal's picture, if they name no other. Raises ShowError."""
        where = f"the show of {self.folder}"
        found = check_show({**self.data, "camera": "test://", "cameras": ()}, where, ROOT)
        return check_show({**found.model_dump(), **changes}, where)

    def changed_packs(self, show: Show) -> list[Path]:
        """The players' folders that hold something else than they did."""
        digests = list(self.packs.values())
        return [
            folder for folder, digest in zip(show.packs, digests, strict=False) if _digest(folder) != digest
        ]


def begin(settings: RecordInputs, show: Show, now: datetime) -> None:
    """Makes the folder, for this user alone, and the manifest. Raises RecordingError."""
    folder = settings.folder
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        if any(folder.iterdir()):
            raise RecordingError(f"{folder} is not empty: name a new folder for the recording of inputs")
        folder.chmod(FOLDER_MODE)
        manifest = {
            "format": FORMAT,
            "version": code_version(),
            "begun": now.astimezone().isoformat(timespec="seconds"),
            "show": _plain(show.model_dump(exclude=set(NOT_REPLAYED))),
            "packs": {str(_portable(each)): _digest(each) for each in show.packs},
            "asked": _plain(settings.model_dump(exclude={"folder"})),
        }
        manifest["show"] |= {"camera": shown(show.camera), "cameras": [shown(each) for each in show.cameras]}
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (folder / MANIFEST).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RecordingError(f"inputs cannot be recorded in {folder}: {error.strerror}") from error


def is_recording(folder: Path) -> bool:
    """Whether a folder holds a recording of inputs, of whatever version."""
    try:
        return str(_manifest(folder).get("format", "")).startswith("dancecam inputs ")
    except RecordingError:
        return False


def find(folder: Path) -> Recording:
    """The recording in a folder. Raises RecordingError."""
    manifest = _manifest(folder)
    if manifest.get("format") != FORMAT:
        raise RecordingError(
            f"{folder} has the format {manifest.get('format')!r}, not {FORMAT!r}: use the version of "
            "Dancecam that made it"
        )
    try:
        found = Recording(
            folder,
            str(manifest["version"]),
            str(manifest["begun"]),
            dict(manifest["show"]),
            dict(manifest["packs"]),
            dict(manifest["asked"]),
        )
        found.show()
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ShowError):
            raise RecordingError(str(error)) from error
        raise RecordingError(
            f"{folder / MANIFEST} is damaged ({error}): record the rehearsal again"
        ) from error
    return found


def files_of(folder: Path) -> list[Path]:
    """All that a recording, with its replay, has in its folder; nothing that somebody else has put there."""
    return [
        path
        for place in (folder, folder / REPLAY)
        if place.is_dir() and not place.is_symlink()
        for pattern in PATTERNS
        for path in sorted(place.glob(pattern))
        if path.is_file() and not path.is_symlink()
    ]


def remove(folder: Path) -> None:
    """Deletes those, and the folder where nothing else is in it. Raises OSError."""
    for path in files_of(folder):
        path.unlink(missing_ok=True)
    for place in (folder / REPLAY, folder):
        with contextlib.suppress(FileNotFoundError):
            if not place.is_symlink() and not any(place.iterdir()):
                place.rmdir()


def code_version() -> str:
    """The project's version, and the commit where there is a checkout."""
    try:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, KeyError, ValueError):
        project = "unknown"
    try:
        command = ("git", "-C", str(ROOT), "describe", "--always", "--dirty")
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=5.0, check=True)
    except (OSError, subprocess.SubprocessError):
        return str(project)
    return f"{project} {done.stdout.strip()}"


def _manifest(folder: Path) -> dict[str, Any]:
    """Raises RecordingError."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            content = file.read(MOST_MANIFEST_BYTES + 1)
        found = json.loads(content) if len(content) <= MOST_MANIFEST_BYTES else None
    except OSError as error:
        raise RecordingError(
            f"{folder} is no recording of inputs ({MANIFEST}: {error.strerror}): make one with "
            "run_live.py --record-inputs FOLDER"
        ) from error
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RecordingError(f"{path} is damaged: record the rehearsal again")
    return found


def _digest(pack: Path) -> str:
    """Of a pack's manifest, which has the digests of all its files; "" where there is none."""
    try:
        return hashlib.sha256((pack / "player.toml").read_bytes()).hexdigest()
    except OSError:
        return ""


def _portable(path: Path) -> Path:
    """Relative to the project where the path lies in it, else absolute."""
    whole = path.resolve()
    return whole.relative_to(ROOT) if whole.is_relative_to(ROOT) else whole


def _plain(value: Any) -> Any:
    """For JSON, as `check_show` reads it."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Path):
        return str(_portable(value))
    return str(value) if isinstance(value, Fraction) else value
