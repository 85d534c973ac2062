"""One network's line in the table of `engines.build`; `engines.build.run` makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engines.plans.cache import Facts, Manifest


class Row(NamedTuple):
    """A line of the table. size: the plan's, bytes; 0 where there is none."""

    label: str
    precision: str
    shapes: str
    size: int
    facts: Facts
    is_kept: bool

    @classmethod
    def of(cls, manifest: Manifest, *, is_kept: bool) -> Row:
        key = manifest.key
        return cls(
            manifest.label, key.precision, shape_text(key.shapes), manifest.size, manifest.facts, is_kept
        )


def shape_text(shapes: Sequence[Mapping[str, tuple[int, ...]]]) -> str:
    """The size of each picture, "512x512": a generator's doll, or a pose net's picture."""
    sizes = [] if shapes else ["any"]
    for one in shapes:
        picture = one.get("doll") or one.get("picture") or next(iter(one.values()))
        sizes.append(f"{picture[2]}x{picture[1]}" if len(picture) == 4 else "x".join(map(str, picture)))
    return ", ".join(sizes)
