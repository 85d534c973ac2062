"""Parts: whether each network agrees with eager float32; how fast each is, alone and together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch

from engines.backends.choice import compile_module
from engines.build.networks import POSE_NETS, Export, show_exports
from engines.build.verify import MOST_PX, compiled, parity
from engines.pack.player_pack import PlayerPack
from engines.plans.digest import network_digest
from engines.pose.convert import HEAVY, weights_of
from engines.pose.detector import Detector
from engines.pose.landmarks import LandmarkNet
from engines.runtime.device_engine import DeviceEngine
from engines.runtime.streams import Graphs, Stream
from tools.benchmarking.gpu_check.ceilings import measured
from tools.benchmarking.gpu_check.clock import (
    Launch,
    figures,
    must_not_allocate,
    pace,
    repeat,
    steady,
    together,
)
from tools.benchmarking.gpu_check.record import CheckError, Notebook
from tools.benchmarking.gpu_check.setting import CAMERA, Setting
from tools.benchmarking.measuring.results import Figure
from tools.benchmarking.measuring.roofline import Work, count
from tools.benchmarking.measuring.subjects import Subject, of_pack, of_variant

POSE, PAINT = "f32", "fp16"
"""The precisions of a show on the backend `cuda`."""
QUEUED = 20


def check_parity(setting: Setting, notebook: Notebook) -> None:
    """Each network of the players' shows against eager torch on the CPU, by the limits of `engines.build`."""
    setting.prepare()
    packs = [PlayerPack.load(folder) for folder in setting.players]
    players = packs[: setting.some(len(packs), 1)]
    for export in [*_pose_nets(packs), *(show_exports(pack, "cuda")[-1] for pack in players)]:
        with notebook.attempt(export.label):
            index = 0 if setting.quick else len(export.examples) - 1
            engine = compile_module(
                export.module,
                export.examples[index],
                export.outputs,
                backend="cuda",
                precision=POSE if export.pose is not None else PAINT,
            )
            found = parity(export, index, engine.precision, compiled(engine))
            figure = "off_px" if found.measure == "px" else "psnr_db"
            notebook.row(f"{export.label_of(index)}, {engine.precision}", **{figure: found.value})
            if found.is_failed:
                raise CheckError(f"{found}; the limit is {found.limit} {found.measure}")
    with notebook.attempt("landmarks from a frame on the device"):
        _check_pose(notebook)


def _check_pose(notebook: Notebook) -> None:
    """Checks detector and landmark net with the device's own crop and refinement against the host's."""
    clip = cv2.VideoCapture(str(CAMERA))
    frame = np.asarray(clip.read()[1], np.uint8)
    clip.release()
    seen = [Detector(backend=backend)(frame) for backend in ("torch", "cuda")]
    if not all(seen):
        raise CheckError(f"the detector finds nobody in {CAMERA.name}: {[len(each) for each in seen]} people")
    off = float(np.linalg.norm(seen[0][0].keypoints - seen[1][0].keypoints, axis=1).mean())
    notebook.row("detector, cropped on the device", off_px=round(off, 3))
    here, there = (
        LandmarkNet(backend=backend)(frame, seen[0][0].region).landmarks[:, :2]
        for backend in ("torch", "cuda")
    )
    moved = float(np.linalg.norm(here - there, axis=1).mean())
    notebook.row("landmarks, cropped and refined on the device", off_px=round(moved, 3))
    if max(off, moved) > 2 * MOST_PX:  # OpenCV's crop rounds places to 1/32 of a pixel
        raise CheckError(f"{off:.2f} and {moved:.2f} px off the host's; the limit is {2 * MOST_PX}")


def check_speed(setting: Setting, notebook: Notebook) -> None:
    """Times each network alone, captured, between tensors on the device; then pose and generator together."""
    device = setting.prepare()
    limits, how = measured(setting), pace(setting.quick)
    launches: dict[str, Launch] = {}
    for candidate in _candidates(setting):
        with notebook.attempt(candidate.name):
            launch = launches[candidate.name] = candidate.launch(device)
            found = steady(launch, device, how)
            queued = setting.some(QUEUED, 1)
            batches = repeat(
                partial(launch, queued), how._replace(seconds=how.seconds / 2, least=2, warm_up=1)
            )
            rate = 1000 * queued * len(batches) / sum(batches)
            row: dict[str, Figure] = {**found, "per_second": round(rate, 2)}
            work = candidate.work
            row |= {"gmac": round(work.macs / 1e9, 2), "mbytes": round(work.traffic / 1e6, 1)}
            if candidate.precision in limits:
                least = limits[candidate.precision].least_ms(work)
                row |= {"least_ms": round(least, 4), "ceiling_share": round(least * rate / 10, 1)}
            notebook.row(f"{candidate.name}, {candidate.precision}", **row)
            must_not_allocate(candidate.name, found)
    notebook.note(
        "ms: from the launch until the host knows that it is done. Pictures/s, and the share of the ceiling: "
        f"with {QUEUED} queued at once."
    )
    for painter in (case.label for case in setting.cases.values()):
        with notebook.attempt(f"landmarks beside {painter}"):
            both = {name: launches[name] for name in ("landmarks", painter)}
            for name, times in together(both, how).items():
                beside = next(other for other in both if other != name)
                notebook.row(f"{name}, beside {beside}", **figures(times))


@dataclass(frozen=True)
class _Candidate:
    """A network to time. urgent: on a stream with priority, as for the pose in a show."""

    name: str
    precision: str
    work: Work
    export: Export | None = None
    subject: Subject | None = None
    urgent: bool = False

    def launch(self, device: torch.device) -> Launch:
        """The network, captured. Raises EngineError."""
        if self.export is not None:
            net, inputs, outputs = self.export.module, dict(self.export.examples[0]), self.export.outputs
            inputs = {
                name: torch.randint(0, 256, value.shape, dtype=value.dtype) for name, value in inputs.items()
            }
        else:
            assert self.subject is not None  # noqa: S101  # one of the two is there
            net, inputs, outputs = self.subject.net, self.subject.tensors, self.subject.net.OUTPUTS
        engine = compile_module(net, inputs, outputs, backend="cuda", precision=self.precision)
        assert isinstance(engine, DeviceEngine)  # noqa: S101  # the backend's are
        stream = Stream(device, urgent=self.urgent)
        for name, value in inputs.items():
            engine.input_tensors[name].copy_(value)
        return Launch(stream, Graphs(stream).capture(engine.enqueue), keep=engine)


def _candidates(setting: Setting) -> Iterator[_Candidate]:
    """Pose and generators."""
    pack = PlayerPack.load(setting.players[0])
    for export in _pose_nets([pack]):
        work = count(export.module, list(export.examples[0].values()), 4)
        yield _Candidate(export.label, POSE, work, export=export, urgent=True)
    for case in setting.cases.values():
        subject = of_variant(case.variant, case.size) if case.variant is not None else of_pack(pack)
        yield _Candidate(case.label, PAINT, subject.work("fp16"), subject=subject)


def _pose_nets(packs: list[PlayerPack]) -> list[Export]:
    """The nets of the players' shows, and the heavy landmark net if it is among the weights."""
    found = {
        each.label: each for pack in packs for each in show_exports(pack, "cuda") if each.pose is not None
    }
    if weights_of(HEAVY).is_file():
        net = POSE_NETS["landmarks"]._replace(net=HEAVY)
        module = net.module()
        found["landmarks, heavy"] = Export(
            "landmarks, heavy", module, (net.example(),), net.outputs, network_digest(module), pose=net
        )
    return list(found.values())
