"""Lists what shows have written, and deletes it: recordings, recorded inputs, show logs, and compiled files.

    python -m tools.purge                            # ./recordings, ./rehearsals, ./logs and the cache: asks
    python -m tools.purge show.toml                  # the folders that this show file names
    python -m tools.purge rehearsals/monday          # a recording of inputs, or a folder with several
    python -m tools.purge show.toml --older-than 14 --yes
    python -m tools.purge --only recordings logs

Only files with names given by a show are deleted: players, takes of tools.record and everything else in
those folders stay. Files written in the last minute stay too, since a show may still be writing them. The
next start makes compiled files again, except for TensorRT's plans: those need engines.build.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from engines.plans.cache import PlanCache, PlanError
from engines.plans.digest import compiled_folder, plan_folder
from engines.plans.limit import Item, items, remove
from realtime.config.outputs import Recorder
from realtime.config.show import Show, ShowError, load_show
from realtime.inputs.folder import REPORT, files_of, is_recording
from realtime.inputs.folder import remove as remove_inputs
from realtime.outputs.recording import STAMP

KINDS = ("recordings", "inputs", "logs", "caches")
RECORDING = re.compile(r".{1,61}" + STAMP + r"(\.part)?\.(mkv|mp4)")
"""As `outputs.recording` names its files. What `tools.repair` or `tools.sign` did not finish begins with a
dot."""
LOG = re.compile(r"show-\d{8}-\d{6}\.jsonl")
"""The file names of `control.show_log`."""
DEFAULT_FOLDERS = {
    "recordings": Path("recordings"),
    "inputs": Path("rehearsals"),
    "logs": Path("logs"),
}
"""The folders without a show file, in the current folder."""
IN_USE_S = 60.0
S_PER_DAY = 86_400
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Found(NamedTuple):
    """Something to delete. item: its entry in the cache; None for others. changed_s: seconds since 1970.
    ended: nothing writes to it any more."""

    kind: str
    path: Path
    size: int
    changed_s: float
    item: Item | None = None
    ended: bool = False


def folders_of(shows: Sequence[Show], inputs: Sequence[Path] = ()) -> dict[str, list[Path]]:
    """The folders into which shows write their recordings and logs. inputs: of recorded inputs."""
    recorders = [output.folder for show in shows for output in show.outputs if isinstance(output, Recorder)]
    logs = [show.control.log for show in shows if show.control.log is not None]
    return {
        "recordings": list(dict.fromkeys(recorders)),
        "inputs": list(inputs),
        "logs": list(dict.fromkeys(logs)),
    }


def find(folders: dict[str, list[Path]], kinds: Sequence[str]) -> Iterator[Found]:
    """Everything of these kinds that exists."""
    for kind, pattern in (("recordings", RECORDING), ("logs", LOG)):
        for folder in folders[kind] if kind in kinds else ():
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if pattern.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                    stat = path.stat()
                    yield Found(kind, path, stat.st_size, stat.st_mtime)
    for folder in folders["inputs"] if "inputs" in kinds else ():
        yield from recorded_inputs(folder)
    for item in items(plan_folder(), compiled_folder()) if "caches" in kinds else ():
        yield Found("caches", item.plan, item.size, item.used_s, item)


def recorded_inputs(folder: Path) -> Iterator[Found]:
    """A folder that is a recording of inputs, or those in it."""
    here = sorted(folder.iterdir()) if folder.is_dir() else []
    for each in [folder] if is_recording(folder) else [path for path in here if is_recording(path)]:
        files = [path.stat() for path in files_of(each)]
        changed_s = max(file.st_mtime for file in files)
        size, ended = sum(file.st_size for file in files), (each / REPORT).exists()
        yield Found("inputs", each, size, changed_s, ended=ended)


def old_enough(found: Sequence[Found], now_s: float, days: float) -> list[Found]:
    """Those last written (in the cache: last used) at least `days` ago, and not just now."""
    return [
        each
        for each in found
        if now_s - each.changed_s >= max(0.0 if each.ended else IN_USE_S, days * S_PER_DAY)
    ]


def delete(found: Sequence[Found]) -> None:
    """Deletes them, what is compiled last. Raises OSError, PlanError; BlockingIOError while the cache is
    being written."""
    cached = [each.item for each in found if each.item is not None]
    for each in found:
        if each.kind == "inputs":
            remove_inputs(each.path)
        elif each.item is None:
            each.path.unlink(missing_ok=True)
    if cached:
        with PlanCache(plan_folder()).building():
            for item in cached:
                remove(item)


def shown_size(size: float) -> str:
    for unit in UNITS:
        if size < 1024 or unit == UNITS[-1]:
            return f"{size:.0f} {unit}" if unit in UNITS[:2] else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("the last unit takes all")


def agreed(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # nobody answers
        print()
        return False


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0, also if there was nothing to delete; 1 if it was refused or failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.purge",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "shows", type=Path, nargs="*", metavar="SHOW.toml", help="show files, or folders of recorded inputs"
    )
    parser.add_argument("--older-than", type=float, default=0.0, metavar="DAYS", help="only what is so old")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, help="only these kinds")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(argv)
    try:
        if not options.older_than >= 0:
            raise ValueError(f"--older-than {options.older_than}: give a number of days")
        folders = {kind: [folder] for kind, folder in DEFAULT_FOLDERS.items()}
        if options.shows:
            inputs = [path for path in options.shows if path.is_dir()]
            shows = [load_show(path) for path in options.shows if not path.is_dir()]
            folders = folders_of(shows, inputs)
            if not shows:  # what is compiled is no matter of theirs
                options.only = [kind for kind in options.only if kind != "caches"]
        found = old_enough(list(find(folders, options.only)), time.time(), options.older_than)
        for each in found:
            day = time.strftime("%Y-%m-%d", time.localtime(each.changed_s))
            print(f"{each.kind:<10} {day} {shown_size(each.size):>10}  {each.path}")
        if not found:
            print("there is nothing to delete")
            return 0
        total = f"{len(found)} of them, {shown_size(sum(each.size for each in found))}"
        if not options.yes and not agreed(f"delete {total}?"):
            print("nothing was deleted")
            return 1
        delete(found)
        print(f"deleted {total}")
    except BlockingIOError:
        print(
            "purge: what is compiled is being written by another process: try again later; all else is gone",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("\npurge: stopped", file=sys.stderr)
        return 130
    except (ShowError, PlanError, ValueError, OSError) as error:
        print(f"purge: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
