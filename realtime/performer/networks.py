"""The networks of a show: the protocols by which the performer uses them, so that tests can bring fakes; and
the real networks, loaded for this machine."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # importing torch takes seconds, and tools.gpu_check has no pydantic
    from engines.pack.player_pack import PlayerPack
    from engines.pose.device_frame import Frame
    from engines.pose.tracking.choosing import Rule
    from engines.pose.tracking.floor import Floor
    from engines.pose.tracking.tracker import PoseTracker
    from realtime.config.duet import Duet as DuetSettings
    from realtime.config.show import Show
    from realtime.transport.people import Sighted

Floats = NDArray[np.float32]


class Person(Protocol):
    """A person whom the tracker found. landmarks: (33, 4) float32, pixels of the frame. person_id: the
    tracker's. score: how sure the net is that it is a person, 0..1."""

    @property
    def person_id(self) -> int: ...

    @property
    def landmarks(self) -> Floats: ...

    @property
    def score(self) -> float: ...


class Followed(Protocol):
    """The part of a tracker that a picker needs; see `engines.pose.tracking.tracker.PoseTracker`."""

    @property
    def people(self) -> Sequence[Sighted]: ...

    @property
    def is_looking(self) -> bool: ...

    @property
    def is_missing(self) -> bool: ...

    def follow(self, person_id: int | None) -> None: ...

    def look_at(self, x: float, y: float, size: tuple[int, int]) -> None: ...

    def choose(self, rule: Rule, mark: tuple[float, float], floor: Floor | None) -> None: ...


class Tracker(Followed, Protocol):
    backend: str

    def reset(self) -> None: ...

    def __call__(self, frame: Frame, t_ns: int) -> Person | None: ...


class Retarget(Protocol):
    """`calibration.retarget.Retargeter`. known: one of `calibration.source.Knowledge`."""

    mirror: bool
    locked: bool

    @property
    def known(self) -> str: ...

    def __call__(self, landmarks: Floats, frame_size: tuple[int, int], t_ns: int) -> Floats: ...

    def redo(self) -> None: ...

    def reset(self) -> None: ...


class Render(Protocol):
    """Paints the player into (H, W, 3) BGR, or for a show with backgrounds into (H, W, 4) straight BGRA.

    likeness: of the last picture, see `engines.doll.likeness`. spent_ns: where known, the nanoseconds that
    the last picture took for its "doll", the "net", and "compositing".
    """

    backend: str
    likeness: float

    @property
    def spent_ns(self) -> Mapping[str, int]: ...

    def __call__(self, landmarks: Floats, out: NDArray[np.uint8]) -> None: ...

    def reset(self) -> None: ...


class PaintBoth(Protocol):
    """Paints two players into one picture: `engines.rendering.duet.Duet`. likeness, spent_ns: as of `Render`,
    for both."""

    @property
    def likeness(self) -> tuple[float, float]: ...

    @property
    def spent_ns(self) -> Mapping[str, int]: ...

    def __call__(self, poses: Sequence[Floats | None], out: NDArray[np.uint8]) -> None: ...

    def reset(self) -> None: ...

    def reset_second(self) -> None: ...


class NetsWanted(Protocol):
    """The settings of a show on which its networks depend: `realtime.config.show.Show`."""

    @property
    def backend(self) -> str: ...

    @property
    def layered(self) -> bool: ...

    @property
    def lead_ms(self) -> int: ...

    @property
    def duet(self) -> DuetSettings | None: ...


def _no_other(folder: Path) -> Nets:
    raise ValueError(f"{folder}: this show has one player only")


Trial = tuple[Callable[[], object], Callable[[], object]]
"""The pose thread's and the generate thread's work on a frame, as functions that can be called again and
again."""


@dataclass(frozen=True)
class Second:
    """What a duet has besides, for the second player.

    find: whom the first tracker and the second one follow in a frame, never the same person. It is called
    instead of them. tracker, retarget: the second ones. paint: paints both players. trial: makes a `Trial`
    with so many dancers (1 or 2), for measuring before the show.
    """

    find: Callable[[Frame, int], tuple[Person | None, Person | None]]
    tracker: Tracker
    retarget: Retarget
    paint: PaintBoth
    trial: Callable[[int], Trial]


