"""TABLE of the faults that can be put into a running show: `tools.inject_fault`, the soak, its tests and
docs/reliability.md are drawn from it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass

from realtime.stages.table import PERFORMER, PLAYOUT, WEB, WEBRTC
from tools.reliability import attacks, injections
from tools.reliability.injections import Injection
from tools.reliability.trial_show import camera, nets
from tools.reliability.trial_show.running import SUPERVISOR, output

ONE_TICK = 1
"""So many ticks may be lost by a fault that lies outside the playout."""

CAMERA, NETS, PROCESS, CONTROL, OUTPUTS, MACHINE = (
    "camera", "networks", "processes", "page and API", "outputs", "machine",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """name: how it is asked for. group: what it belongs to. help: what it does. seconds: how long it lasts by
    itself; 0 where it is over at once. most_lost: how many ticks it may cost at once; None: no bar is set.
    light: a light soak has it too. untouched: afterwards the show must be as it was (`untouched.py`)."""

    name: str
    group: str
    help: str
    inject: Injection
    seconds: float = 0.0
    most_lost: int | None = ONE_TICK
    light: bool = False
    untouched: bool = False


PROCESSES = {
    "performer": PERFORMER.name,
    "playout": PLAYOUT.name,
    "web": WEB.name,
    "webrtc": output(WEBRTC),
    "recorder": output("recorder"),
    "supervisor": SUPERVISOR,
}
"""In the faults' names → in the show."""

STOPPED_S, SLOW_S = 8.0, 6.0
"""The first is longer than any stage may be silent."""

KILLED_PLAYOUT_S = 2.0
PROGRAMME_FPS = 30


def _processes() -> Iterator[Fault]:
    for short, stage in PROCESSES.items():
        of_playout = short == "playout"
        if short != "supervisor":
            most = round(KILLED_PLAYOUT_S * PROGRAMME_FPS) if of_playout else ONE_TICK
            light = short in ("performer", "webrtc")
            yield Fault(
                f"{short}-killed",
                PROCESS,
                f"SIGKILL to {stage}",
                injections.killed(stage),
                most_lost=most,
                light=light,
            )
        yield Fault(
            f"{short}-stopped",
            PROCESS,
            f"SIGSTOP to {stage}",
            injections.stopped(stage),
            STOPPED_S,
            None if of_playout else ONE_TICK,
        )
        yield Fault(
            f"{short}-slow",
            PROCESS,
            f"{stage} is stopped for 30 ms, runs for 30 ms, and so on",
            injections.slowed(stage),
            SLOW_S,
            None if of_playout else ONE_TICK,
        )


def _table() -> Iterator[Fault]:
    yield from _processes()
    for word, text in camera.FAULTS.items():
        inject = injections.stand_in("camera", word)
        yield Fault(f"camera-{word}", CAMERA, text, inject, 6.0, light=word in ("unplugged", "corrupt"))
    for word, text in nets.FAULTS.items():
        yield Fault(f"nets-{word}", NETS, text, injections.stand_in("nets", word), 3.0, light=word == "nan")
    yield Fault(
        "recorder-disk-full",
        OUTPUTS,
        "the recorder's file may not grow (RLIMIT_FSIZE)",
        injections.file_may_not_grow,
        6.0,
        light=True,
    )
    yield Fault(
        "viewer-never-reads",
        OUTPUTS,
        "a viewer joins, and is stopped once it watches",
        injections.viewers(1, then=signal.SIGSTOP),
        10.0,
    )
    yield Fault(
        "viewers-at-once", OUTPUTS, "12 viewers join at the same moment", injections.viewers(12), 10.0
    )
    yield Fault(
        "client-never-reads",
        CONTROL,
        "a WebSocket at /api/events that is never read",
        injections.deaf_client,
        6.0,
    )
    yield Fault(
        "wrong-tokens", CONTROL, "1,000 wrong tokens by eight connections", injections.wrong_tokens(1000), 8.0
    )
    yield Fault(
        "wrong-token-clients",
        CONTROL,
        "50 clients at once that send wrong tokens, in headers, logins, cookies and WebSockets",
        attacks.wrong_token_clients(50),
        10.0,
        untouched=True,
    )
    yield Fault(
        "malformed-requests",
        CONTROL,
        "10,000 malformed requests and messages, 24 at once, while 16 connections send a byte now and then",
        attacks.malformed(10_000),
        untouched=True,
    )
    yield Fault(
        "idle-connections",
        CONTROL,
        "1,100 connections to the page that say nothing",
        injections.idle_connections(1100),
        4.0,
    )
    yield Fault(
        "port-taken",
        CONTROL,
        "the web server is killed, and another program has its port when it comes back",
        injections.port_taken,
        4.0,
    )
    yield Fault(
        "web-no-handles",
        CONTROL,
        "the web server may open no file and no connection (RLIMIT_NOFILE)",
        injections.no_handles(WEB.name),
        4.0,
    )


FAULTS: dict[str, Fault] = {fault.name: fault for fault in _table()}

NOT_INJECTED = {
    "a full ring": "there is none: a ring's writer overwrites the oldest picture and waits for nobody. A "
    "reader that does not keep up is webrtc-stopped and recorder-stopped",
    "the clock jumps": "the machine's clock is not for a tool to set. Times of the show are monotonic; the "
    "wall clock only names files and stamps what is told (a test holds the list of those places)",
    "the supervisor is killed": "the show ends, and no process outlives it "
    "(tests/realtime/test_show_runs.py)",
    "a GPU's own failures": "the networks' faults are a stand-in before the real networks; no GPU was "
    "at hand",
    "a disk with no room at all": "that needs a file system of its own; how the recorder ends its file "
    "before is tested with made-up figures (tests/realtime/outputs/test_recording.py)",
    "a page's port that is taken before the show": "it does not start, and says so in one line "
    "(tests/realtime/test_run_live.py)",
}
"""What is not done by the tool, and why."""
