"""Messages as JSON, between processes and between the two machines of a show.

Each carries the protocol's version. A reader ignores a field that it does not know, and gives a missing one
its default. So a field with a default can be added under the same version. Whoever changes the meaning of a
message, or the bytes of a ticket (`bus.Ticket`), must raise PROTOCOL. Messages of another version are not
used; the operator is told on both machines.
"""

from __future__ import annotations

import functools
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PROTOCOL = 5
"""1 to 255."""

Message = TypeVar("Message", bound="DataclassInstance")


class MessageError(ValueError):
    """Bytes that are not a message; the text is one line."""


class OtherVersion(MessageError):  # it is no error of a message
    """A message of a program with another version of the protocol."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"it speaks version {version} of the protocol, this machine version {PROTOCOL}: "
            "install the same Dancecam on both machines"
        )
        self.version = version


def pack(message: DataclassInstance) -> bytes:
    return json.dumps({"version": PROTOCOL, **asdict(message)}).encode()


def unpack(kind: type[Message], data: bytes) -> Message:
    """Raises MessageError, OtherVersion."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"a message is not JSON: {type(error).__name__}") from error
    if not isinstance(fields, dict):
        raise MessageError("a message is no object")
    version = fields.get("version", 0)  # before there were versions, the field was missing
    if version != PROTOCOL:
        raise OtherVersion(version) if isinstance(version, int) else MessageError("a version is no number")
    try:
        return _adapter(kind).validate_python(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MessageError(f"a message of kind {kind.__name__} is wrong: {where}: {first['msg']}") from error


@functools.cache
def _adapter(kind: type[Message]) -> TypeAdapter[Message]:
    return TypeAdapter[Any](kind)