@dataclass(frozen=True)
class Nets:
    """The networks of a show, and the function that draws a stick figure (picture, landmarks) over the
    player.

    name, folder: the player's. load_player: loads the networks for another player by the pack's folder, from
    any thread, for a picture of the same size; networks that do not depend on the player are shared. upload:
    brings a frame (H, W, 3) BGR to where the tracker reads it. page_lock: called with memory that pictures
    will be painted into. is_kept: whether everything compiled for another player is on disk; raises as
    `load_player`. left: the backends that were tried first and do not work here, with the reason, a line
    each. second: of a duet. heavy: the player's own parts, to be freed one by one in this order, because
    OpenVINO keeps Python's lock for 20 ms while it frees a net: the renderer, then its nets. Empty on a
    device, where no player is kept.
    """

    tracker: Tracker
    retarget: Retarget
    render: Render
    draw_skeleton: Callable[[NDArray[np.uint8], Floats], None]
    name: str = ""
    folder: Path = Path()
    load_player: Callable[[Path], Nets] = _no_other
    upload: Callable[[NDArray[np.uint8]], Frame] = lambda frame: frame
    page_lock: Callable[[NDArray[np.uint8]], object] = lambda memory: None
    is_kept: Callable[[Path], bool] = lambda folder: False
    left: tuple[str, ...] = ()
    second: Second | None = None
    heavy: tuple[object, ...] = ()

    @property
    def trackers(self) -> tuple[Tracker, ...]:
        """One for each fan."""
        return (self.tracker,) if self.second is None else (self.tracker, self.second.tracker)

    @property
    def retargets(self) -> tuple[Retarget, ...]:
        """Likewise."""
        return (self.retarget,) if self.second is None else (self.retarget, self.second.retarget)

    @property
    def resets(self) -> tuple[Callable[[], None], ...]:
        """Likewise: to be called before another dancer's poses are painted."""
        paint = None if self.second is None else self.second.paint
        return (self.render.reset,) if paint is None else (paint.reset, paint.reset_second)

    def find(self, frame: Frame, t_ns: int) -> tuple[Person | None, ...]:
        """Whom the trackers follow in this frame. t_ns: when it was taken."""
        return (self.tracker(frame, t_ns),) if self.second is None else self.second.find(frame, t_ns)


def load_nets(show: Show) -> Nets:
    """Loads the real networks, compiled for this machine. The performer calls it when it starts.

    With the backend "auto", a backend with which they cannot be loaded, captured or verified is left for the
    next one. Raises PackError, GraphError, EngineError.
    """
    from engines.runtime.progress import step

    step("importing torch")
    import torch

    from engines.backends.choice import first_that_works
    from engines.pack.player_pack import PackError
    from engines.pose.tflite_graph import GraphError

    torch.set_num_threads(1)
    left: list[str] = []
    nets = first_that_works(
        show.backend,
        lambda backend: NetsLoader(show, backend).load(show.player),
        left.append,
        passed_on=(PackError, GraphError),
    )
    return replace(nets, left=tuple(left))


DUET_ON_CPU = "a duet is painted on the CPU"
"""Why a backend on a GPU is left, or refused."""
TRIAL_FRAME, TRIAL_POSES = (720, 1280, 3), 300
"""Shape of the camera's picture in a trial, and the players' poses that are danced, one after the other."""


