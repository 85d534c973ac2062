"""The process of the web server: pages, API, events, metrics, control surfaces and the way to WHEP.

It has file handles of its own, so that no number of connections keeps the supervisor from starting a process.
When it is lost the show goes on and the terminal's keys are heard; browsers come back to the next one.
"""

from __future__ import annotations

import contextlib

from realtime.control.keys import Keymap
from realtime.control.network.checkup import Checkup
from realtime.control.network.server import ControlServer
from realtime.control.remote_desk import RemoteDesk
from realtime.stages.context import StageContext
from realtime.stages.stage_link import StageLink
from realtime.transport.bus import receive_newest
from realtime.transport.orders import Orders


def run(context: StageContext, link: StageLink) -> None:
    """The process: until the operator or the parent ends it. Raises ControlError, Refused."""
    rig = context.rig
    web = rig.show.webrtc
    desk = RemoteDesk(link.bus, context.stage.name, Keymap(rig.show.keys))
    checkup = Checkup(rig.show.model_dump_json())
    server = ControlServer(
        desk,
        desk,
        lambda: str(rig.whep) if rig.whep.exists() else None,
        token=rig.token,
        host=web.host,
        port=web.port,
        control=rig.show.control,
        public_url=web.public_url,
        trusted_proxies=web.trusted_proxies,
        checkup=checkup.answer,
    )
    orders = link.bus.receiver("orders", context.stage.name)
    with contextlib.closing(server), contextlib.closing(checkup):
        while not link.stopped():
            orders.poll(int(1000 * link.every_s))
            message = receive_newest(orders)
            if message is not None and Orders.unpack(message).quit:
                return
            link.beat(server.alive_ns(), ready=True)
