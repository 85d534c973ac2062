"""The walks of docs/development.md: every file that they name is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "development.md"


def named() -> list[Path]:
    """The files and folders in the page's tables. A bare name lies in the folder of the path before it."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        folder = ROOT
        for name in re.findall(r"`([\w/]+(?:\.py|/))`", line) if line.startswith("|") else ():
            path = ROOT / name if "/" in name else folder / name
            folder = path.parent
            found.append(path)
    return found


def test_every_file_of_the_walks_is_there() -> None:
    paths = named()
    assert len(paths) > 60
    assert [str(path.relative_to(ROOT)) for path in paths if not path.exists()] == []
