"""What an action is given: names, kinds and ranges of its arguments, and the check of what came in."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from realtime.transport.texts import shown

Value = bool | float | str
"""What an argument can be."""

Arguments = Mapping[str, Value]
"""Checked arguments of one action, by name."""


class ArgumentError(ValueError):
    """Arguments that an action cannot be done with; the text names the argument and what it may be."""


@dataclass(frozen=True)
class Argument:
    """One argument. low, high: the range of a number, ends included. unit: for people, "" for none. whole: it
    is a whole number."""

    name: str
    kind: Literal["number", "name", "flag"]
    help: str
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    whole: bool = False

    def check(self, value: object) -> Value:
        """`value` as this argument. A flag may come as 0 or 1, as over OSC. Raises ArgumentError."""
        if self.kind == "flag":
            if isinstance(value, bool) or (isinstance(value, int | float) and value in (0, 1)):
                return bool(value)
            raise ArgumentError(f"{self.name} must be true or false (given: {shown(value)})")
        if self.kind == "name":
            if isinstance(value, str) and value.strip():
                return value
            raise ArgumentError(f"{self.name} must be a text that is not empty (given: {shown(value)})")
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise ArgumentError(f"{self.name} must be a number (given: {shown(value)})")
        if not self.low <= value <= self.high:  # an int may be too large for a float
            raise ArgumentError(f"{self.name} must be {self.range_text()} (given: {shown(value)})")
        if self.whole and value != int(value):
            raise ArgumentError(f"{self.name} must be a whole number (given: {shown(value)})")
        return float(value)

    def range_text(self) -> str:
        """Such as "0 to 5 s"; "" for what is no number."""
        if self.kind != "number":
            return ""
        return f"{self.low:g} to {self.high:g} {self.unit}".rstrip()


Form = tuple[Argument, ...]
"""The arguments of one way to give an action its arguments, all of them needed."""


def check_named(forms: Sequence[Form], given: Mapping[str, object]) -> Arguments:
    """`given` as the form that has just its names. Raises ArgumentError."""
    for form in forms:
        if {argument.name for argument in form} == set(given):
            return {argument.name: argument.check(given[argument.name]) for argument in form}
    names = ", ".join(shown(name).strip("'") for name in itertools.islice(given, 8))
    raise ArgumentError(f"give {forms_text(forms)} (given: {names or 'nothing'})")


def check_in_order(forms: Sequence[Form], given: Sequence[object]) -> Arguments:
    """`given` as the form that has as many arguments. Raises ArgumentError."""
    for form in forms:
        if len(form) == len(given):
            return {argument.name: argument.check(value) for argument, value in zip(form, given, strict=True)}
    raise ArgumentError(f"give {forms_text(forms)} (given: {len(given)} arguments)")


def forms_text(forms: Sequence[Form]) -> str:
    """Such as "nothing, or on" or "x, y, or x0, y0, x1, y1"."""
    return ", or ".join(", ".join(argument.name for argument in form) or "nothing" for form in forms)
