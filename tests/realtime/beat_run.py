"""A whole show on the beat of a click track, watched at its board: how far each frame is from a whole beat.

    python -m tests.realtime.beat_run 97 300              taps along over OSC, then watches for five minutes
    python -m tests.realtime.beat_run 120 300 --midi      a MIDI clock instead, by a stand-in for mido

The networks are fakes that paint the time at which the camera took the frame into the player's picture. The
board is a process of its own, which reads the programme as an output does, and looks at the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pythonosc.udp_client import SimpleUDPClient

from realtime.config.control import Control
from realtime.config.show import WebRtc
from realtime.config.tempo import Tempo
from realtime.stages.table import output_stage, stages_of
from realtime.supervise.supervisor import Supervisor
from tests.ports import free_port
from tests.realtime.fakes import Heard, fake_show, write_clip
from tests.realtime.stamped import board, stamping_nets

FPS = 30
FRAME_MS = 1000 / FPS
BOARD_LAG_MS = 50
TAPS, TAP_JITTER_S = 16, 0.015
SETTLE_S = 15
PACKAGES = Path(__file__).parent / "control" / "tempo" / "packages"


@dataclass(frozen=True)
class Seen:
    """errors_ms: of each frame when it was first seen, from the nearest whole beat: above 0 it was late.
    beats: how many lay between. changes: how often the delay was another one."""

    errors_ms: NDArray[np.float64]
    beats: NDArray[np.float64]
    changes: int
    bpm: float
    told_ms: float | None

    @property
    def around_ms(self) -> NDArray[np.float64]:
        """The median of each second: the delay's error, without the frames' own jitter."""
        seconds = self.errors_ms[: len(self.errors_ms) // FPS * FPS].reshape(-1, FPS)
        return np.median(seconds, axis=1)

    def lines(self) -> list[str]:
        of_frames = np.abs(self.errors_ms)
        p50, p95, p99 = np.percentile(of_frames, (50, 95, 99))
        return [
            f"tempo as the show knows it: {self.bpm:.2f} bpm; {np.median(self.beats):.0f} beats behind",
            f"the delay against the beat (median of each second): at most "
            f"{np.abs(self.around_ms).max():.1f} ms, "
            f"median {np.median(self.around_ms):+.1f} ms; the console says {self.told_ms:+.1f} ms",
            f"seconds within a frame of it: {(np.abs(self.around_ms) <= FRAME_MS).sum()} "
            f"of {len(self.around_ms)}",
            f"each of {len(of_frames)} frames: p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f}, "
            f"most {of_frames.max():.1f} ms",
            f"the delay was changed {self.changes} times",
        ]


def tap_along(bpm: float, port: int) -> None:
    """As a person would at a pad."""
    client, chance, start_s = SimpleUDPClient("127.0.0.1", port), random.Random(1), time.monotonic() + 0.5
    for n in range(TAPS):
        time.sleep(max(0.0, start_s + n * 60 / bpm + chance.gauss(0, TAP_JITTER_S) - time.monotonic()))
        client.send_message("/dancecam/tap", 1.0)
        client.send_message("/dancecam/tap", 0.0)


def run(bpm: float, seconds: float, folder: Path, *, midi: bool) -> Seen:
    """Raises AssertionError where the show never gets on the beat."""
    osc, page = free_port(socket.SOCK_DGRAM), free_port()
    if midi:
        sys.path.insert(0, str(PACKAGES))
        os.environ["DANCECAM_FAKE_MIDI"] = str(folder / "midi.json")
        (folder / "midi.json").write_text(json.dumps({"Deck 20:0": bpm}), encoding="utf-8")
    show, player = fake_show(
        folder,
        camera=str(write_clip(folder / "fan.mp4", frames=2 * FPS, fps=FPS)),
        webrtc=WebRtc(port=page),
        control=Control(osc_port=osc),
        tempo=Tempo(source="midi:Deck" if midi else "tap", board_lag_ms=BOARD_LAG_MS),
    )
    wall = replace(
        output_stage("", "board", folder / "seen.txt"), entry=f"{board.__module__}:{board.__name__}"
    )
    stages = {**stages_of(show), wall.name: wall}
    supervisor = Supervisor(show, player, stamping_nets, Heard(), stages=stages)
    found: list[Seen] = []
    failed: list[BaseException] = []

    def steps() -> None:
        try:
            _until(
                lambda: (
                    supervisor.status().playout.state == "LIVE" and supervisor.status().is_ready("web server")
                )
            )
            if not midi:
                tap_along(bpm, osc)
            _until(lambda: supervisor.desk.orders.bpm > 0)
            supervisor.desk.act("beat", who="beat run", confirmed=True)
            time.sleep(SETTLE_S)
            start_ns, delays = time.monotonic_ns(), []
            while time.monotonic_ns() - start_ns < seconds * 1e9:
                delays.append(supervisor.status().playout.delay_s)
                time.sleep(0.1)
            status = supervisor.status().playout
            changes = sum(a != b for a, b in pairwise(delays))
            found.append(
                _seen(folder, bpm, start_ns, changes, supervisor.desk.orders.bpm, status.beat_error_ms)
            )
        except BaseException as error:  # noqa: BLE001  # told by whoever waits
            failed.append(error)
        finally:
            supervisor.stop()

    threading.Thread(target=steps).start()
    supervisor.run()
    if failed:
        raise failed[0]
    return found[0]


def _until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline, "the show does not get there"
        time.sleep(0.05)


def _seen(
    folder: Path, bpm: float, start_ns: int, changes: int, known_bpm: float, told_ms: float | None
) -> Seen:
    rows = np.array([line.split() for line in (folder / "seen.txt").read_text().splitlines()], np.int64)
    rows = rows[(rows[:, 0] >= start_ns) & (rows[:, 1] > 0)]
    rows = rows[np.concatenate([[True], np.diff(rows[:, 1]) != 0])]  # when each was seen first
    total_ms = (rows[:, 0] - rows[:, 1]) / 1e6 + BOARD_LAG_MS
    beat_ms = 60_000 / bpm
    beats = np.round(total_ms / beat_ms)
    return Seen(total_ms - beats * beat_ms, beats, changes, known_bpm, told_ms)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bpm", type=float)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--midi", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = run(given.bpm, given.seconds, Path(folder), midi=given.midi)
    print("\n".join(seen.lines()))
    return 0 if np.abs(seen.around_ms).max() <= FRAME_MS else 1


if __name__ == "__main__":
    sys.exit(main())