class NetsLoader:
    """Loads the networks of one player after the other. Networks that serve all players are loaded once, and
    a duet's second player with the first one.

    backend: one, by name. A player for whom it does not work is refused, because the pose already runs on it.
    """

    def __init__(self, show: NetsWanted, backend: str) -> None:
        from engines.backends.choice import is_on_device
        from engines.plans.machine import show_threads
        from engines.pose.tracking.smoothing import LIVE
        from engines.pose.tracking.tracker import PoseTracker
        from engines.runtime.engine import EngineError
        from engines.runtime.progress import step

        self._backend = backend
        self._layered = show.layered
        self._threads = show_threads()
        self._on_device = is_on_device(backend)
        if show.duet is not None and self._on_device:
            raise EngineError(DUET_ON_CPU)
        self._verified: set[str] = set()
        smoothing = LIVE._replace(lead_s=show.lead_ms / 1000)
        step("loading the pose networks")
        self._tracker = PoseTracker(backend=self._backend, threads=self._threads, smoothing=smoothing)
        self._size: tuple[int, int] | None = None
        self._duet = None if show.duet is None else _SecondLoader(show.duet.player, self._tracker)
        self._kept: dict[str, Any] = {}
        if self._on_device:
            self._kept = _frames_on_device()
            self._tracker.warm_up(self._kept["upload"].blank())

    def __call__(self, folder: Path) -> Nets:
        """As `load`, but any failure of the backend becomes an EngineError of one line."""
        from engines.backends.choice import first_that_works
        from engines.pack.player_pack import PackError
        from engines.pose.tflite_graph import GraphError

        return first_that_works(self._backend, lambda _: self.load(folder), passed_on=(PackError, GraphError))

    def load(self, folder: Path) -> Nets:
        """The networks for the player in `folder`. Raises PackError, also where the picture's size differs
        from the first player's; GraphError, EngineError, and whatever libraries raise on a GPU."""
        from calibration.retarget import Retargeter
        from engines.pack.player_pack import PackError, PlayerPack
        from engines.runtime.progress import step
        from engines.stick_figure import draw_stick_figure

        step(f"reading the player {folder.name}")
        pack = PlayerPack.load(folder)
        if self._size is not None and pack.size != self._size:
            raise PackError(
                f"{folder} is {'x'.join(map(str, pack.size))}, but this show's pictures are "
                f"{'x'.join(map(str, self._size))}: start a show of its own with it"
            )
        step(f"loading the generator and the pictures of {pack.name}")
        render = self._renderer(pack)
        self._size = pack.size
        second = None if self._duet is None else self._duet.load(pack, render, self._renderer)
        return Nets(
            tracker=self._tracker,
            retarget=Retargeter(pack.body),
            render=render,
            draw_skeleton=draw_stick_figure,
            name=pack.name,
            folder=folder,
            load_player=self,
            is_kept=self.is_kept,
            second=second,
            heavy=() if self._on_device else (render, *render.engines),
            **self._kept,
        )

    def is_kept(self, folder: Path) -> bool:
        """Whether everything compiled for a player is on disk, so that loading is quick. Always False for
        backends on a GPU, which keep nothing. Raises PackError."""
        from engines.pack.player_pack import PlayerPack
        from engines.rendering.renderer import is_kept

        return is_kept(PlayerPack.load(folder), self._backend, self._threads)

    def _renderer(self, pack: PlayerPack) -> Any:
        if self._on_device:
            from engines.rendering.device_check import verify
            from engines.rendering.device_renderer import DeviceLayerRenderer, DeviceRenderer

            device_renderer = DeviceLayerRenderer if self._layered else DeviceRenderer
            painter = device_renderer(pack, backend=self._backend, threads=self._threads)
            if pack.digest not in self._verified:
                verify(painter, pack)
                self._verified.add(pack.digest)
            return painter
        from engines.rendering.renderer import LayerRenderer, Renderer

        renderer = LayerRenderer if self._layered else Renderer
        return renderer(pack, backend=self._backend, threads=self._threads)


class _SecondLoader:
    """Loads a duet's second player, once; the first one may change."""

    def __init__(self, folder: Path, tracker: PoseTracker) -> None:
        from engines.pose.tracking.pair import Pair

        self._folder, self._pair = folder, Pair(tracker)
        self._loaded: tuple[PlayerPack, Any, Retarget] | None = None

    def load(self, first: PlayerPack, render: Any, renderer: Callable[[PlayerPack], Any]) -> Second:
        """render: of the first player. renderer: makes the second one's. Raises PackError, EngineError."""
        from calibration.retarget import Retargeter
        from engines.pack.player_pack import PackError, PlayerPack
        from engines.rendering.duet import Duet
        from engines.runtime.progress import step

        if self._loaded is None:
            step(f"reading the player {self._folder.name}")
            pack = PlayerPack.load(self._folder)
            if pack.size != first.size:
                own, other = ("x".join(map(str, each.size)) for each in (pack, first))
                raise PackError(f"{self._folder} is {own}, but {first.folder} is {other}")
            step(f"loading the generator and the pictures of {pack.name}")
            self._loaded = pack, renderer(pack), Retargeter(pack.body)
        second, second_render, retarget = self._loaded

        def trial(dancers: int) -> Trial:
            duet = Duet(render, second_render)
            poses = [itertools.cycle(pack.poses[:TRIAL_POSES]) for pack in (first, second)[:dancers]]
            frame = np.zeros(TRIAL_FRAME, np.uint8)
            out = np.zeros((*first.size[::-1], 3), np.uint8)

            def pose() -> None:
                for _ in range(dancers):
                    self._pair.first.exercise(frame)

            def paint() -> None:
                duet([*map(next, poses), None][:2], out)

            return pose, paint

        duet = Duet(render, second_render)
        return Second(self._pair, self._pair.second, retarget, duet, trial)


def _frames_on_device() -> dict[str, Any]:
    """The fields of `Nets` that differ on a device: each frame is uploaded once, for all that read it."""
    import torch

    from engines.backends.cuda import DEVICE
    from engines.pose.device_frame import FrameUpload
    from engines.runtime.streams import page_lock

    return {"upload": FrameUpload(torch.device(DEVICE)), "page_lock": page_lock}
