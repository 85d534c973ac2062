"""The sound of a recording or a stream: silence, the camera file's own, or a sound card's.

Of the camera's file a tick has the sound of the place from which the fan's frame on air was captured; the
playout tells it. Of a sound card it has that of the moment that its picture came into the programme, so that
the delay holds both back alike. What a card heard once is not heard again: while a delay builds up there is
silence.
"""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from engines.time_units import NS_PER_S
from realtime.outputs.sink import OutputError
from realtime.transport.programme_ring import MediaTime
from realtime.transport.texts import one_line

RATE = 48_000
"""Samples a second."""

PRIMING = 1024
"""Samples that FFmpeg's AAC encoder puts before the first. So many of the sound's own are left out: a track
that begins before the picture would move it."""

Samples = NDArray[np.int16]
"""(N, 2) int16, left and right."""

MOST_S = 600
"""The longest file whose sound is used: it is held in memory."""

KEPT_S = 7
"""Of a sound card so much is kept: more than the programme's longest delay."""

BEHIND_S = 0.15
"""So long after it was heard the sound of a card goes out without a delay: about as late as the picture."""

OFF_S = 0.06
"""A card's sound that is further from where it should be is put right, which can be heard."""

APART_S = 0.02
"""A file's sound that is further from its picture is put right: a little more than half a frame of 30 a
second, so that it may stay between two latencies that are a frame apart."""

FADE = RATE // 100
"""Samples over which it is: one sound fades out while the other fades in."""

REOPEN_S = 3.0
"""So long after a card failed it is opened again."""

MEANWHILE = "there is silence until it is back; arecord -L lists what is there"


class Sound(ABC):
    """For one thread. An `Encoded` asks it tick by tick.

    trouble: why there is silence, for the operator, or "".
    """

    trouble: str = ""

    @abstractmethod
    def take(self, heard_ns: int | None, media: MediaTime | None, count: int) -> Samples:
        """The next `count` samples; silence where there are none. heard_ns: when the first of them was heard,
        monotonic; None where nothing new is to be heard. media: where it lies in the camera's file; None
        where that is not known."""

    def close(self) -> None:  # noqa: B027  # most hold nothing
        """Frees what it holds."""


class Silence(Sound):
    def take(self, heard_ns: int | None, media: MediaTime | None, count: int) -> Samples:
        return np.zeros((count, 2), np.int16)


class SourceSound(Sound):
    """The first sound tracks of the files that are cameras, each as long as its picture.

    It plays on sample by sample. Where that has come too far from the picture, at a switch of the camera, and
    where there is to be silence, it fades over. While the place is not known it plays on.
    """

    def __init__(self, files: Sequence[str | None]) -> None:
        """files: of each camera its file; None for one that is no file. Raises OutputError where one cannot
        be read or is too long, and where none has sound."""
        read = {camera: _read(path) for camera, path in enumerate(files) if path is not None}
        self._tracks = {camera: samples for camera, samples in read.items() if samples is not None}
        if not self._tracks:
            names = ", ".join(path for path in files if path is not None)
            raise OutputError(f'audio: {names} has no sound in it; choose "silence" or "none"')
        self._camera: int | None = None
        self._next = 0

    def take(self, heard_ns: int | None, media: MediaTime | None, count: int) -> Samples:
        if media is None:
            return self._play(count)
        camera = media.camera if media.ns is not None and media.camera in self._tracks else None
        at = 0 if camera is None or media.ns is None else round(media.ns * RATE / NS_PER_S)
        if camera == self._camera and self._is_near(at):
            return self._play(count)
        fade = min(FADE, count)
        before = self._play(fade)
        self._camera, self._next = camera, at
        samples = self._play(count)
        share = np.linspace(0, 1, fade, dtype=np.float32)[:, None]
        samples[:fade] = np.rint(before * (1 - share) + samples[:fade] * share)
        return samples

    def _is_near(self, at: int) -> bool:
        """Whether the next sample is about where it should be, at the end of the file also across it."""
        if self._camera is None:
            return True
        length = len(self._tracks[self._camera])
        off = (self._next - at) % length
        return min(off, length - off) <= APART_S * RATE

    def _play(self, count: int) -> Samples:
        """The next samples, a copy."""
        if self._camera is None:
            return np.zeros((count, 2), np.int16)
        track = self._tracks[self._camera]
        places = np.arange(self._next, self._next + count) % len(track)
        self._next += count
        return track[places]


