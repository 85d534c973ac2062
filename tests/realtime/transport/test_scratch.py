from pathlib import Path

from realtime.transport.scratch import NOTE, clear_scratch, noted_memory, remove_scratch


def test_scratch_is_emptied_also_of_memory_that_was_never_made_or_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    clear_scratch(folder)
    kept, gone = noted_memory(1000, folder), noted_memory(1000, folder)
    gone.unlink()
    (folder / f"psm_never_made{NOTE}").touch()
    (folder / "socket").touch()
    clear_scratch(folder)
    assert list(folder.iterdir()) == []
    assert not (Path("/dev/shm") / kept.name).exists()
    remove_scratch(folder)
    remove_scratch(folder)
    assert not folder.exists()
    for memory in (kept, gone):
        memory.close()
