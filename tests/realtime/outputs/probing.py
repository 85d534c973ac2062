"""What FFmpeg's ffprobe and ExifTool say of a file or a stream."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest


def probe(url: str | Path, *options: str) -> dict[str, Any]:
    """`format`, `streams` and `programs`, as ffprobe has them. Skips where there is no ffprobe."""
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    asked = ["-show_format", "-show_streams", "-show_programs", "-of", "json"]
    done = subprocess.run(
        ["ffprobe", "-v", "error", *options, *asked, str(url)], capture_output=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def tags(found: dict[str, Any]) -> dict[str, str]:
    """Of the container, with lower-case names."""
    return {name.lower(): value for name, value in found["format"].get("tags", {}).items()}
