"""Carries the programme from the playout to its outputs, in rings of shared memory that are written once a
tick.

There is one ring for each part of the programme that an output of the show may want. The supervisor owns
them, so that killing the playout or an output does not affect the others. On the topic "ticks" the playout
tells where a tick's parts lie; on "wants" each output tells which parts it can use now.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import zmq
from numpy.typing import NDArray

from realtime.transport.bus import Bus, receive_newest
from realtime.transport.frame_ring import FrameRing, RingSpec
from realtime.transport.messages import MessageError

logger = logging.getLogger(__name__)

Part = Literal["picture", "layer", "clean", "preview"]
"""A field of `ProgrammeFrame`."""

INSTEAD: frozenset[Part] = frozenset({"layer"})
"""Parts for which the picture stands in where they are missing."""

Place = tuple[Part, int, int]
"""Where a part lies: the part whose ring it is in, the slot, and the sequence."""

WANT_EVERY_NS, WANTED_FOR_NS = 200_000_000, 3_000_000_000
"""How often an output repeats what it wants, besides telling changes; and how long that counts."""


MOST_MESSAGES = 32
"""So many are heard at one tick; outputs send five a second each."""


class MediaTime(NamedTuple):
    """A place in the file of a camera. camera: its index in `Show.every_camera`. ns: from the file's first
    frame; beyond its end the file goes round. None: the camera is no file, or there is to be silence."""

    camera: int
    ns: int | None


class ProgrammeFrame(NamedTuple):
    """What goes out at each tick. Every picture has the programme's size.

    picture: what is on air, (H, W, 3) uint8 BGR. layer: the player alone, (H, W, 4) BGRA, straight, for
    outputs with a key. None while what is on air has no transparency (slate, fallback): then the key is
    opaque and the fill is `picture`, so that a slate covers everything. clean: the live player on the chosen
    background, whatever is on air: no slate, fallback, freeze, fade or delay. Before the player's first
    picture it is in the slate's colours, and while no picture comes it is the last one. None: nobody wanted
    it. preview: what the operator sees before it goes on air. None: nothing new.
    entered: the tick at which what is on air came into the programme: the tick's own number less the delay;
    for the sound of a sound card. None: the slate is on air, and there is to be silence.
    media, clean_media: the place in the camera's file that goes out now, and in the clean feed, for the
    file's sound. It goes on through slate, fallback and freeze. None: not known yet, or not known again since
    the playout was restarted; what was heard goes on.
    """

    picture: NDArray[np.uint8]
    layer: NDArray[np.uint8] | None = None
    clean: NDArray[np.uint8] | None = None
    preview: NDArray[np.uint8] | None = None
    entered: int | None = None
    media: MediaTime | None = None
    clean_media: MediaTime | None = None


class ProgrammeWriter:
    """The playout's end, for the thread of the programme's clock."""

    def __init__(self, bus: Bus, rings: Mapping[Part, RingSpec]) -> None:
        """rings: by part, for all parts that may be wanted."""
        self._rings = {part: FrameRing.attach(spec) for part, spec in rings.items()}
        self._ticks = bus.sender("ticks", "playout")
        self._heard = bus.receiver("wants", "playout")
        self._wanted: dict[str, tuple[frozenset[Part], int]] = {}
        self._told = False

    def wants(self) -> frozenset[Part]:
        """The parts that any output can use at this tick; the others need not be made. Call it at every
        tick."""
        now_ns = time.monotonic_ns()
        for _ in range(MOST_MESSAGES):
            if (message := receive_newest(self._heard)) is None:
                break
            try:
                name, parts = _wish(message)
            except MessageError as error:
                self._misheard(error)
            else:
                self._wanted[name] = frozenset(part for part in self._rings if part in parts), now_ns
        self._wanted = {
            name: wanted for name, wanted in self._wanted.items() if now_ns - wanted[1] < WANTED_FOR_NS
        }
        return frozenset[Part]().union(*(parts for parts, _ in self._wanted.values()))

    def _misheard(self, error: MessageError) -> None:
        """Once: the programme has no time for more."""
        if not self._told:
            logger.warning("what outputs want is not understood: %s", error)
        self._told = True

    def send(self, frame: ProgrammeFrame, wants: frozenset[Part], tick: int, due_ns: int) -> None:
        """Copies the parts of `wants` into their rings. Parts that are the same picture (live on air,
        preview, clean feed) are copied once. Afterwards the caller may overwrite its pictures."""
        if any(getattr(frame, part) is None for part in wants & INSTEAD):
            wants |= {"picture"}
        places: dict[Part, Place | None] = {}
        copied: dict[int, Place] = {}
        for part, ring in self._rings.items():
            if part not in wants:
                continue
            picture = getattr(frame, part)
            if picture is not None and id(picture) not in copied:
                with ring.write() as slot:
                    np.copyto(slot.picture, picture)
                copied[id(picture)] = (part, slot.index, slot.sequence)
            places[part] = copied.get(id(picture))
        if places:
            message = [tick, due_ns, places, frame.entered, frame.media, frame.clean_media]
            self._ticks.send(json.dumps(message).encode(), zmq.NOBLOCK)

    def close(self) -> None:
        for ring in self._rings.values():
            ring.close()


def _wish(message: bytes) -> tuple[str, set[str]]:
    """An output's name, and the parts that it can use. Raises MessageError."""
    try:
        name, parts = json.loads(message)
    except (ValueError, TypeError, RecursionError) as error:
        raise MessageError("it is no name with parts") from error
    if not isinstance(name, str) or not isinstance(parts, list) or not all(isinstance(p, str) for p in parts):
        raise MessageError("a name or a part is no text")
    return name, set(parts)


