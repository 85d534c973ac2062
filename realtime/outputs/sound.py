"""The sound of a recording or a stream: silence, the camera file's own, or a sound card's.

A tick's sound is that of the moment that its picture came into the programme, so that the delay holds both
back alike. What was heard once is not heard again: while a delay builds up there is silence.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from fractions import Fraction

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from engines.time_units import NS_PER_S
from realtime.outputs.sink import OutputError

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
"""A sound that is further from where it should be is put right, which can be heard."""


class Sound(ABC):
    """For one thread. An `Encoded` asks it tick by tick."""

    @abstractmethod
    def take(self, at: int, heard_ns: int, count: int) -> Samples:
        """`count` samples from the place `at` on, in samples since the first tick; heard_ns: when that was,
        monotonic. Silence where there are none."""

    def close(self) -> None:  # noqa: B027  # most hold nothing
        """Frees what it holds."""


class Silence(Sound):
    def take(self, at: int, heard_ns: int, count: int) -> Samples:
        return np.zeros((count, 2), np.int16)


class ClipSound(Sound):
    """A file's first sound track, round and round, as long as its picture."""

    def __init__(self, path: str) -> None:
        """Raises OutputError."""
        try:
            self._samples = _read(path)
        except FFmpegError as error:
            raise OutputError(f"audio: {path} cannot be read: {error.strerror}") from error
        self._next: int | None = None

    def take(self, at: int, heard_ns: int, count: int) -> Samples:
        if self._next is None or abs(at - self._next) > OFF_S * RATE:
            self._next = at
        places = np.arange(self._next, self._next + count) % len(self._samples)
        self._next += count
        return self._samples[places]


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
    """A sound card, through ALSA, read in a thread of its own."""

    def __init__(self, device: str) -> None:
        """device: as ALSA names it. Raises OutputError."""
        try:
            options = {"sample_rate": str(RATE), "channels": "2"}
            self._input = av.open(device, format="alsa", options=options)
        except (FFmpegError, ValueError) as error:
            raise OutputError(
                f"audio: {device} cannot be opened: {error}; arecord -L lists what is there"
            ) from error
        self._recent = Recent()
        self._stop = False
        self._failed: str | None = None
        self._thread = threading.Thread(target=self._read, name="sound", daemon=True)
        self._thread.start()

    def take(self, at: int, heard_ns: int, count: int) -> Samples:
        """Raises OutputError where the card is gone."""
        if self._failed is not None:
            raise OutputError(f"audio: {self._failed}")
        return self._recent.take(heard_ns - round(BEHIND_S * NS_PER_S), count)

    def close(self) -> None:
        self._stop = True
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self._input.close()

    def _read(self) -> None:
        resampler = av.AudioResampler("s16", "stereo", RATE)
        try:
            for frame in self._input.decode(audio=0):
                if self._stop:
                    return
                for part in resampler.resample(frame):
                    self._recent.put(part.to_ndarray().reshape(-1, 2), time.monotonic_ns())
            self._failed = "the sound card gives no more sound"
        except FFmpegError as error:
            self._failed = f"the sound card failed: {error.strerror}"


def open_sound(audio: str) -> Sound | None:
    """audio: as the show file has it, or "file:" and a path; None for "none". Raises OutputError."""
    kind, _, target = audio.partition(":")
    if kind == "file":
        return ClipSound(target)
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

    def tick(self, tick: int, due_ns: int, entered: int | None) -> list[av.Packet]:
        """The packets up to the end of a tick. entered: see `ProgrammeFrame`."""
        if self._first is None:
            self._first = tick
        count = self._samples(tick - self._first + 1) - self._done
        if count <= 0:
            return []
        if entered is None or (self._heard is not None and entered <= self._heard):
            samples = np.zeros((count, 2), np.int16)
        else:
            self._heard = entered
            heard_ns = due_ns - round((tick - entered) * NS_PER_S / self._fps)
            at = self._samples(entered - self._first) + self._done - self._samples(tick - self._first)
            samples = self._sound.take(at, heard_ns, count)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._done, Fraction(1, RATE)
        self._done += count
        return list(self._stream.encode(frame))

    def flush(self) -> list[av.Packet]:
        """What is left; no tick may follow."""
        return list(self._stream.encode(None)) if self._done > PRIMING else []

    def close(self) -> None:
        self._sound.close()

    def _samples(self, ticks: int) -> int:
        return round(ticks * RATE / self._fps)


def _read(path: str) -> Samples:
    """All of a file's first sound track, as long as its picture is. Raises OutputError, FFmpegError."""
    with av.open(f"file:{path}", metadata_errors="replace") as file:
        if not file.streams.audio:
            raise OutputError(f'audio: {path} has no sound in it; choose "silence" or "none"')
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
