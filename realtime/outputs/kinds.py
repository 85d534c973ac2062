"""TABLE of the kinds of outputs, and how they are opened. A module is imported once a show needs it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime.config.outputs import Output, Recorder, Stream, WebRtcServing, Whip
from realtime.outputs.h264 import EncoderSettings, h264_level
from realtime.outputs.hosted import HostedSink
from realtime.outputs.sink import Format, OutputSink, Part


@dataclass(frozen=True)
class Kind:
    """entry: "module:class", called with its settings and the programme's `Format`. hosted: what it may want,
    where it runs in a process of its own; the others run in a thread of the playout's. orders: that a hosted
    one knows."""

    entry: str
    hosted: frozenset[Part] = frozenset()
    orders: frozenset[str] = frozenset()


OUTPUTS: Mapping[str, Kind] = {
    "ndi": Kind("realtime.outputs.ndi:NdiSink"),
    "recorder": Kind(
        "realtime.outputs.recording:RecorderSink",
        hosted=frozenset({"picture", "clean"}),
        orders=frozenset({"start", "stop"}),
    ),
    "stream": Kind("realtime.outputs.stream:StreamSink", hosted=frozenset({"picture"})),
    "whip": Kind("realtime.outputs.webrtc.whip:WhipSink", hosted=frozenset({"picture"})),
    "window": Kind("realtime.outputs.window:WindowSink", hosted=frozenset({"picture"})),
    "virtual_camera": Kind("realtime.outputs.virtual_camera:VirtualCameraSink"),
}


def open_outputs(
    settings: Sequence[Output], programme: Format, scratch: Path | None = None
) -> list[OutputSink]:
    """Opens what a show file lists. scratch: of this process (`realtime.transport.scratch`).

    Raises OutputError for what no retry can mend (a missing package, a size that cannot be encoded). A server
    or device that is not there yet is the sink's own affair: it tries again.
    """
    sinks: list[OutputSink] = []
    try:
        sinks.extend(_open(output, programme, scratch) for output in settings)
    except BaseException:
        for sink in sinks:
            sink.close()
        raise
    return sinks


def _open(output: Output, programme: Format, scratch: Path | None) -> OutputSink:
    kind = OUTPUTS[output.kind]
    if isinstance(output, Recorder | Stream | Whip):
        h264_level(EncoderSettings(programme.size, programme.fps, output.bitrate))
    if kind.hosted:
        return HostedSink(
            output.kind,
            output.called,
            kind.entry,
            output,
            programme,
            kind.hosted,
            orders=kind.orders,
            scratch=scratch,
        )
    module, _, name = kind.entry.partition(":")
    make: Callable[[Output, Format], OutputSink] = getattr(importlib.import_module(module), name)
    return make(output, programme)


def open_webrtc(serving: WebRtcServing, programme: Format, scratch: Path | None = None) -> OutputSink:
    """The programme and the preview by WHEP, for the page; see `outputs.webrtc`.

    Raises OutputError where the programme cannot be encoded. A port that is taken is tried again.
    """
    for bitrate in (serving.settings.bitrate, serving.settings.preview_bitrate):
        h264_level(EncoderSettings(programme.size, programme.fps, bitrate))
    return HostedSink(
        "webrtc",
        "webrtc",
        "realtime.outputs.webrtc.webrtc_sink:WebRtcSink",
        serving,
        programme,
        frozenset[Part]({"picture", "preview"}),
        scratch=scratch,
    )
