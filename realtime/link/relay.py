"""The stage "link", in a show on two machines: it carries orders to the performer's machine, and brings its
statuses.

It runs on the playout's machine. Nothing on air depends on it: frames do not pass through it.
"""

from __future__ import annotations

import time

import zmq

from realtime.stages.context import StageContext
from realtime.stages.stage_link import StageLink
from realtime.transport.bus import receive_newest
from realtime.transport.orders import Orders

LAST_WORDS_S = 1.0
"""The order to end is repeated for this long."""


def run(_: StageContext, link: StageLink) -> None:
    """Runs the process until the operator or the parent ends it."""
    orders, far_orders = link.bus.receiver("orders", "link"), link.bus.sender("far_orders", "link")
    far_status, status = link.bus.receiver("far_status", "link"), link.bus.sender("status", "link")
    poller = zmq.Poller()
    for socket in (orders, far_status):
        poller.register(socket, zmq.POLLIN)
    ends_s = float("inf")
    while not link.stopped() and time.monotonic() < ends_s:
        poller.poll(int(1000 * link.every_s))
        message = receive_newest(orders)
        if message is not None:
            far_orders.send(message, zmq.NOBLOCK)
            if Orders.unpack(message).quit:
                ends_s = min(ends_s, time.monotonic() + LAST_WORDS_S)
        while (message := receive_newest(far_status)) is not None:
            status.send(message, zmq.NOBLOCK)
        link.beat(time.monotonic_ns(), ready=True)
