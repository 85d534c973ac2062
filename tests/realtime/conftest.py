"""What tests of whole shows share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a show's sockets, so that others' shows are not mixed up with ours."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
