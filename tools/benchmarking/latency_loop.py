"""A show that films its own programme: is the latency that it measures the true one?

    python -m tools.benchmarking.latency_loop
    python -m tools.benchmarking.latency_loop --seconds 60

A viewer takes the programme by WebRTC, and is the show's camera: it serves what it sees as MJPEG, smaller
and in a corner. In the networks' place are some that copy the camera's picture into the player's. So the
programme shows the marker of its tick, and smaller the one that was filmed and came round: the difference of
the two numbers, read from the pictures alone, is the whole time of a round. It is compared with the sum that
`calibration.latency` says: capture to programme by the frames' stamps, and programme to capture by what the
show's own camera reads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
import cv2
import numpy as np
from aiortc import RTCPeerConnection, RTCSessionDescription
from numpy.typing import NDArray

from calibration import latency, marker
from realtime.config.show import Show
from realtime.control.flags import parse
from realtime.outputs.webrtc.aiortc_patches import new_peer, reach_loopback
from realtime.performer.networks import Nets
from realtime.transport.people import Sighted
from tools.benchmarking.playing import CannotMeasure

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-a-loop"  # noqa: S105  # the show is on 127.0.0.1 and ours
SIZE = 640, 360
TICK_MS = 1000 / 30
START_S, SETTLE_S, END_S = 120.0, 5.0, 20.0
SHOW = """
camera = "http://127.0.0.1:{camera}/"
start = "live"
[programme]
size = [{width}, {height}]
[webrtc]
port = {page}
[control]
token = "{token}"
"""
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
RECENT = 16
"""Pictures that are kept for the copying networks: a round of the performer takes two or three."""


class _Person:
    """Whoever is in the picture: the landmarks say which picture it was."""

    person_id, score = 1, 1.0

    def __init__(self, number: int) -> None:
        self.landmarks = np.full((33, 4), number, np.float32)


class _Tracker:
    """Finds somebody in every picture, and keeps the newest pictures."""

    backend = "copy"
    people: tuple[Sighted, ...] = ()
    is_looking = is_missing = False

    def __init__(self) -> None:
        self.pictures: list[NDArray[np.uint8]] = [np.zeros((1, 1, 3), np.uint8)] * RECENT
        self._number = 0

    def reset(self) -> None: ...

    def follow(self, person_id: int | None) -> None: ...

    def look_at(self, x: float, y: float, size: tuple[int, int]) -> None: ...

    def choose(self, rule: str, mark: tuple[float, float], floor: object) -> None: ...

    def __call__(self, frame: Any, t_ns: int) -> _Person:
        self._number = (self._number + 1) % RECENT
        self.pictures[self._number] = frame
        return _Person(self._number)


class _AsItIs:
    """Retargets nothing."""

    mirror = locked = False
    known = "sound"

    def reset(self) -> None: ...

    def redo(self) -> None: ...

    def __call__(
        self, landmarks: NDArray[np.float32], frame_size: tuple[int, int], t_ns: int
    ) -> NDArray[np.float32]:
        return landmarks


class _Copy:
    """Paints the picture in which the landmarks were found."""

    backend, likeness = "copy", 1.0
    spent_ns: Mapping[str, int] = MappingProxyType({})

    def __init__(self, pictures: list[NDArray[np.uint8]]) -> None:
        self._pictures = pictures

    def reset(self) -> None: ...

    def __call__(self, landmarks: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        cv2.resize(self._pictures[int(landmarks[0, 0])], out.shape[1::-1], dst=out)


def copying_nets(show: Show) -> Nets:
    """In the networks' place, in the performer's process."""
    tracker = _Tracker()
    return Nets(tracker, _AsItIs(), _Copy(tracker.pictures), lambda picture, landmarks: None)


class Mirror:
    """The camera: serves the newest picture as MJPEG on 127.0.0.1. Made of the programme: see `take`."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._changed = threading.Condition()
        self._picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
        self._jpeg = self._compressed()
        self._n = 0
        self.rounds: list[int] = []
        """Ticks that a marker took to come round."""
        threading.Thread(target=self._serve, daemon=True).start()

    def take(self, programme: NDArray[np.uint8]) -> None:
        """The programme's picture, as the viewer sees it; it comes into the camera's smaller."""
        numbers = marker.read_all(programme)
        if len(numbers) > 1:
            self.rounds.append((numbers[0] - numbers[1]) % marker.MODULUS)
        half = cv2.resize(programme, (SIZE[0] * 6 // 10, SIZE[1] * 6 // 10), interpolation=cv2.INTER_AREA)
        self._picture[: half.shape[0], -half.shape[1] :] = half
        data = self._compressed()
        with self._changed:
            self._jpeg, self._n = data, self._n + 1
            self._changed.notify_all()

    def _compressed(self) -> bytes:
        return cv2.imencode(".jpg", self._picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._play, args=(client,), daemon=True).start()

    def _play(self, client: socket.socket) -> None:
        seen = -1
        with client, suppress(OSError):  # it has left
            client.sendall(HEAD)
            while True:
                with self._changed:
                    if self._n == seen:
                        self._changed.wait(0.2)
                    data, seen = self._jpeg, self._n
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                client.sendall(head.encode() + data + b"\r\n")


async def _watch(url: str, mirror: Mirror) -> None:
    """Takes the programme's pictures until it is cancelled."""
    reach_loopback()
    peer: RTCPeerConnection = new_peer(())
    tracks: asyncio.Queue[Any] = asyncio.Queue()
    peer.addTransceiver("video", direction="recvonly")
    peer.on("track", tracks.put_nowait)
    await peer.setLocalDescription()
    headers = {"Content-Type": "application/sdp"}
    offer = peer.localDescription.sdp
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{url}/whep/programme", data=offer, headers=headers) as answer,
        ):
            answer.raise_for_status()
            await peer.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
        track = await tracks.get()
        while True:
            frame = await track.recv()
            await asyncio.to_thread(mirror.take, frame.to_ndarray(format="bgr24"))
    finally:
        await peer.close()


@dataclass(frozen=True)
class Measured:
    """Of one run, in ms but for the counts. round_ms: by the pictures alone. stamps_ms: capture to programme
    by the frames' stamps. loop_ms: programme to capture by what the show's camera reads."""

    round_ms: float
    rounds: int
    stamps_ms: float
    loop_ms: float
    readings: int

    @property
    def apart_ms(self) -> float:
        """By how much the show's sum is more than what the pictures say."""
        return self.stamps_ms + self.loop_ms - self.round_ms


def run(seconds: float, folder: Path) -> Measured:
    """folder: for the show's files. Raises CannotMeasure, latency.LatencyError."""
    mirror = Mirror()
    with socket.create_server(("127.0.0.1", 0)) as server:
        page = server.getsockname()[1]
    text = SHOW.format(camera=mirror.port, page=page, width=SIZE[0], height=SIZE[1], token=TOKEN)
    (folder / "show.toml").write_text(text, encoding="utf-8")
    with (folder / "said.txt").open("wb") as said:
        show = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, "--show", str(folder / "show.toml")],
            cwd=ROOT,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        api = latency.Show(f"http://127.0.0.1:{page}", TOKEN)
        _wait_live(show, api, folder)
        return asyncio.run(_measure(api, f"http://127.0.0.1:{page}", mirror, seconds))
    finally:
        show.send_signal(signal.SIGTERM)
        try:
            show.wait(END_S)
        except subprocess.TimeoutExpired:
            show.kill()


