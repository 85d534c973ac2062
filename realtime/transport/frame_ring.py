"""Pictures in shared memory: the writer paints in place, the newest wins, and no reader gets a torn one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

SLOTS = 6
"""After a reader is told of the newest picture, it has the time of five more to copy it."""

_LINE = 64
"""Bytes of a slot's header: a cache line of its own."""


@dataclass(frozen=True)
class RingSpec:
    """Identifies a ring: its name in shared memory, and its pictures' shape, (height, width, channels) uint8,
    BGR or BGRA."""

    name: str
    height: int
    width: int
    channels: int = 3
    slots: int = SLOTS

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    @property
    def slot_bytes(self) -> int:
        return -(-self.height * self.width * self.channels // _LINE) * _LINE


@dataclass(frozen=True)
class Slot:
    """A slot being written: its index in the ring, the sequence that it will have, and its pixels."""

    index: int
    sequence: int
    picture: NDArray[np.uint8]


class FrameRing:
    """A ring of pictures with one writer and any number of readers, in any processes.

    Each slot's header holds the sequence of its picture, or 0 while it is being written. A reader is told
    slot and sequence, and compares the header before and after it copies. The process that creates the ring
    owns it, so a writer may be killed at any moment and its successor carries on.

    Processes started by multiprocessing share their parent's resource tracker. So an attached ring outlives
    the exit of any of them, and is removed even if the owner itself is killed.
    """

    def __init__(self, spec: RingSpec, memory: SharedMemory, *, owner: bool) -> None:
        self.spec = spec
        self._memory = memory
        self._owner = owner
        self._sequences: NDArray[np.uint64] = np.ndarray((spec.slots, _LINE // 8), np.uint64, memory.buf)[
            :, 0
        ]
        self._pictures: list[NDArray[np.uint8]] = [
            np.ndarray(
                spec.shape,
                np.uint8,
                memory.buf,
                offset=spec.slots * _LINE + slot * spec.slot_bytes,
            )
            for slot in range(spec.slots)
        ]

    @classmethod
    def create(cls, height: int, width: int, *, channels: int = 3, slots: int = SLOTS) -> FrameRing:
        """Creates a ring; its `close` removes it."""
        anonymous = RingSpec("", height, width, channels, slots)
        memory = SharedMemory(create=True, size=slots * (_LINE + anonymous.slot_bytes))
        return cls(RingSpec(memory.name, height, width, channels, slots), memory, owner=True)

    @classmethod
    def attach(cls, spec: RingSpec) -> FrameRing:
        """The ring that another process created. Raises FileNotFoundError if it is gone."""
        return cls(spec, SharedMemory(spec.name), owner=False)

    @property
    def memory(self) -> NDArray[np.uint8]:
        """All of the ring, headers and pictures, as bytes."""
        return np.ndarray((self._memory.size,), np.uint8, self._memory.buf)

    @contextmanager
    def write(self) -> Iterator[Slot]:
        """The slot of the oldest picture, to be overwritten in place. It becomes readable if the block ends
        without an error."""
        newest = int(self._sequences.max())
        sequence = newest + 1
        index = sequence % self.spec.slots
        self._sequences[index] = 0
        yield Slot(index, sequence, self._pictures[index])
        self._sequences[index] = sequence

    def read(self, slot: int, sequence: int, out: NDArray[np.uint8]) -> bool:
        """Copies the picture into `out` (height, width, channels). Returns False where it was overwritten:
        `out` is torn.

        A reader that always needs a whole picture keeps two buffers, and changes to the other one on True.
        """
        if int(self._sequences[slot]) != sequence:
            return False
        np.copyto(out, self._pictures[slot])
        return int(self._sequences[slot]) == sequence

    def read_part(self, slot: int, sequence: int, out: NDArray[np.uint8]) -> bool:
        """As `read`, for a picture of any shape that was written at the slot's beginning, in order."""
        if int(self._sequences[slot]) != sequence:
            return False
        np.copyto(out.reshape(-1), self._pictures[slot].reshape(-1)[: out.size])
        return int(self._sequences[slot]) == sequence

    def close(self) -> None:
        """Releases the memory; the owner also removes it. No view of a slot may be used afterwards."""
        self._sequences = np.empty(0, np.uint64)
        self._pictures = []
        self._memory.close()
        if self._owner:
            self._memory.unlink()
            self._owner = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
