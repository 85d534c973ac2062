"""Parts: a frame's whole way, as in a show; and a switch to another player."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from engines.pack.player_pack import PlayerPack
from engines.rendering.renderer import Renderer
from engines.runtime.streams import page_lock, pinned
from realtime.performer.networks import Nets, NetsLoader
from realtime.performer.player_swap import PlayerSwap
from realtime.transport.swap import SwapState
from tools.benchmarking.gpu_check.clock import PATIENCE_S, allocations, figures
from tools.benchmarking.gpu_check.made_up import FRAME_NS, frames, make_pack, there_and_back
from tools.benchmarking.gpu_check.record import CheckError, Notebook
from tools.benchmarking.gpu_check.setting import CAMERA, Case, Setting, size_text
from tools.benchmarking.measuring.subjects import psnr
from tools.player.bank import FRAMES

LEAST_DB = 34.0
"""Least PSNR between the pictures of the device and of the host."""
RATE = 60
"""Pictures a second of a paced show."""


@dataclass(frozen=True)
class _Wanted:
    """The settings of a show on which its networks depend."""

    backend: str = "cuda"
    layered: bool = False
    lead_ms: int = 0
    duet: None = None


class _Camera:
    """Pictures with their times, endlessly. For one thread."""

    def __init__(self, setting: Setting, case: Case) -> None:
        self.size = case.camera
        self._pictures = there_and_back(frames(CAMERA, setting.some(120, 4), case.camera))
        self._count = itertools.count()

    def __call__(self) -> tuple[NDArray[np.uint8], int]:
        return next(self._pictures), next(self._count) * FRAME_NS


def check_frame(name: str, setting: Setting, notebook: Notebook) -> None:
    """name: a key of `Setting.cases`."""
    device, case = setting.prepare(), setting.cases[name]
    with TemporaryDirectory() as folder:
        player = _player(setting, case, Path(folder) / "player")
        started = time.perf_counter()
        nets = NetsLoader(_Wanted(), _Wanted().backend)(player)
        notebook.row("loading pose and player", seconds=round(time.perf_counter() - started, 2))
        out, camera = _ring(nets, case, device), _Camera(setting, case)
        with notebook.attempt("one after the other"):
            _alone(setting, notebook, nets, camera, out, device)
        with notebook.attempt("pipelined"):
            _show(notebook, "pipelined on two threads, as fast as it goes", nets, camera, out, setting)
        with notebook.attempt("paced"):
            _show(
                notebook, f"pipelined, a camera of {RATE} pictures/s", nets, camera, out, setting, paced=True
            )
        if case.variant is None or setting.quick:  # a large one takes too long on the host
            with notebook.attempt("the host's picture"):
                _compare(notebook, PlayerPack.load(player), nets, out)
    if device.type == "cuda":
        notebook.facts(most_memory_GiB=round(torch.cuda.max_memory_allocated(device) / 2**30, 2))


def _player(setting: Setting, case: Case, folder: Path, which: int = 0) -> Path:
    """The bundled player's pack, or an untrained player's, made in `folder`."""
    bundled = setting.players[which]
    if case.variant is None:
        return bundled
    pack = PlayerPack.load(bundled)
    return make_pack(folder, pack, case.variant, case.size, seed=which, count=setting.some(FRAMES, 4))


def _ring(nets: Nets, case: Case, device: torch.device) -> NDArray[np.uint8]:
    """A picture's memory, registered with the driver like the show's ring, so that the device writes into
    it."""
    shape = (case.size[1], case.size[0], 3)
    if device.type != "cuda":
        return np.asarray(pinned(shape, torch.uint8, device).numpy(), np.uint8)
    memory = np.zeros(shape, np.uint8)
    if not page_lock(memory):
        raise CheckError("the memory of a picture cannot be page-locked: every download holds up its thread")
    return memory


def _alone(
    setting: Setting,
    notebook: Notebook,
    nets: Nets,
    camera: _Camera,
    out: NDArray[np.uint8],
    device: torch.device,
) -> None:
    """Processes each frame from upload to download before the next."""
    stages: dict[str, list[float]] = {
        "upload and pose": [], "retargeting": [], "doll, generator, download": [], "the whole frame": []
    }  # fmt: skip
    warm_up, lost, before = setting.some(60, 1), 0, None
    for index in range(warm_up + setting.some(300, 2)):
        if index == warm_up:
            before = allocations(device)
        picture, t_ns = camera()
        marks = [time.perf_counter()]
        frame = nets.upload(picture)
        person = nets.tracker(frame, t_ns)
        marks.append(time.perf_counter())
        if person is None:
            lost += 1
            continue
        landmarks = nets.retarget(person.landmarks, camera.size, t_ns)
        marks.append(time.perf_counter())
        nets.render(landmarks, out)
        marks.append(time.perf_counter())
        if index >= warm_up:
            spans = [1000 * (later - earlier) for earlier, later in itertools.pairwise(marks)]
            for times, span in zip(stages.values(), [*spans, sum(spans)], strict=True):
                times.append(span)
    after = allocations(device)
    taken = after - before if after is not None and before is not None else None
    for name, times in stages.items():
        if not times:
            raise CheckError(f"nobody is found in {CAMERA.name}")
        notebook.row(
            f"{name}, one after the other",
            **figures(times),
            allocations=taken if name == "the whole frame" else None,
        )
    if lost:
        notebook.note(f"Nobody was found in {lost} frames.")
    if taken:
        raise CheckError(f"the way of a frame asked for memory {taken} times once warm; 0 is expected")


@dataclass(frozen=True)
class _Painted:
    """began, done: seconds. player: the player in the picture."""

    began: float
    done: float
    player: str


class _Posed(NamedTuple):
    """A frame between the threads. is_new: the first one of a player."""

    began: float
    nets: Nets
    landmarks: NDArray[np.float32]
    is_new: bool


class _Pipeline:
    """The pose thread and the generator's thread, with one frame between them, as in the performer. Every
    frame is painted; none is overtaken."""

    def __init__(self, swap: PlayerSwap, camera: _Camera, out: NDArray[np.uint8], rate: float | None) -> None:
        """rate: of the camera, pictures a second; None: as fast as possible."""
        self.painted: list[_Painted] = []
        self._swap, self._camera, self._out, self._rate = swap, camera, out, rate
        self._between: queue.Queue[_Posed] = queue.Queue(1)
        self._stop = threading.Event()
        self._errors: list[BaseException] = []

    def run(self, until: Iterator[bool]) -> list[_Painted]:
        """until: asked 50 times a second whether to stop. Raises a thread's error."""
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in (self._pose, self._paint)]
        for thread in threads:
            thread.start()
        try:
            while not self._errors and not next(until):
                time.sleep(0.02)
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        if self._errors:
            raise self._errors[0]
        return self.painted

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # raised again in `run`
            self._errors.append(error)
            self._stop.set()

    def _pose(self) -> None:
        last: Nets | None = None
        due = time.perf_counter()
        while not self._stop.is_set():
            if self._rate is not None:
                due = max(due + 1 / self._rate, time.perf_counter() - 1 / self._rate)
                time.sleep(max(0.0, due - time.perf_counter()))
            picture, t_ns = self._camera()
            began, nets = time.perf_counter(), self._swap.current()
            person = nets.tracker(nets.upload(picture), t_ns)
            if person is None:
                continue
            is_new, last = nets is not last, nets
            if is_new:
                nets.retarget.reset()
            landmarks = nets.retarget(person.landmarks, self._camera.size, t_ns)
            self._put(_Posed(began, nets, landmarks, is_new))

    def _put(self, posed: _Posed) -> None:
        while not self._stop.is_set():
            try:
                self._between.put(posed, timeout=0.2)
            except queue.Full:
                continue
            return

    def _paint(self) -> None:
        while not self._stop.is_set():
            try:
                posed = self._between.get(timeout=0.2)
            except queue.Empty:
                continue
            if posed.is_new:
                posed.nets.render.reset()
            posed.nets.render(posed.landmarks, self._out)
            self.painted.append(_Painted(posed.began, time.perf_counter(), posed.nets.name))


