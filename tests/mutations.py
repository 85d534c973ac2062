"""Data that is almost right: what tests of parsers feed them."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**63, 10**30, -1, 0])
    | st.floats()
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
"""Whatever JSON can hold, and some of what Python's reader takes beyond it."""


def places(data: Any) -> list[tuple[Any, Any]]:
    """(container, key) of each value in nested dictionaries and lists."""
    keys = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    found = [(data, key) for key in keys]
    return found + [place for key in keys for place in places(data[key])]


def changed(data: Any, draw: st.DataObject) -> Any:
    """A copy in which up to three values are others, are missing, or are joined by unknown ones."""
    made = copy.deepcopy(data)
    for _ in range(draw.draw(st.integers(1, 3))):
        found = places(made)
        if not found:
            break
        container, key = draw.draw(st.sampled_from(found))
        how = draw.draw(st.sampled_from(("replace", "remove", "add")))
        if how == "remove":
            del container[key]
        elif how == "add" and isinstance(container, dict):
            container[draw.draw(st.text(max_size=4))] = draw.draw(values)
        else:
            container[key] = draw.draw(values)
    return made


def damaged(content: bytes, draw: st.DataObject, most: int = 8) -> bytes:
    """A copy with flipped bits, cut off, or with bytes put in."""
    made = bytearray(content)
    for _ in range(draw.draw(st.integers(1, most))):
        how = draw.draw(st.sampled_from(("flip", "flip", "flip", "cut", "insert")))
        at = draw.draw(st.integers(0, max(0, len(made) - 1)))
        if how == "flip" and made:
            made[at] ^= 1 << draw.draw(st.integers(0, 7))
        elif how == "cut":
            del made[at:]
        else:
            made[at:at] = draw.draw(st.binary(max_size=8))
    return bytes(made)
