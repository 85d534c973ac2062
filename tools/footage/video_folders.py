"""Finds the videos in a folder."""

from __future__ import annotations

from pathlib import Path

_NAMES = "mp4 mov m4v mkv webm avi mts m2ts ts mpg mpeg wmv h264 mjpeg"
ENDINGS = frozenset("." + name for name in _NAMES.split(" "))
"""Endings that are taken from a folder; a file that is named explicitly is opened whatever its ending."""


def videos_in(folder: Path) -> list[Path]:
    """The videos, sorted by name. Hidden files are skipped (macOS puts a `._clip.mov` beside each clip on a
    memory stick), and unfinished files (`clip.part.mp4`)."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in ENDINGS
        and not path.name.startswith(".")
        and ".part" not in (suffix.lower() for suffix in path.suffixes)
        and path.is_file()
    )
