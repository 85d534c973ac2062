"""What dead shows left is removed; nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import pytest

from realtime.supervise.leftovers import LOCK, PREFIX, note, own_folder, remove_leftovers
from realtime.supervise.signals import SIGNALS
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
    dead = where / f"{PREFIX}deadbeef"
    dead.mkdir()
    note(dead, [ring.spec])
    (dead / "orders").touch()
    with own_folder() as living:
        assert remove_leftovers() == 1
        assert not dead.exists() and living.exists()
    with pytest.raises(FileNotFoundError):
        SharedMemory(ring.spec.name)


def test_what_is_no_shows_stays(where: Path) -> None:
    name = f"kept-by-others-{os.getpid()}"
    kept = SharedMemory(name, create=True, size=64)
    try:
        odd = where / f"{PREFIX}odd_odd_"
        odd.mkdir()
        (odd / LOCK).write_text(f"{name}\n../../etc/passwd\npsm_none", encoding="utf-8")
        (where / f"{PREFIX}soak").mkdir()
        (where / f"{PREFIX}link").symlink_to(where / f"{PREFIX}soak")
        assert remove_leftovers() == 1, "the odd one, whose lock is free"
        assert (where / f"{PREFIX}soak").exists() and (where / f"{PREFIX}link").exists()
        SharedMemory(name).close()
    finally:
        kept.close()
        kept.unlink()


def test_what_only_resembles_a_shows_folder_stays(where: Path) -> None:
    own = where / f"{PREFIX}recordings"
    own.mkdir()
    (own / LOCK).touch()
    (own / "may.mkv").touch()
    elsewhere = where / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / LOCK).touch()
    (where / f"{PREFIX}linklink").symlink_to(elsewhere)
    assert remove_leftovers() == 0
    assert (own / "may.mkv").exists() and (elsewhere / LOCK).exists()


EMPTY = f"psm_{os.getpid():08x}"


@pytest.mark.parametrize("lock", [b"\xff\xfe\x00", EMPTY.encode()], ids=["damaged", "empty memory"])
def test_what_cannot_be_read_keeps_no_show_from_beginning(where: Path, lock: bytes) -> None:
    odd = where / f"{PREFIX}odd_odd_"
    odd.mkdir()
    (odd / LOCK).write_bytes(lock)
    memory = Path("/dev/shm") / EMPTY
    memory.touch()
    try:
        assert remove_leftovers() == 0
    finally:
        memory.unlink()


def test_the_resource_tracker_that_it_starts_heeds_no_signal(where: Path) -> None:
    """As where the first ring starts it: else a terminal that hangs up ends it."""
    ring = FrameRing.create(8, 8)
    dead = where / f"{PREFIX}deadbeef"
    dead.mkdir()
    note(dead, [ring.spec])
    program = f"""
import pathlib
from multiprocessing import resource_tracker
from realtime.supervise.leftovers import remove_leftovers
assert remove_leftovers(pathlib.Path({str(where)!r})) == 1
print(pathlib.Path(f"/proc/{{resource_tracker._resource_tracker._pid}}/status").read_text())
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    (blocked,) = (line.split()[1] for line in said.splitlines() if line.startswith("SigBlk"))
    assert all(int(blocked, 16) & 1 << number - 1 for number in SIGNALS)
