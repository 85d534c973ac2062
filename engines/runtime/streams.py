"""A thin layer over work on a device: streams, events, captured graphs, page-locked memory.

On the CPU all work is done when the call returns, so that the code that uses this runs, and is tested,
without a GPU.
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
"""Times that work is run before it is captured, while cuDNN tries its algorithms and the allocator gets
memory."""
URGENT, USUAL = -1, 0
"""Priorities of CUDA streams: lower numbers go first."""


class Stream:
    """A queue of work on a device, done in order. urgent: its kernels go before those of other streams."""

    def __init__(self, device: torch.device, *, urgent: bool = False) -> None:
        self.device = device
        self._stream = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device, priority=URGENT if urgent else USUAL)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Within this context, this thread queues its work here; nothing is recorded for gradients."""
        with torch.inference_mode():
            if self._stream is None:
                yield
            else:
                with torch.cuda.stream(self._stream):
                    yield

    def synchronize(self) -> None:
        """Waits until all work queued here is done. It waits for no other stream."""
        if self._stream is not None:
            self._stream.synchronize()

    def wait_for_default(self) -> None:
        """Work queued from now on waits for all work that is now on the device's default stream, where
        tensors made outside of any stream are filled."""
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.default_stream(self.device))


class Event:
    """A place in a stream for which the host can wait, repeatedly. The waiting thread sleeps."""

    def __init__(self, device: torch.device) -> None:
        self._event = torch.cuda.Event(blocking=True) if device.type == "cuda" else None

    def set(self) -> None:
        """Marks the place after all work that is now on this thread's current stream."""
        if self._event is not None:
            self._event.record()

    def wait(self) -> None:
        """Waits until everything before the place is done. Other threads run meanwhile."""
        if self._event is not None:
            self._event.synchronize()


class Graphs:
    """The captured graphs of one user, who launches one at a time: they share their working memory."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._pool = torch.cuda.graph_pool_handle() if stream.device.type == "cuda" else None

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Captures `work` as a single launch on the caller's current stream; on the CPU it returns `work`
        itself.

        work: uses the same tensors at every call, makes no tensor from Python data, and waits for nothing. It
        is called a few times here. Other threads may use the device meanwhile.
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
            # would hold up a show that runs at the same time.
            graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
            try:
                work()
            except BaseException:
                with contextlib.suppress(RuntimeError):  # the error only says that the capture is void
                    graph.capture_end()
                raise
            graph.capture_end()
        return graph.replay


def pinned(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Zeros on the host, page-locked where `device` is a GPU: copies between the two run beside the host's
    own work."""
    return torch.zeros(shape, dtype=dtype, pin_memory=device.type == "cuda")


def page_lock(memory: NDArray[np.uint8]) -> bool:
    """Registers memory that others own, such as a ring of frames, so that a GPU copies straight into it.

    Returns False, and logs it, where the driver refuses: copies still work, but block their thread. The
    memory stays registered for the life of the process.
    """
    tensor = torch.from_numpy(memory)
    if tensor.is_pinned():
        return True
    error = int(torch.cuda.cudart().cudaHostRegister(tensor.data_ptr(), memory.nbytes, 0))
    if error:
        log.warning("shared memory of %d bytes cannot be page-locked (CUDA error %d)", memory.nbytes, error)
    return error == 0