class ProgrammeReader:
    """An output's end, for one thread. overtaken: ticks whose pictures were gone before they were copied."""

    def __init__(self, bus: Bus, rings: Mapping[Part, RingSpec], process: str) -> None:
        """process: the name of the output's stage."""
        self._process = process
        self._rings = {part: FrameRing.attach(spec) for part, spec in rings.items()}
        self._ticks = bus.receiver("ticks", process)
        self._wants = bus.sender("wants", process)
        self._wanted: frozenset[Part] = frozenset()
        self._next_ns = 0
        self.overtaken = 0

    def want(self, parts: frozenset[Part]) -> None:
        """Tells what the output can use from the next tick on. Call it repeatedly."""
        now_ns = time.monotonic_ns()
        if parts == self._wanted and now_ns < self._next_ns:
            return
        self._wanted, self._next_ns = parts, now_ns + WANT_EVERY_NS
        try:
            self._wants.send(json.dumps([self._process, sorted(parts)]).encode(), zmq.NOBLOCK)
        except zmq.Again:  # there is no playout now: the next one is told again
            self._next_ns = 0

    def take(self, timeout_s: float) -> tuple[ProgrammeFrame, int, int] | None:
        """The newest tick, with its number and when it was due, as soon as there is one; else None.

        The frame has copies of the wanted parts: read-only, the output's own. "picture" is always set; where
        it was not wanted, it is another part and of no use.
        """
        if not self._ticks.poll(int(1000 * timeout_s)):
            return None
        tick, due_ns, places, entered, *media = json.loads(self._ticks.recv())
        wanted = set(self._wanted & places.keys())  # the playout may not have heard yet what it wants
        if any(places[part] is None for part in wanted & INSTEAD):
            wanted.add("picture")
        copies: dict[Place, NDArray[np.uint8] | None] = {}
        parts: dict[str, NDArray[np.uint8] | None] = {}
        for part in wanted:
            if places[part] is None:
                continue
            place: Place = tuple(places[part])
            if place not in copies:
                copies[place] = self._copy(place)
            parts[part] = copies[place]
        if any(copy is None for copy in copies.values()):
            self.overtaken += 1
            return None
        if not parts:
            return None
        parts.setdefault("picture", next(iter(parts.values())))
        times = [None if each is None else MediaTime(*each) for each in media]
        frame = ProgrammeFrame(**parts, entered=entered, media=times[0], clean_media=times[1])  # type: ignore[arg-type]  # none of the parts is None
        return frame, tick, due_ns

    def _copy(self, place: Place) -> NDArray[np.uint8] | None:
        ring = self._rings[place[0]]
        out = np.empty(ring.spec.shape, np.uint8)
        if not ring.read(place[1], place[2], out):
            return None
        out.setflags(write=False)
        return out
