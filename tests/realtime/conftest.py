"""What tests of whole shows share."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from realtime.supervise import stage_process


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a show's sockets, so that others' shows are not mixed up with ours."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture(autouse=True)
def no_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a performer with made-up networks needs is not imported beside each show of ours (see
    test_spare)."""
    monkeypatch.setattr(stage_process, "free_bytes", lambda: 0)
