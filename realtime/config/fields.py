"""What all settings are made of: the strict model, and the types of values that several of them have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

UNKNOWN_KEY = "unknown_key"
"""The type of the error for a key that is not one of its table's: `key`, and `known`, those that are."""


class StrictModel(BaseModel):
    """A table of the show file: unknown keys and values out of bounds are errors. Each field is described by
    the text below it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, data: Any) -> Any:
        for key in data if isinstance(data, dict) else ():
            if key not in cls.model_fields:
                known = ", ".join(cls.model_fields)
                raise PydanticCustomError(UNKNOWN_KEY, "unknown key", {"key": key, "known": known})
        return data


def _in_show_folder(path: Path, info: ValidationInfo) -> Path:
    return path if info.context is None else info.context / path


def _rate(value: object) -> object:
    """30, 29.97 and "30000/1001" are all rates; a float means the decimal number that was written."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        raise ValueError("a rate is a number or a fraction in quotes, for example 30 or '30000/1001'")
    if isinstance(value, str) and not re.fullmatch(r"\d{1,9}(\.\d{1,9})?(/\d{1,9})?", value):
        raise ValueError("this is no rate; write for example 30 or '30000/1001'")
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError("this is no rate; write for example 30 or '30000/1001'") from error


ShowPath = Annotated[Path, AfterValidator(_in_show_folder)]
"""A path, relative to the folder that is given to the validation as its context: the show file's."""

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(max_length=60)]
"""What the operator calls something."""

Port = Annotated[int, Field(ge=0, le=65535)]
"""0 is none."""

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[Fraction, BeforeValidator(_rate), Field(ge=1, le=120)]
"""Pictures a second."""

Bitrate = Annotated[int, Field(ge=200_000)]
"""Bits a second. What is the most, each field says."""

KeyframeS = Annotated[float, Field(ge=0.2)]
"""Seconds between keyframes. What is the most, each field says."""


def no_two_alike(what: str, names: Iterable[str]) -> None:
    """Raises ValueError where two `what` (such as "outputs") have one name."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"two {what} are named {name!r}")
