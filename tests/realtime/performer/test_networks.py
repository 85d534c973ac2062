"""The networks that a show loads, by the player's pack."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engines.pack.player_pack import PackError, PlayerPack
from engines.pose.device_frame import DeviceFrame
from engines.rendering.device_renderer import DeviceRenderer
from engines.rendering.renderer import Renderer
from engines.runtime.engine import EngineError
from realtime.config.backgrounds import Colour
from realtime.config.duet import Duet
from realtime.config.show import BUNDLED_PLAYER, Show
from realtime.performer.networks import load_nets
from tests.engines.capturable import count_captures
from tests.engines.cuda_on_cpu import run_cuda_on_cpu
from tests.packs import SIZE

CUDA_FAILS: dict[str, tuple[str, object, str]] = {
    "compiled": (
        "engines.backends.cuda.place",
        lambda *_: (_ for _ in ()).throw(
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        ),
        "does not fit into the GPU's memory",
    ),
    "brought to the GPU": (
        "engines.rendering.device_renderer.TorchDoll",
        lambda *_: (_ for _ in ()).throw(
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        ),
        "OutOfMemoryError: CUDA out of memory",
    ),
    "captured": (
        "engines.runtime.streams.Graphs.capture",
        lambda *_: (_ for _ in ()).throw(RuntimeError("operation not permitted\nwhen stream is capturing")),
        "RuntimeError: operation not permitted when stream is capturing",
    ),
    "verified": (
        "engines.rendering.device_renderer.TorchDoll.forward",
        lambda _, landmarks, frames, size, *__: torch.full((1, 4, *size), torch.nan),
        "paints Number 7 wrongly",
    ),
}
"""At which moment the backend cuda fails: what is replaced by what, and a part of the reason."""
FAN = Path(__file__).resolve().parents[3] / "assets/fan_dance.mp4"


class Loaded:
    """Stands for a network that is expensive to load."""

    engines = ()

    def __init__(self, *arguments: object, **options: object) -> None:
        pass


def test_a_show_with_backgrounds_has_a_player_with_alpha(
    pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Layers(Loaded):
        pass

    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker", Loaded)
    monkeypatch.setattr("engines.rendering.renderer.Renderer", Loaded)
    monkeypatch.setattr("engines.rendering.renderer.LayerRenderer", Layers)
    green = Colour(kind="colour", name="green", colour="#00b140")
    assert isinstance(load_nets(Show(player=pack_folder, backgrounds=(green,))).render, Layers)
    assert not isinstance(load_nets(Show(player=pack_folder)).render, Layers)


class Lit:
    """Stands for a plate with a shadow."""

    def lit_as(self, other: Lit) -> None:
        assert other is not self, "the second player's shadow follows the first one's"


class Painter(Loaded):
    size = SIZE
    likeness = 1.0

    def __init__(self, *arguments: object, **options: object) -> None:
        self.floor = Lit()


class Finder(Loaded):
    def companion(self) -> Finder:
        return Finder()


def test_a_duets_second_player_is_loaded_once_and_stays(
    pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker", Finder)
    monkeypatch.setattr("engines.rendering.renderer.Renderer", Painter)
    nets = load_nets(Show(player=pack_folder, duet=Duet(player=pack_folder), backend="torch"))
    other = nets.load_player(pack_folder)
    assert nets.second is not None and other.second is not None
    assert nets.trackers == other.trackers and nets.trackers[0] is not nets.trackers[1]
    assert nets.second.retarget is other.second.retarget and nets.retarget is not other.retarget
    assert other.second.paint.likeness == (1.0, 1.0)
    assert load_nets(Show(player=pack_folder, backend="torch")).second is None


def test_a_second_player_of_another_size_is_refused(
    pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker", Finder)
    monkeypatch.setattr("engines.rendering.renderer.Renderer", Painter)
    with pytest.raises(PackError, match=rf"{BUNDLED_PLAYER} is 1280x720, but {pack_folder} is 128x128"):
        load_nets(Show(player=pack_folder, duet=Duet(player=BUNDLED_PLAYER), backend="torch"))


def test_a_duet_leaves_the_gpu_to_others(pack_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.backends.choice.missing", lambda backend: None)
    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker", Finder)
    monkeypatch.setattr("engines.rendering.renderer.Renderer", Painter)
    duet = Duet(player=pack_folder)
    nets = load_nets(Show(player=pack_folder, duet=duet))
    assert nets.left == ("the backend cuda does not work here (a duet is painted on the CPU)",)
    with pytest.raises(EngineError, match=r"^a duet is painted on the CPU$"):
        load_nets(Show(player=pack_folder, duet=duet, backend="cuda"))


def test_a_frame_goes_the_whole_way_on_the_device(pack_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_cuda_on_cpu(monkeypatch)
    captured = count_captures(monkeypatch)
    nets = load_nets(Show(player=pack_folder, backend="cuda"))
    assert isinstance(nets.render, DeviceRenderer) and nets.tracker.backend == "cuda"
    assert nets.heavy == (), "no player stays loaded"
    before = len(captured)
    clip = cv2.VideoCapture(str(FAN))
    out = np.zeros((128, 128, 3), np.uint8)
    pictures = []
    for index in range(3):
        picture = np.asarray(clip.read()[1], np.uint8)
        t_ns = index * 33_333_333
        frame = nets.upload(picture)
        assert isinstance(frame, DeviceFrame) and frame.shape == picture.shape
        person = nets.tracker(frame, t_ns)
        assert person is not None
        landmarks = nets.retarget(person.landmarks, (frame.shape[1], frame.shape[0]), t_ns)
        nets.render(landmarks, out)
        pictures.append(out.copy())
    clip.release()
    plate = PlayerPack.load(pack_folder).plate
    assert all((picture != plate).any(axis=2).mean() > 0.05 for picture in pictures)
    assert (pictures[0] != pictures[2]).any()
    assert len(captured) == before, "nothing is captured once frames come"


@pytest.mark.parametrize("moment", CUDA_FAILS)
def test_a_backend_that_fails_is_left_for_the_next_one_with_its_reason(
    moment: str, pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cuda_on_cpu(monkeypatch)
    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker.warm_up", lambda *_: None)
    target, replacement, reason = CUDA_FAILS[moment]
    monkeypatch.setattr(target, replacement)
    nets = load_nets(Show(player=pack_folder, backend="auto"))
    assert type(nets.render) is Renderer and nets.render.backend.startswith("openvino")
    assert (
        nets.tracker.backend == "openvino"
        and nets.load_player(pack_folder).render.backend == nets.render.backend
    )
    (line,) = nets.left
    assert line.startswith("the backend cuda does not work here (") and reason in line
    assert line.count("does not work here") == 1 and "\n" not in line


@pytest.mark.parametrize("moment", CUDA_FAILS)
def test_a_backend_that_was_named_is_refused_with_its_reason(
    moment: str, pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cuda_on_cpu(monkeypatch)
    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker.warm_up", lambda *_: None)
    target, replacement, reason = CUDA_FAILS[moment]
    monkeypatch.setattr(target, replacement)
    with pytest.raises(EngineError, match=reason):
        load_nets(Show(player=pack_folder, backend="cuda"))


def test_where_no_backend_works_every_reason_is_told(
    pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **options: object) -> None:
        raise RuntimeError(f"no luck with {options['backend']}")

    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker", broken)
    with pytest.raises(EngineError, match=r"no luck with openvino.*no luck with torch"):
        load_nets(Show(player=pack_folder, backend="auto"))


def test_a_pack_that_is_not_whole_is_not_the_backends_fault(
    tmp_path: Path, pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker", Loaded)
    broken = shutil.copytree(pack_folder, tmp_path / "broken")
    (broken / "plate.png").write_bytes(b"nothing")
    with pytest.raises(PackError, match="plate"):
        load_nets(Show(player=broken, backend="auto"))


def test_a_player_for_whom_the_backend_does_not_work_is_refused_by_the_show(
    pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cuda_on_cpu(monkeypatch)
    monkeypatch.setattr("engines.pose.tracking.tracker.PoseTracker.warm_up", lambda *_: None)
    nets = load_nets(Show(player=pack_folder, backend="auto"))
    assert nets.render.backend == "cuda fp16" and not nets.left
    _, replacement, _ = CUDA_FAILS["captured"]
    monkeypatch.setattr("engines.runtime.streams.Graphs.capture", replacement)
    with pytest.raises(EngineError, match="operation not permitted"):
        nets.load_player(pack_folder)
