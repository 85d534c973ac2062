"""A picture for any number of WebRTC viewers: encoded once for each bitrate that somebody needs.

Everything here lives in one asyncio loop, but for `SharedEncoder.put` and the encoders, which have threads of
their own: the loop's other threads may all be held up by name look-ups. The newest picture wins: while one is
encoded, one more may wait. A viewer that does not keep up loses what waits, and goes on with a keyframe.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from time import monotonic

from aiortc import MediaStreamTrack, RTCRtpSender
from aiortc.codecs.h264 import H264Encoder
from aiortc.mediastreams import MediaStreamError

from realtime.outputs.h264 import I420, Encoder, EncoderSettings
from realtime.outputs.webrtc.bitrate import STEPS, BitrateStep
from realtime.outputs.webrtc.keyframes import KeyframeBudget, KeyframeRequests
from realtime.outputs.worker import STALLED_S

logger = logging.getLogger(__name__)

RTP_HZ = 90_000
"""RFC 6184, section 8.2.1: the clock of H.264's RTP timestamps."""

MOST_WAITING = 4
"""Encoded pictures that may wait for a viewer's sender, which waits for nothing but a busy machine."""

APART = len(STEPS)
"""The step of viewers that keep asking for keyframes: an encoder apart, so that the others lose nothing."""

SHARES = (*STEPS, STEPS[-1])
"""Share of the highest bitrate, by step."""

MEASURED_PICTURES = 60
"""How many of the newest pictures the sent bitrate is taken over."""


@dataclass(frozen=True)
class Encoded:
    """One picture for one viewer. payloads: of its RTP packets. timestamp: at RTP_HZ."""

    viewer: Viewer
    payloads: list[bytes]
    timestamp: int


class Viewer(MediaStreamTrack):  # type: ignore[misc]  # aiortc's types are not followed
    """One viewer's track. Its sender takes encoded pictures from it, see `PassThrough`."""

    kind = "video"

    def __init__(self, source: SharedEncoder) -> None:
        super().__init__()
        self._source = source
        self._waiting: deque[Encoded] = deque()
        self._changed = asyncio.Event()
        self._steps = BitrateStep(monotonic())
        self._requests = KeyframeRequests()
        self.wants_keyframe = True

    def serve(self, sender: RTCRtpSender) -> None:
        """Hears the sender's keyframe requests; aiortc keeps those to itself for what it encodes."""
        sender._send_keyframe = self.ask_for_keyframe

    @property
    def step(self) -> int:
        """Which of SHARES it is sent."""
        return APART if self._requests.keeps_asking else self._steps.step

    def ask_for_keyframe(self) -> None:
        """The receiver has lost the picture (PLI, FIR)."""
        if not self.wants_keyframe:
            self.wants_keyframe = True
            self._requests.asked(monotonic())

    def estimate(self, bitrate: int) -> None:
        """What the receiver believes it can take, bit/s (REMB)."""
        before = self.step
        if before == APART:
            return
        self._steps.heard(bitrate, self._source.sent_bitrate(before), monotonic())
        if self.step != before:
            self.wants_keyframe = True

    def may_have_keyframe(self, now_s: float) -> bool:
        """Whether the next picture should be a keyframe on its behalf. Called before each picture."""
        if self._requests.calmed(now_s):
            self._steps.settle(now_s)
            self.wants_keyframe = True
        return self.wants_keyframe and self._requests.may_have(now_s)

    def offer(self, payloads: list[bytes], timestamp: int, keyframe: bool) -> None:
        """The next picture of its step. Until a keyframe comes it can use none but that."""
        if self.wants_keyframe and not keyframe:
            return
        if keyframe:
            self._requests.got(monotonic())
        if len(self._waiting) >= MOST_WAITING:
            self._source.dropped["congested"] += len(self._waiting)
            self._waiting.clear()
            if not keyframe:
                self.ask_for_keyframe()
                return
        self.wants_keyframe = False
        self._waiting.append(Encoded(self, payloads, timestamp))
        self._changed.set()

    async def recv(self) -> Encoded:
        """The next picture; from the first call on it counts as a viewer. Raises MediaStreamError once it is
        stopped."""
        if self.readyState == "live":
            self._source.join(self)
        while self.readyState == "live" and not self._waiting:
            await self._changed.wait()
            self._changed.clear()
        if self.readyState != "live":
            raise MediaStreamError
        self._source.sent += 1
        return self._waiting.popleft()

    def stop(self) -> None:
        super().stop()
        self._source.leave(self)
        self._changed.set()


class PassThrough(H264Encoder):  # type: ignore[misc]  # as above
    """What aiortc takes for a viewer's encoder: hands on what is encoded already, and the feedback back."""

    def __init__(self) -> None:
        super().__init__()
        self._viewer: Viewer | None = None

    def pack(self, packet: Encoded) -> tuple[list[bytes], int]:
        self._viewer = packet.viewer
        return packet.payloads, packet.timestamp

    @property
    def target_bitrate(self) -> int:
        """aiortc sets it from the receiver's estimate (REMB)."""
        return 0

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        if self._viewer is not None:
            self._viewer.estimate(bitrate)


