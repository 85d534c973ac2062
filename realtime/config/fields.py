"""The building blocks of all settings: the strict model, and value types that several settings share."""

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
"""The type of the error for an unknown key. Its context has `key`, and `known`, the table's keys."""


class StrictModel(BaseModel):
    """A table of the show file. Unknown keys and values out of bounds are errors. The text below each field
    describes it."""

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
    """Accepts 30, 29.97 and "30000/1001" as rates; a float stands for the decimal number as written."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        raise ValueError("a rate is a number or a fraction in quotes, for example 30 or '30000/1001'")
    if isinstance(value, str) and not re.fullmatch(r"\d{1,9}(\.\d{1,9})?(/\d{1,9})?", value):
        raise ValueError("this is no rate; write for example 30 or '30000/1001'")
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError("this is no rate; write for example 30 or '30000/1001'") from error


ShowPath = Annotated[Path, AfterValidator(_in_show_folder)]
"""A path, relative to the show file's folder, which validation gets as its context."""

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(max_length=60)]
"""A name that the operator sees."""

Port = Annotated[int, Field(ge=0, le=65535)]
"""A port; 0 means none."""

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[Fraction, BeforeValidator(_rate), Field(ge=1, le=120)]
"""Pictures a second."""

Bitrate = Annotated[int, Field(ge=200_000)]
"""Bits a second. Each field sets its own maximum."""

KeyframeS = Annotated[float, Field(ge=0.2)]
"""Seconds between keyframes. Each field sets its own maximum."""


def no_two_alike(what: str, names: Iterable[str]) -> None:
    """Raises ValueError where two of the `what` (such as "outputs") have the same name."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"two {what} are named {name!r}")
