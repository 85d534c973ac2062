"""The operator's orders, as the performer hears them."""

from __future__ import annotations

from collections.abc import Callable

import zmq

from realtime.transport.bus import Bus, receive_newest
from realtime.transport.messages import MessageError
from realtime.transport.orders import Orders


class OrdersHeard:
    """Of a show on two machines the operator's orders come from the other one, but whoever ends the show on
    this one ends its performer too."""

    def __init__(self, bus: Bus, tell: Callable[[str], None] = lambda text: None) -> None:
        """tell: hears, once, why the other machine's orders are not followed."""
        self._tell = tell
        self._told = ""
        self._here = bus.receiver("orders", "performer")
        self._there = None if bus.link is None else bus.receiver("far_orders", "performer")
        self._poller = zmq.Poller()
        for socket in (self._here, self._there):
            if socket is not None:
                self._poller.register(socket, zmq.POLLIN)
        self.quit = False

    def wait(self, timeout_s: float) -> Orders | None:
        """The newest orders, where some come within this time; `quit` tells whether the show ends."""
        self._poller.poll(int(1000 * timeout_s))
        here = self._newest(self._here)
        orders = here if self._there is None else self._newest(self._there)
        self.quit |= any(heard is not None and heard.quit for heard in (here, orders))
        return orders

    def _newest(self, socket: zmq.Socket[bytes]) -> Orders | None:
        message = receive_newest(socket)
        if message is None:
            return None
        try:
            return Orders.unpack(message)
        except MessageError as error:
            if str(error) != self._told:
                self._told = str(error)
                self._tell(f"the operator's machine is not obeyed: {error}")
            return None
