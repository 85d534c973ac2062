"""Writes folders that appear whole or not at all; for player packs and datasets."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INPUTS = "inputs.sha256"
"""The file that names the inputs of an unfinished, resumable folder."""


@contextmanager
def new_folder(target: Path, mark: str) -> Iterator[Path]:
    """Gives an empty folder beside `target`, and moves it there when the block ends without an error.

    mark: the file that identifies such a folder: something at `target` without it is never replaced. After an
    error the old folder is unchanged, and the unfinished one is removed. Raises FileExistsError.
    """
    part = _begin(target, mark)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        _swap_in(part, target, mark)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def check_target(target: Path, mark: str) -> None:
    """Raises FileExistsError or PermissionError where `new_folder` will not be able to make `target`: to be
    asked before long work."""
    _begin(target, mark)
    above = next(path for path in target.absolute().parents if path.exists())
    if not os.access(above, os.W_OK | os.X_OK):
        raise PermissionError(f"{target} cannot be made: {above} may not be written to")


@contextmanager
def resumed_folder(
    target: Path, mark: str, digest: str, verdicts: tuple[type[Exception], ...] = ()
) -> Iterator[tuple[Path, str]]:
    """As `new_folder`, but the unfinished folder survives an error, a kill and a loss of power.

    Gives that folder and its state: "new"; "resumed" with everything that an earlier run left there; or
    "changed" where that run had another `digest`, so that its work was thrown away. verdicts: errors after
    which resuming makes no sense: they leave nothing behind. Raises FileExistsError, and BlockingIOError
    while another process fills the same folder.
    """
    part = _begin(target, mark)
    part.mkdir(parents=True, exist_ok=True)
    with only_writer(part, target):
        try:
            yield part, _claim(part, digest)
            os.sync()
            _swap_in(part, target, mark)
        except verdicts:
            shutil.rmtree(part, ignore_errors=True)
            raise


@contextmanager
def only_writer(folder: Path, name: Path) -> Iterator[None]:
    """Keeps other processes that call this out of `folder`, which exists, until the block ends.

    Raises BlockingIOError, with `name`, where another process is in it.
    """
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"{name} is being written by another run: wait for it") from None
        yield
    finally:
        os.close(lock)


def _begin(target: Path, mark: str) -> Path:
    """The folder to fill, beside `target`. Repairs what an interrupted swap has left."""
    if not target.name or target.name == "..":
        raise FileExistsError(f"{target} names no folder of its own: name a new one")
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{target} is a file: name a folder")
    part, old = _beside(target, "part"), _beside(target, "old")
    if old.exists() and not target.exists():
        old.rename(target)
    if target.exists() and any(target.iterdir()) and not (target / mark).is_file():
        raise FileExistsError(f"{target} is not empty and holds no {mark}: name another folder")
    shutil.rmtree(old, ignore_errors=True)
    return part


def _claim(part: Path, digest: str) -> str:
    """Empties a folder that was made from other inputs. Returns its state."""
    name = part / INPUTS
    found = "new"
    if any(part.iterdir()):
        found = (
            "resumed" if name.is_file() and name.read_text(encoding="utf-8").strip() == digest else "changed"
        )
    if found == "changed":
        for path in part.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    name.write_text(digest + "\n", encoding="utf-8")
    return found


def _swap_in(part: Path, target: Path, mark: str) -> None:
    if not (part / mark).is_file():
        raise FileNotFoundError(f"{part / mark} was not written")
    old = _beside(target, "old")
    if target.exists():
        target.rename(old)
    part.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _beside(target: Path, state: str) -> Path:
    return target.with_name(f".{target.name}.{state}")
