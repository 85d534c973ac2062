"""Runs one output in a process of its own, fed as in a show, for benchmarks and tests."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import zmq

from realtime.config.show import Programme, Show
from realtime.outputs.sink import Format
from realtime.stages.context import Rig
from realtime.stages.table import Stage, stages_of
from realtime.supervise.rig import Player, rigged
from realtime.supervise.stage_process import StageProcess
from realtime.transport.bus import Bus, Press, Status, receive_newest
from realtime.transport.orders import Orders
from realtime.transport.programme_ring import Part, ProgrammeFrame, ProgrammeWriter
from realtime.transport.statuses import OutputStatus

END_S = 20.0
"""How long its process may take to end when asked. On a busy machine a few seconds are not enough."""


class HostedOutput:
    """The playout's and the supervisor's ends for an output's process. It is not restarted."""

    def __init__(self, stage: Stage, rig: Rig, bus: Bus) -> None:
        self.rig = rig
        self.stage = StageProcess(stage)
        self._writer = ProgrammeWriter(bus, rig.programme)
        self._statuses, self._presses = (bus.receiver(topic, "supervisor") for topic in ("status", "actions"))
        self._orders = bus.sender("orders", "supervisor")
        self.name = stage.name
        self.start()

    def start(self) -> None:
        self.stage.start(self.rig, Orders.at_start(self.rig.show), time.monotonic_ns())

    def wants(self) -> frozenset[Part]:
        """For the thread of the programme's clock, like `send`."""
        return self._writer.wants()

    def send(self, frame: ProgrammeFrame, tick: int, due_ns: int) -> None:
        """See `ProgrammeWriter.send`; sends all that the output wants."""
        self._writer.send(frame, self.wants(), tick, due_ns)

    def status(self) -> OutputStatus:
        """Its last status; or, where its process has ended, the reason."""
        self._hear()
        if self.stage.has_ended(time.monotonic_ns()):
            self._hear()  # its last message
            self.stage.bury()
        assert self.stage.said.output is not None  # noqa: S101  # it is an output
        return self.stage.said.output

    def _hear(self) -> None:
        while (message := receive_newest(self._statuses)) is not None:
            self.stage.heard(Status.unpack(message))

    def pressed(self) -> str:
        """The characters typed in it since the last call."""
        keys = ""
        while (message := receive_newest(self._presses)) is not None:
            keys += Press.unpack(message).key
        return keys

    def order(self, orders: Orders) -> None:
        self._orders.send(orders.pack(), zmq.NOBLOCK)

    def close(self) -> None:
        """Asks the process to end, then kills it."""
        process = self.stage.process
        deadline = time.monotonic() + END_S
        while process is not None and process.is_alive() and time.monotonic() < deadline:
            self.order(Orders(quit=True))
            time.sleep(0.02)
        if process is not None:
            process.kill()
            process.join()
        self._writer.close()


@contextmanager
def hosted(show: Show, programme: Format, stage: Stage | None = None) -> Iterator[HostedOutput]:
    """The only output of a show, with a programme of this format. stage: replaces its own."""
    show = show.model_copy(update={"programme": Programme(size=programme.size, fps=programme.fps)})
    if stage is None:
        (stage,) = (each for each in stages_of(show).values() if each.kind)
    with (
        tempfile.TemporaryDirectory(prefix="dancecam-", ignore_cleanup_errors=True) as folder,
        rigged(show, Player("", programme.size, Path()), dict, Path(folder), None) as rig,
        closing(Bus(Path(folder))) as bus,
        closing(HostedOutput(stage, rig, bus)) as output,
    ):
        yield output
