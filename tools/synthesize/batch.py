"""Makes the videos of a whole folder: one result for each, and a failure does not stop the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tools.dance.dance import SynthesisError
from tools.footage.video_folders import ENDINGS, videos_in


def plan(source: Path, output: Path, ending: str) -> list[tuple[Path, Path]]:
    """Every video in the folder `source` with its result in the folder `output`, sorted by name.

    A result has its source's name, with `ending`. Where two sources would get the same name, each keeps its
    own ending before that. Raises SynthesisError.
    """
    videos = videos_in(source)
    if not videos:
        raise SynthesisError(f"{source} holds no video ({', '.join(sorted(ENDINGS))})")
    if output.exists() and not output.is_dir():
        raise SynthesisError(f"{output} is a file: for a folder of videos, name a folder")
    if output.resolve() == source.resolve():
        raise SynthesisError(f"{output} is the source itself: name another folder")
    stems = Counter(video.stem for video in videos)
    return [
        (video, output / f"{video.stem if stems[video.stem] == 1 else video.name}{ending}")
        for video in videos
    ]


def make_all(
    jobs: list[tuple[Path, Path]],
    make: Callable[[Path, Path], str],
    *,
    overwrite: bool,
    say: Callable[[str], None],
    errors: tuple[type[Exception], ...],
) -> int:
    """Makes the results that do not exist yet, or with `overwrite` all. `say` gets a line for each, and a
    summary.

    make: returns a line, or raises one of `errors`. Returns how many failed.
    """
    made = skipped = 0
    failures: list[str] = []
    for number, (source, output) in enumerate(jobs, 1):
        place = f"[{number}/{len(jobs)}]"
        if output.exists() and not overwrite:
            skipped += 1
            say(f"{place} {output}: there already")
            continue
        try:
            say(f"{place} {make(source, output)}")
            made += 1
        except errors as error:
            failures.append(f"{source.name}: {error}")
            say(f"{place} {source}: failed: {error}")
    say(f"{made} made, {skipped} there already, {len(failures)} failed")
    for failure in failures:
        say(f"  {failure}")
    return len(failures)
