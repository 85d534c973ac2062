"""Work on a device, thinly wrapped: streams, events in them, captured graphs, page-locked memory.

On the CPU everything is done when the call that asks for it returns, so that the code around this runs, and
is tested, without a GPU.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

log = logging.getLogger(__name__)

WARM_UP = 3
"""Work is done so often before it is captured: cuDNN tries its algorithms, the allocator gets its memory."""
URGENT, USUAL = -1, 0
"""Priorities of CUDA streams: the lower, the sooner."""


class Stream:
    """A queue of work on a device, done in order. urgent: its kernels go before those of other streams."""

    def __init__(self, device: torch.device, *, urgent: bool = False) -> None:
        self.device = device
        self._stream = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device, priority=URGENT if urgent else USUAL)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Within, this thread queues its work here; nothing of it is recorded for gradients."""
        with torch.inference_mode():
            if self._stream is None:
                yield
            else:
                with torch.cuda.stream(self._stream):
                    yield

    def synchronize(self) -> None:
        """Waits until all that was queued is done. No other stream is waited for."""
        if self._stream is not None:
            self._stream.synchronize()

    def wait_for_default(self) -> None:
        """What is queued from now on comes after what the device's default stream holds now: tensors that
        are made outside of any stream are filled there."""
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.default_stream(self.device))


class Event:
    """A place in a stream that the host can wait for, again and again. The waiting thread sleeps."""

    def __init__(self, device: torch.device) -> None:
        self._event = torch.cuda.Event(blocking=True) if device.type == "cuda" else None

    def set(self) -> None:
        """After what this thread's current stream holds now."""
        if self._event is not None:
            self._event.record()

    def wait(self) -> None:
        """Until everything before the place is done. Other threads run meanwhile."""
        if self._event is not None:
            self._event.synchronize()


class Graphs:
    """The captured graphs of one user, which launches one at a time: they share their working memory."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._pool = torch.cuda.graph_pool_handle() if stream.device.type == "cuda" else None

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """`work` as a single launch on the caller's current stream; on the CPU, `work` itself.

        work: reads and writes the same tensors whenever it is called, makes no tensor from Python's data and
        waits for nothing. It is called a few times here. Other threads may use the device meanwhile.
        """
        if self._pool is None:
            return work
        self._stream.wait_for_default()
        fastest = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)
        with self._stream.current(), fastest:
            for _ in range(WARM_UP):
                work()
            self._stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            # Not `torch.cuda.graph`: it waits for the whole device and gives its spare memory back, which
            # would hold up a show that goes on beside this.
            graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
            try:
                work()
            except BaseException:
                with contextlib.suppress(RuntimeError):  # it says only that the capture is void
                    graph.capture_end()
                raise
            graph.capture_end()
        return graph.replay


def pinned(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Zeros on the host, page-locked where `device` is a GPU: copies between the two go on beside the host's
    own work."""
    return torch.zeros(shape, dtype=dtype, pin_memory=device.type == "cuda")


def page_lock(memory: NDArray[np.uint8]) -> bool:
    """Registers memory that others own, such as a ring of frames, so that a GPU copies straight into it.

    False where the driver refuses, which is logged: copies work all the same, but hold up their thread. The
    memory stays registered for the life of the process.
    """
    tensor = torch.from_numpy(memory)
    if tensor.is_pinned():
        return True
    error = int(torch.cuda.cudart().cudaHostRegister(tensor.data_ptr(), memory.nbytes, 0))
    if error:
        log.warning("shared memory of %d bytes cannot be page-locked (CUDA error %d)", memory.nbytes, error)
    return error == 0