async def _measure(api: latency.Show, url: str, mirror: Mirror, seconds: float) -> Measured:
    watching = asyncio.create_task(_watch(url, mirror))
    try:
        await asyncio.sleep(SETTLE_S)
        stats = await asyncio.to_thread(latency.measure, api, seconds)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    if not mirror.rounds:
        raise CannotMeasure("no marker came round: the viewer saw no picture in which there are two")
    tick_ms = 1000 / 30
    lag = stats["loop_lag"]
    rounds = np.array(mirror.rounds, float)
    return Measured(
        float(np.median(rounds)) * tick_ms,
        len(rounds),
        stats["latency_ms"],
        lag["median_ms"],
        lag["readings"],
    )


def _wait_live(show: subprocess.Popen[bytes], api: latency.Show, folder: Path) -> None:
    """Raises CannotMeasure."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and show.poll() is None:
        with suppress(latency.LatencyError):
            told = api.ask("/api/state")["show"]
            if told["state"] == "LIVE" and all(each["state"] == "running" for each in told["outputs"]):
                return
        time.sleep(0.2)
    said = (folder / "said.txt").read_text(encoding="utf-8").strip().splitlines()
    raise CannotMeasure(f"the show did not come on air: {said[-1] if said else 'it said nothing'}")


def _show(path: str) -> int:
    """The show's own process."""
    import run_live

    options = parse(["--show", path, "--headless"])
    show = run_live.show_of(options)
    run_live.run(show, run_live.check(show, options.report), options, copying_nets)
    return 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.benchmarking.latency_loop",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="(default: %(default)g)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--show", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.show is not None:
        return _show(options.show)
    try:
        with tempfile.TemporaryDirectory(prefix="dancecam-loop-") as folder:
            found = run(options.seconds, Path(folder))
    except (CannotMeasure, latency.LatencyError, OSError) as error:
        print(f"latency loop: {error}", file=sys.stderr)
        return 1
    print(
        f"a round, by the pictures          {found.round_ms:6.1f} ms   {found.rounds} rounds\n"
        f"capture to programme, by stamps   {found.stamps_ms:6.1f} ms\n"
        f"programme to capture, read        {found.loop_ms:6.1f} ms   {found.readings} readings\n"
        f"the sum is apart by               {found.apart_ms:+6.1f} ms"
    )
    if options.json is not None:
        options.json.write_text(json.dumps({**asdict(found), "apart_ms": found.apart_ms}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
