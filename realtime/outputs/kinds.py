"""TABLE of the kinds of outputs, and how they are opened, each in its own process."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from realtime.config.outputs import WebRtcServing
from realtime.outputs.sink import Format, OutputSink
from realtime.stages.table import WEBRTC, Stage

OUTPUTS: Mapping[str, str] = {
    WEBRTC: "realtime.outputs.webrtc.webrtc_sink:WebRtcSink",
    "ndi": "realtime.outputs.ndi:NdiSink",
    "recorder": "realtime.outputs.recording:RecorderSink",
    "stream": "realtime.outputs.stream:StreamSink",
    "whip": "realtime.outputs.webrtc.whip:WhipSink",
    "window": "realtime.outputs.window:WindowSink",
    "virtual_camera": "realtime.outputs.virtual_camera:VirtualCameraSink",
}
"""Kind → "module:class", called with the output's settings and the programme's `Format`."""


def open_output(stage: Stage, programme: Format, whep: Path) -> OutputSink:
    """The sink of an output's stage. whep: the socket at which WebRTC is served to the page.

    Raises OutputError for what no retry can mend. A server or device that is not there yet is the sink's own
    affair: it tries again.
    """
    module, _, name = OUTPUTS[stage.kind].partition(":")
    make: Callable[[Any, Format], OutputSink] = getattr(importlib.import_module(module), name)
    settings = stage.settings
    return make(WebRtcServing(settings, socket=whep) if stage.kind == WEBRTC else settings, programme)
