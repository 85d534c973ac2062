"""TABLE of a show's stages: each process's entry point, permitted silence, and budget of restarts."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from realtime.config.inputs import INPUTS
from realtime.config.outputs import Output, Recorder, Stream
from realtime.config.show import Show, ShowError
from realtime.config.tempo import TAP
from realtime.transport.bus import Side

WEBRTC = "webrtc"
"""Kind and name of the output that the page plays."""

ENCODING = (WEBRTC, "whip", "stream", "recorder")
"""Kinds of outputs that encode."""
ENCODER_NICENESS, WEB_NICENESS, INPUTS_NICENESS = 8, 5, 10
"""Where processor time is scarce, the performer goes before the outputs that encode: they would only show its
last picture again, more evenly. Whoever asks much of the page takes nothing from the programme, and a
recording of the inputs lacks pictures rather than the show. On two cores with five viewers and a recorder,
13 new pictures a second instead of 9."""

OUTPUT = "output "
"""The name of an output's stage is this followed by the output's own name."""


@dataclass(frozen=True)
class Stage:
    """One kind of process.

    entry: "module:function", called in the process with a `StageContext`. start_deadline_s: time until it
    must be ready. loading_deadline_s: time without progress allowed until then. deadline_s: silence allowed
    afterwards. restarts within window_s are its budget; None: it is restarted for ever. first_wait_s,
    longest_wait_s: shortest and longest wait before a restart (`Backoff`); after a process that ran for
    window_s, the wait is the shortest again.
    """

    name: str
    entry: str
    start_deadline_s: float
    deadline_s: float
    restarts: int | None
    window_s: float
    first_wait_s: float
    vital: bool
    """There is no show without it: when its budget is spent, the show ends."""
    side: Side = "playout"
    """The machine on which it runs, in a show on two machines."""
    far: bool = False
    """It runs on the other machine: this one receives its statuses, but neither starts nor ends it."""
    loading_deadline_s: float = 60.0
    longest_wait_s: float = 30.0
    kind: str = ""
    """Of an output: its key in `outputs.kinds.OUTPUTS`."""
    settings: Any = None
    """Of an output: its settings in the show file."""
    imports: tuple[str, ...] = ()
    """Modules that take long to import: a process that has imported them waits to take its place (`spare`).
    (): no process waits."""
    punctual: bool = False
    """It goes before all else on the machine, where the system allows it."""
    niceness: int = 0
    """How much it leaves to others, as in nice(1)."""


PERFORMER = Stage(
    "performer",
    "realtime.performer.performer:run",
    900.0,
    4.0,
    5,
    60.0,
    0.1,
    False,
    "performer",
    imports=(
        "realtime.performer.performer",
        "calibration.retarget",
        "engines.backends.choice",
        "engines.backends.openvino",
        "engines.pose.tracking.tracker",
        "engines.rendering.renderer",
        "engines.backends.cuda",
        "engines.rendering.device_renderer",
    ),
)
PLAYOUT = Stage(
    "playout",
    "realtime.programme.playout:run",
    120.0,
    5.0,
    5,
    60.0,
    0.1,
    True,
    loading_deadline_s=120.0,
    punctual=True,
)
"""The programme's clock: it needs little, at the right moment, also while a performer loads beside it."""
WEB = Stage(
    "web server",
    "realtime.control.network.web_stage:run",
    60.0,
    6.0,
    None,
    10.0,
    0.1,
    False,
    longest_wait_s=5.0,
    niceness=WEB_NICENESS,
)
"""Pages, API, events, metrics and OSC. As a process it has file handles of its own."""

TEMPO = Stage("tempo", "realtime.control.tempo.tempo_stage:run", 60.0, 6.0, None, 10.0, 0.5, False)
"""Follows a MIDI clock or Ableton Link. Their libraries can crash or hang, so it is a process of its own."""

RELAY = Stage("link", "realtime.link.relay:run", 60.0, 5.0, 100, 60.0, 0.1, False)
"""Carries orders to the other machine, and brings its statuses."""


def output_stage(kind: str, name: str, settings: Any) -> Stage:
    """The stage of one output. It is restarted for as long as the show lasts."""
    return Stage(
        f"{OUTPUT}{name}",
        "realtime.outputs.output_stage:run",
        start_deadline_s=30.0,
        deadline_s=6.0,
        restarts=None,
        window_s=10.0,
        first_wait_s=0.5,
        vital=False,
        kind=kind,
        settings=settings,
        niceness=ENCODER_NICENESS if kind in ENCODING else 0,
    )


def stages_of(show: Show, side: Side | None = None) -> dict[str, Stage]:
    """All stages that a machine starts, or hears from, by name. side: this machine's, in a show on two
    machines.

    Raises ShowError where an output has a name of the show's own, or wants the sound of a camera that is no
    file.
    """
    if side == "performer":
        return {PERFORMER.name: PERFORMER}
    outputs = [output_stage(output.kind, output.called, _heard(output, show)) for output in show.outputs]
    if show.record_inputs is not None:
        if any(output.called == INPUTS for output in show.outputs):
            raise ShowError(f"outputs: the recorder of inputs is named {INPUTS!r}: give yours another name")
        recorder = output_stage(INPUTS, INPUTS, show.record_inputs)
        outputs.append(replace(recorder, entry="realtime.outputs.input_stage:run", niceness=INPUTS_NICENESS))
    if show.webrtc.port:
        if any(output.called == WEBRTC for output in show.outputs):
            raise ShowError(f"outputs: the page's own is named {WEBRTC!r}: give yours another name")
        outputs.append(output_stage(WEBRTC, WEBRTC, show.webrtc))
    stages = [PERFORMER, PLAYOUT] if side is None else [replace(PERFORMER, far=True), PLAYOUT, RELAY]
    if show.webrtc.port:
        stages.append(WEB)
    if show.tempo.source != TAP:
        stages.append(TEMPO)
    return {stage.name: stage for stage in (*stages, *outputs)}


def _heard(output: Output, show: Show) -> Output:
    """An output that knows which files its sound is from: see `outputs.sound.open_sound`."""
    if not isinstance(output, Recorder | Stream) or output.audio != "source":
        return output
    files = [camera if Path(camera).is_file() else None for camera in show.every_camera]
    if not any(files):
        raise ShowError(f'outputs: {output.called}: audio = "source" needs a camera that is a file')
    return output.model_copy(update={"audio": f"source:{json.dumps(files)}"})