@dataclass
class _Step:
    """One bitrate that is being encoded. sizes: (tick, bytes) of the newest pictures."""

    encoder: Encoder
    pictures: int = 0
    budget: KeyframeBudget = field(default_factory=KeyframeBudget)
    sizes: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=MEASURED_PICTURES))


class SharedEncoder:
    """One picture and its viewers.

    viewers: who takes it now. sent: pictures to all viewers together. dropped: by cause. encoded: pictures.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: EncoderSettings) -> None:
        """settings: of the highest bitrate."""
        self._loop = loop
        self._settings = settings
        self._steps: dict[int, _Step] = {}
        self._newest: tuple[I420, int] | None = None
        self._changed = asyncio.Event()
        self._busy_since: float | None = None
        self._packer = H264Encoder()
        self._encoders = ThreadPoolExecutor(len(SHARES), thread_name_prefix="encoder")
        self.viewers: frozenset[Viewer] = frozenset()
        self.sent = 0
        self.encoded = 0
        self.dropped: Counter[str] = Counter()

    def put(self, i420: I420, tick: int) -> None:
        """The picture of a tick, in place of the one that waits; from any thread."""
        self._loop.call_soon_threadsafe(self._take, i420, tick)

    def sent_bitrate(self, step: int) -> float:
        """Of late, bit/s; 0 until it is known."""
        if step not in self._steps or len(self._steps[step].sizes) < 2:
            return 0.0
        sizes = list(self._steps[step].sizes)
        seconds = (sizes[-1][0] - sizes[0][0]) / self._settings.fps
        return 8.0 * sum(size for _, size in sizes[1:]) / float(seconds)

    def join(self, viewer: Viewer) -> None:
        if viewer not in self.viewers:
            self.viewers |= {viewer}

    def leave(self, viewer: Viewer) -> None:
        self.viewers -= {viewer}

    def _take(self, i420: I420, tick: int) -> None:
        if self._newest is not None:
            self.dropped["slow"] += 1
        self._newest = (i420, tick)
        self._changed.set()

    async def run(self) -> None:
        """Encodes and hands out, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            newest, self._newest = self._newest, None
            if newest is not None:
                self._busy_since = monotonic()
                await self._encode(*newest)
                self._busy_since = None

    def stalled(self) -> bool:
        """Whether an encoder hangs: nothing ends that but the end of its process."""
        since = self._busy_since
        return since is not None and monotonic() - since > STALLED_S

    def close(self) -> None:
        """Ends the encoders' threads; nothing may be put any more. One that hangs is not waited for."""
        self._encoders.shutdown(wait=not self.stalled(), cancel_futures=True)

    async def _encode(self, i420: I420, tick: int) -> None:
        by_step: dict[int, list[Viewer]] = {}
        asking: set[int] = set()
        now_s = monotonic()
        for viewer in self.viewers:
            if viewer.may_have_keyframe(now_s):
                asking.add(viewer.step)
            by_step.setdefault(viewer.step, []).append(viewer)
        for step in set(self._steps) - set(by_step):
            del self._steps[step]
        for number in set(by_step) - set(self._steps):
            self._steps[number] = self._fresh(number)
        keyframes = {number for number in asking if self._steps[number].budget.take(now_s)}
        await asyncio.gather(
            *(
                self._encode_step(number, viewers, i420, tick, keyframe=number in keyframes)
                for number, viewers in by_step.items()
            )
        )

    async def _encode_step(
        self, number: int, viewers: list[Viewer], i420: I420, tick: int, *, keyframe: bool
    ) -> None:
        step = self._steps[number]
        try:
            # The rate control counts pictures, so that ticks that were skipped do not make the next one dear.
            packets = await self._loop.run_in_executor(
                self._encoders, lambda: step.encoder.encode(i420, step.pictures, keyframe=keyframe)
            )
        except Exception:  # the encoder's own failure, whatever it is: a fresh one may do
            logger.exception("the encoder failed; it is opened anew")
            self._steps.pop(number, None)
            self.dropped["encoder"] += 1
            return
        step.pictures += 1
        self.encoded += 1
        timestamp = int(tick * RTP_HZ / self._settings.fps)
        for packet in packets:
            payloads, _ = self._packer.pack(packet)
            step.sizes.append((tick, sum(map(len, payloads))))
            for viewer in viewers:
                if viewer.step != number:  # it has moved in the meantime
                    continue
                viewer.offer(payloads, timestamp, packet.is_keyframe)

    def _fresh(self, number: int) -> _Step:
        bitrate = int(SHARES[number] * self._settings.bitrate)
        return _Step(Encoder(replace(self._settings, bitrate=bitrate)))