def _show(
    notebook: Notebook, name: str, nets: Nets, camera: _Camera, out: NDArray[np.uint8], setting: Setting,
    *, paced: bool = False,
) -> None:  # fmt: skip
    warm_up, count = setting.some(30, 1), setting.some(300, 2)
    pipeline = _Pipeline(PlayerSwap(nets.folder, nets), camera, out, RATE if paced else None)
    painted = pipeline.run(_within(lambda: len(pipeline.painted) >= warm_up + count))[warm_up:]
    found = figures([1000 * (each.done - each.began) for each in painted])
    rate = (len(painted) - 1) / (painted[-1].done - painted[0].done)
    notebook.row(f"the whole frame, {name}", **{**found, "per_second": round(rate, 2)})


def _within(enough: Callable[[], bool]) -> Iterator[bool]:
    """Yields whether it is enough. Raises CheckError once it has taken too long."""
    end = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < end:
        yield enough()
    raise CheckError(f"after {PATIENCE_S} s it is still not done")


def _compare(notebook: Notebook, pack: PlayerPack, nets: Nets, out: NDArray[np.uint8]) -> None:
    on_host, theirs = Renderer(pack, backend="torch"), np.empty_like(out)
    nets.render.reset()
    worst = float("inf")
    for pose in pack.poses[:: max(1, len(pack.poses) // 4)][:4]:
        nets.render(pose, out)
        on_host(pose, theirs)
        worst = min(worst, psnr(out, theirs))
    notebook.row("the picture, against the host's in f32", psnr_db=round(worst, 2))
    if worst < LEAST_DB:
        raise CheckError(
            f"the device's picture is {worst:.1f} dB from the host's; the limit is {LEAST_DB} dB"
        )


def check_swap(setting: Setting, notebook: Notebook) -> None:
    """Asks for the second player while the first one dances, at `RATE` pictures a second."""
    device, case = setting.prepare(), setting.cases["player"]
    with TemporaryDirectory() as folder:
        one, other = (_player(setting, case, Path(folder) / str(which), which) for which in (0, 1))
        nets = NetsLoader(_Wanted(), _Wanted().backend)(one)
        swap = PlayerSwap(one, nets)
        out, camera = _ring(nets, case, device), _Camera(setting, case)
        pipeline = _Pipeline(swap, camera, out, RATE)
        settle, asked = setting.some(120, 2), 0.0

        def progress() -> Iterator[bool]:
            nonlocal asked
            yield from itertools.takewhile(
                lambda enough: not enough, _within(lambda: len(pipeline.painted) >= 2 * settle)
            )
            asked = time.perf_counter()
            swap.request(other)
            yield from _within(
                lambda: (
                    swap.status.state is SwapState.FAILED
                    or sum(each.player != nets.name for each in pipeline.painted) >= settle
                )
            )

        painted = pipeline.run(progress())
        if swap.status.state is SwapState.FAILED:
            raise CheckError(f"the other player cannot be loaded: {swap.status.reason}")
    gaps = [1000 * (later.done - earlier.done) for earlier, later in itertools.pairwise(painted)]
    before = [gap for gap, each in zip(gaps, painted[1:], strict=True) if each.done < asked][settle:]
    after = [gap for gap, each in zip(gaps, painted[1:], strict=True) if each.done >= asked]
    first = next(each.done for each in painted if each.player != nets.name)
    for name, found in (("before", before), ("while the other one is loaded and takes over", after)):
        notebook.row(f"from picture to picture, {name}", **figures(found), longest_ms=round(max(found), 2))
    notebook.row("until the other player dances", seconds=round(first - asked, 2))
    notebook.note(f"{size_text(case.size)}, a camera of {RATE} pictures/s.")