class Recent:
    """The newest seconds of a sound card, between its thread and the output's. Time is an argument."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ring = np.zeros((KEPT_S * RATE, 2), np.int16)
        self._end, self._end_ns = 0, 0
        self._next: int | None = None

    def put(self, samples: Samples, now_ns: int) -> None:
        """The last of them was heard now."""
        samples = samples[-len(self._ring) :]
        with self._lock:
            self._ring[np.arange(self._end, self._end + len(samples)) % len(self._ring)] = samples
            self._end += len(samples)
            self._end_ns = now_ns

    def take(self, heard_ns: int, count: int) -> Samples:
        """What was heard from `heard_ns` on; silence where it is not there, or no more."""
        out = np.zeros((count, 2), np.int16)
        with self._lock:
            at = self._end + round((heard_ns - self._end_ns) * RATE / NS_PER_S)
            if self._next is None or abs(at - self._next) > OFF_S * RATE:
                self._next = at
            first, self._next = self._next, self._next + count
            oldest = max(0, self._end - len(self._ring))
            low, high = max(first, oldest), min(first + count, self._end)
            if low < high:
                out[low - first : high - first] = self._ring[np.arange(low, high) % len(self._ring)]
        return out


class CardSound(Sound):
    """A sound card, opened and read in a thread of its own. While it cannot be read there is silence, and it
    is opened again and again: a recording without sound is better than none."""

    def __init__(self, device: str) -> None:
        """device: as ALSA names it."""
        self._device = device
        self._recent = Recent()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sound", daemon=True)
        self._thread.start()

    def take(self, heard_ns: int | None, media: MediaTime | None, count: int) -> Samples:
        if heard_ns is None:
            return np.zeros((count, 2), np.int16)
        return self._recent.take(heard_ns - round(BEHIND_S * NS_PER_S), count)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            why = f"audio: {self._device} cannot be opened"
            try:
                with open_card(self._device) as card:
                    why = f"audio: {self._device} gives no sound"
                    self._read(card)
                self.trouble = f"{why}: {MEANWHILE}"
            except (FFmpegError, ValueError) as error:
                reason = error.strerror if isinstance(error, FFmpegError) else one_line(error)
                self.trouble = f"{why} ({reason}): {MEANWHILE}"
            self._stop.wait(REOPEN_S)

    def _read(self, card: av.container.InputContainer) -> None:
        """Until the card gives no more, or this is closed. Raises FFmpegError."""
        resampler = av.AudioResampler("s16", "stereo", RATE)
        for frame in card.decode(audio=0):
            if self._stop.is_set():
                return
            for part in resampler.resample(frame):
                self._recent.put(part.to_ndarray().reshape(-1, 2), time.monotonic_ns())
            self.trouble = ""


def open_card(device: str) -> av.container.InputContainer:
    """Raises FFmpegError, ValueError."""
    return av.open(device, format="alsa", options={"sample_rate": str(RATE), "channels": "2"})


def open_sound(audio: str) -> Sound | None:
    """audio: as the show file has it, but "source:" and a JSON list of `SourceSound`'s files for "source".
    None for "none". Raises OutputError."""
    kind, _, target = audio.partition(":")
    if kind == "source":
        return SourceSound(json.loads(target))
    if kind == "alsa":
        return CardSound(target)
    return Silence() if kind == "silence" else None


class Encoded:
    """A sound as AAC in a container, tick by tick. Missing ticks are filled, so that it stays with the
    picture."""

    def __init__(self, sound: Sound, output: av.container.OutputContainer, fps: Fraction) -> None:
        self._sound, self._fps = sound, fps
        self._stream = output.add_stream("aac", rate=RATE, layout="stereo")
        self._stream.codec_context.bit_rate = 160_000
        self._first: int | None = None
        self._done = PRIMING
        self._heard: int | None = None

    def tick(
        self, tick: int, due_ns: int, entered: int | None, media: MediaTime | None = None
    ) -> list[av.Packet]:
        """The packets up to the end of a tick. entered, media: see `ProgrammeFrame`."""
        if self._first is None:
            self._first = tick
        count = self._samples(tick - self._first + 1) - self._done
        if count <= 0:
            return []
        # After missing ticks the first sample lies before this one's beginning.
        after_ns = round((self._done - self._samples(tick - self._first)) * NS_PER_S / RATE)
        heard_ns = None
        if entered is not None and (self._heard is None or entered > self._heard):
            self._heard = entered
            heard_ns = due_ns - round((tick - entered) * NS_PER_S / self._fps) + after_ns
        if media is not None and media.ns is not None:
            media = media._replace(ns=media.ns + after_ns)
        samples = self._sound.take(heard_ns, media, count)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._done, Fraction(1, RATE)
        self._done += count
        return list(self._stream.encode(frame))

    def flush(self) -> list[av.Packet]:
        """What is left; no tick may follow."""
        return list(self._stream.encode(None)) if self._done > PRIMING else []

    def close(self) -> None:
        self._sound.close()

    @property
    def trouble(self) -> str:
        """See `Sound`; from any thread."""
        return self._sound.trouble

    def _samples(self, ticks: int) -> int:
        return round(ticks * RATE / self._fps)


def decode_ahead(audio: str, tell: Callable[[str], None]) -> None:
    """Decodes in a thread what `open_sound` will need, so that a recording begins when it is ordered. tell:
    hears, in that thread, why it cannot begin, before somebody orders it."""

    def decode() -> None:
        try:
            open_sound(audio)
        except OutputError as error:
            tell(str(error))

    if audio.startswith("source:"):
        threading.Thread(target=decode, name="sound", daemon=True).start()


_one_at_a_time = threading.Lock()


def _read(path: str) -> Samples | None:
    """As `_decode`; a file is decoded once in a process. Raises OutputError."""
    with _one_at_a_time:
        return _read_once(path)


@cache
def _read_once(path: str) -> Samples | None:
    try:
        return _decode(path)
    except FFmpegError as error:
        raise OutputError(f"audio: {path} cannot be read: {error.strerror}") from error


def _decode(path: str) -> Samples | None:
    """All of a file's first sound track, as long as its picture is; None where it has none. Raises
    OutputError, FFmpegError."""
    with av.open(f"file:{path}", metadata_errors="replace") as file:
        if not file.streams.audio:
            return None
        video = file.streams.video[0] if file.streams.video else None
        length_s, start_s = (file.duration or 0) / av.time_base, 0.0
        if video is not None and video.time_base is not None:
            start_s = float((video.start_time or 0) * video.time_base)
            if video.duration:
                length_s = float(video.duration * video.time_base)
        if not 0 < length_s <= MOST_S:
            raise OutputError(f"audio: {path} is {length_s:.0f} s long: {MOST_S} s is the most")
        samples = np.zeros((max(1, round(length_s * RATE)), 2), np.int16)
        resampler = av.AudioResampler("s16", "stereo", RATE)
        at: int | None = None
        for frame in file.decode(audio=0):
            if at is None:
                at = round(((frame.time or 0.0) - start_s) * RATE)
            for part in resampler.resample(frame):
                found = part.to_ndarray().reshape(-1, 2)
                low, high = max(0, at), min(len(samples), at + len(found))
                if low < high:
                    samples[low:high] = found[low - at : high - at]
                at += len(found)
    return samples
