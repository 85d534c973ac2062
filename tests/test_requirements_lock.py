"""requirements.lock belongs to requirements.txt, and every package in it has its hashes."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"(?m)^([A-Za-z0-9._-]+)==([^ ;\\\n]+)")
REMEDY = "run make lock"


def pins(text: str) -> dict[str, set[str]]:
    """Name → versions; a package may have one for each kind of machine."""
    found: dict[str, set[str]] = {}
    for name, version in PIN.findall(text):
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), set()).add(version)
    return found


def test_the_lock_has_every_pin() -> None:
    wanted = pins((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    locked = pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert len(wanted) > 20
    assert {name: versions for name, versions in wanted.items() if locked.get(name) != versions} == {}, REMEDY
    assert len(locked) > len(wanted), "what the packages need themselves is in it"


def test_every_package_has_hashes_and_none_comes_from_elsewhere() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", text)[1:]
    assert len(blocks) == sum(len(versions) for versions in pins(text).values())
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text, "a package of another index"
