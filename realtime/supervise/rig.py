"""Makes the rig that every stage is given, with its rings of shared memory. The supervisor calls it once a
show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.pack.rights import Rights
from realtime.config.outputs import Recorder
from realtime.config.show import Show
from realtime.pictures.picture import backdrop
from realtime.stages.context import Rig
from realtime.supervise.signals import signals_blocked
from realtime.transport.bus import Link
from realtime.transport.frame_ring import FrameRing, RingSpec
from realtime.transport.programme_ring import Part


@dataclass(frozen=True)
class Player:
    """What must be known of the player to start a show. size: (width, height), pixels.

    others: name → folder of the packs that the operator can switch to. plates: see `Rig`. rights: name → the
    rights to that player's likeness, for the players whose pack has them. second: the name of a duet's second
    player, "" without one.
    """

    name: str
    size: tuple[int, int]
    standby: Path
    others: Mapping[str, Path] = field(default_factory=dict)
    plates: tuple[Path, ...] = ()
    rights: Mapping[str, Rights] = field(default_factory=dict)
    second: str = ""


@contextmanager
def rigged(
    show: Show, player: Player, nets: Callable[[Show], Any], folder: Path, link: Link | None, token: str = ""
) -> Iterator[Rig]:
    """The rig; its rings are removed at the end. On two machines (`link`) frames do not use rings. folder: of
    the bus. token: see `Rig`."""
    width, height = player.size
    programme = show.programme.size or player.size
    frames = RingSpec("", height, width, 4 if show.layered else 3)
    camera_frames = RingSpec("", programme[1], programme[0])
    with ExitStack() as stack:
        if link is None:
            with signals_blocked():  # the first ring starts multiprocessing's resource tracker
                frames = _ring(frames, stack).spec
                camera = _ring(camera_frames, stack)
            _surround(camera)
            camera_frames = camera.spec
        inputs = None
        if show.record_inputs is not None and show.record_inputs.camera and link is None:
            kept = show.record_inputs.size
            with signals_blocked():
                inputs = _ring(RingSpec("", kept[1], kept[0]), stack).spec
        parts = parts_of(show) if link is None or link.side == "playout" else ()
        with signals_blocked():
            outgoing = {
                part: _ring(RingSpec("", programme[1], programme[0], 4 if part == "layer" else 3), stack).spec
                for part in parts
            }
        yield Rig(
            show=show,
            player_name=player.name,
            player_size=player.size,
            programme_size=programme,
            standby=player.standby,
            bus=folder,
            frames=frames,
            camera_frames=camera_frames,
            nets=nets,
            plates=player.plates,
            link=link,
            others=player.others,
            programme=outgoing,
            token=token,
            inputs=inputs,
        )


def parts_of(show: Show) -> tuple[Part, ...]:
    """The parts of the programme that its outputs may want."""
    clean = any(isinstance(output, Recorder) and output.feed == "clean" for output in show.outputs)
    wanted: dict[Part, bool] = {
        "picture": bool(show.outputs or show.webrtc.port or show.record_inputs),
        "layer": show.keyed,
        "clean": clean,
        "preview": bool(show.webrtc.port),
    }
    return tuple(part for part, is_wanted in wanted.items() if is_wanted)


def _ring(spec: RingSpec, stack: ExitStack) -> FrameRing:
    ring = FrameRing.create(spec.height, spec.width, channels=spec.channels)
    stack.callback(ring.close)
    return ring


def _surround(ring: FrameRing) -> None:
    """Paints the bars around the camera's picture, once."""
    surround = backdrop(ring.spec.width, ring.spec.height)
    for _ in range(ring.spec.slots):
        with ring.write() as slot:
            slot.picture[:] = surround
