"""Loops over pixels that NumPy and OpenCV would take many passes for, compiled to machine code by Numba.

A module of such functions is named `..._loops`. They are compiled where it is first imported on a machine,
which takes seconds, and kept beside it, or in the user's cache where that folder cannot be written; later
imports take milliseconds. They run without Python's lock. Where Numba is not installed Python runs them
itself, a thousand times slower: enough for a machine whose GPU does the work.
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
"""A division by 0 is infinite, and a product and a sum may be rounded once."""
BYTE, PIXEL, INTEGER, REAL = "uint8", "uint32", "int64", "float32"
"""What arrays and numbers are of."""


class Array:
    """The type of an array argument. layout: "C", or "A" for a window of a larger array. One that is not
    `writable` may be of memory that is read only."""

    def __init__(
        self, kind: str, dimensions: int, *, layout: Literal["C", "A"] = "C", writable: bool = False
    ) -> None:
        self.kind, self.dimensions, self.layout, self.writable = kind, dimensions, layout, writable

    def made(self) -> Any:
        """As Numba has it."""
        return types.Array(
            getattr(types, self.kind), self.dimensions, self.layout, readonly=not self.writable
        )


def compiled(*arguments: Array | str, returns: str = "void") -> Callable[[Loop], Loop]:
    """Compiles a function of arguments of these types."""

    def decorate(function: Loop) -> Loop:
        if numba is None:
            return function
        given = [each.made() if isinstance(each, Array) else getattr(types, each) for each in arguments]
        made: Loop = numba.njit(getattr(types, returns)(*given), cache=True, nogil=True, **OPTIONS)(function)
        return made

    return decorate


def inlined(function: Loop) -> Loop:
    """A function that compiled ones call, of whatever types they call it with."""
    if numba is None:
        return function
    made: Loop = numba.njit(**OPTIONS)(function)
    return made
