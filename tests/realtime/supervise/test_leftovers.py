"""What dead shows left is removed; nothing else is."""

from __future__ import annotations

import tempfile
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import pytest

from realtime.supervise.leftovers import LOCK, PREFIX, note, own_folder, remove_leftovers
from realtime.transport.frame_ring import FrameRing


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_show_that_lives_keeps_what_it_has(where: Path) -> None:
    with own_folder() as folder:
        ring = FrameRing.create(8, 8)
        note(folder, [ring.spec])
        assert remove_leftovers() == 0 and folder.exists()
        FrameRing.attach(ring.spec).close()
        ring.close()
    assert list(where.iterdir()) == []


def test_a_dead_shows_rings_and_sockets_go(where: Path) -> None:
    ring = FrameRing.create(8, 8)
    dead = where / f"{PREFIX}dead"
    dead.mkdir()
    note(dead, [ring.spec])
    (dead / "orders").touch()
    with own_folder() as living:
        assert remove_leftovers() == 1
        assert not dead.exists() and living.exists()
    with pytest.raises(FileNotFoundError):
        SharedMemory(ring.spec.name)


def test_what_is_no_shows_stays(where: Path) -> None:
    kept = SharedMemory("kept-by-others", create=True, size=64)
    try:
        odd = where / f"{PREFIX}odd"
        odd.mkdir()
        (odd / LOCK).write_text("kept-by-others\n../../etc/passwd\npsm_none", encoding="utf-8")
        (where / f"{PREFIX}soak").mkdir()
        (where / f"{PREFIX}link").symlink_to(where / f"{PREFIX}soak")
        assert remove_leftovers() == 1, "the odd one, whose lock is free"
        assert (where / f"{PREFIX}soak").exists() and (where / f"{PREFIX}link").exists()
        SharedMemory("kept-by-others").close()
    finally:
        kept.close()
        kept.unlink()
