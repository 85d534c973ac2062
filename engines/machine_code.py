"""Compiles loops over pixels to machine code with Numba, where NumPy and OpenCV would need many passes.

Modules of such functions are named `..._loops`. They are compiled when first imported on a machine, which
takes seconds. The result is kept beside the module, or in the user's cache where that folder is not writable;
later imports take milliseconds. The loops run without Python's lock. Without Numba, Python runs them itself,
a thousand times slower: enough on a machine whose GPU does the work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Literal

try:
    import numba
    from numba import types
except ImportError:
    numba = None  # type: ignore[assignment]
    logging.getLogger(__name__).warning("Numba is not installed: a CPU draws pictures very slowly")

Loop = Callable[..., Any]
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}}
"""A division by 0 gives infinity, and a product and a sum may be rounded together."""
BYTE, PIXEL, INTEGER, REAL = "uint8", "uint32", "int64", "float32"
"""The element types of arrays and numbers."""


class Array:
    """The type of an array argument. layout: "C", or "A" for a window of a larger array. An array that is not
    `writable` may lie in read-only memory."""

    def __init__(
        self, kind: str, dimensions: int, *, layout: Literal["C", "A"] = "C", writable: bool = False
    ) -> None:
        self.kind, self.dimensions, self.layout, self.writable = kind, dimensions, layout, writable

    def made(self) -> Any:
        """The type in Numba's terms."""
        return types.Array(
            getattr(types, self.kind), self.dimensions, self.layout, readonly=not self.writable
        )


def compiled(*arguments: Array | str, returns: str = "void") -> Callable[[Loop], Loop]:
    """Compiles a function for arguments of these types."""

    def decorate(function: Loop) -> Loop:
        if numba is None:
            return function
        given = [each.made() if isinstance(each, Array) else getattr(types, each) for each in arguments]
        made: Loop = numba.njit(getattr(types, returns)(*given), cache=True, nogil=True, **OPTIONS)(function)
        return made

    return decorate


def inlined(function: Loop) -> Loop:
    """Marks a function that compiled ones call, with any argument types."""
    if numba is None:
        return function
    made: Loop = numba.njit(**OPTIONS)(function)
    return made
