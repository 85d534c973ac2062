"""TABLE of the kinds of outputs, and how they are opened. A module is imported once a show needs it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence

from realtime.outputs.settings import Output
from realtime.outputs.sink import Format, OutputSink

OUTPUTS: Mapping[str, str] = {
    "ndi": "realtime.outputs.ndi:NdiSink",
    "recorder": "realtime.outputs.recording:RecorderSink",
    "stream": "realtime.outputs.stream:StreamSink",
    "whip": "realtime.outputs.whip:WhipSink",
    "window": "realtime.outputs.window:WindowSink",
    "virtual_camera": "realtime.outputs.virtual_camera:VirtualCameraSink",
}
"""Kind → "module:class", called with its settings and the programme's `Format`."""


def open_outputs(settings: Sequence[Output], programme: Format) -> list[OutputSink]:
    """Opens what a show file lists.

    Raises OutputError for what no retry can mend (a missing package, a size that cannot be encoded). A server
    or device that is not there yet is the sink's own affair: it tries again.
    """
    sinks: list[OutputSink] = []
    try:
        for output in settings:
            module, _, name = OUTPUTS[output.kind].partition(":")
            make: Callable[[Output, Format], OutputSink] = getattr(importlib.import_module(module), name)
            sinks.append(make(output, programme))
    except BaseException:
        for sink in sinks:
            sink.close()
        raise
    return sinks
