"""The process of an output, one for each: takes the programme from its rings, and tells how the output is.

Each output has a process of its own, also one that costs little: its libraries (NDI's, SDL's, FFmpeg's, a
camera's driver) can crash or hang, and hold Python's lock meanwhile. That ends or holds up no other output.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace

from realtime.outputs.kinds import open_output
from realtime.outputs.sink import Format, OutputError, OutputSink
from realtime.stages.context import StageContext
from realtime.stages.stage_link import StageLink
from realtime.transport.bus import receive_newest
from realtime.transport.orders import Orders
from realtime.transport.programme_ring import ProgrammeReader

POLL_S = 0.02
"""How often it looks up from waiting for a picture."""

CLOSE_S = 3.5
"""How long the output may take to say goodbye to its viewers or its server."""


def run(context: StageContext, link: StageLink) -> None:
    """The process: until the operator or the parent ends it. Raises OutputError for what no retry can mend
    (a missing package, a size that cannot be encoded), and where the output hangs."""
    rig = context.rig
    board = rig.show.venue.board if getattr(context.stage.settings, "board_colour", False) else None
    programme = Format(
        rig.programme_size, rig.show.programme.fps, None if board is None else board.correction
    )
    feed(open_output(context.stage, programme, rig.whep), context, link)


def feed(sink: OutputSink, context: StageContext, link: StageLink) -> None:
    """Hands the sink each tick as it comes, and the operator's orders. Raises OutputError where it hangs."""
    reader = ProgrammeReader(link.bus, context.rig.programme, context.stage.name)
    orders = link.bus.receiver("orders", context.stage.name)
    recording = False
    try:
        while not link.stopped():
            reader.want(sink.wants())
            taken = reader.take(POLL_S)
            if taken is not None:
                sink.send(*taken)
            message = receive_newest(orders)
            if message is not None:
                heard = Orders.unpack(message)
                if sink.kind == "recorder" and heard.recording is not recording:
                    recording = heard.recording
                    sink.order("start" if recording else "stop")
                if heard.quit:
                    link.stop()
            if sink.stalled():
                raise OutputError(f"{sink.name}: it takes no more pictures")
            link.pressed(sink.pressed())
            if link.is_due():
                status = sink.status()
                if reader.overtaken:
                    dropped = Counter(status.dropped) + Counter(overtaken=reader.overtaken)
                    status = replace(status, dropped=dict(dropped))
                link.output = status
                link.beat(time.monotonic_ns(), ready=True)
    finally:
        closing = threading.Thread(target=sink.close, daemon=True)
        closing.start()
        closing.join(CLOSE_S)  # one that hangs ends with the process
