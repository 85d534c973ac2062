"""The networks that a show loads, by the player's pack."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.device_renderer import DeviceRenderer
from engines.player_pack import PlayerPack
from engines.pose.device_frame import DeviceFrame
from realtime.background_settings import Colour
from realtime.nets import load_nets
from realtime.show import Show
from tests.engines.capturable import count_captures
from tests.engines.cuda_on_cpu import run_cuda_on_cpu
from tests.packs import write_nano_pack

FAN = Path(__file__).resolve().parents[2] / "assets/fan_dance.mp4"


class Loaded:
    """Stands for a network that is expensive to load."""

    def __init__(self, *arguments: object, **options: object) -> None:
        pass


def test_a_show_with_backgrounds_has_a_player_with_alpha(
    pack_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Layers(Loaded):
        pass

    monkeypatch.setattr("engines.pose.tracker.PoseTracker", Loaded)
    monkeypatch.setattr("engines.renderer.Renderer", Loaded)
    monkeypatch.setattr("engines.layers.LayerRenderer", Layers)
    green = Colour(kind="colour", name="green", colour="#00b140")
    assert isinstance(load_nets(Show(player=pack_folder, backgrounds=(green,))).render, Layers)
    assert not isinstance(load_nets(Show(player=pack_folder)).render, Layers)


def test_hands_and_face_are_loaded_for_players_with_them_alone(
    pack_folder: Path, dataset_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("engines.pose.tracker.PoseTracker", "engines.renderer.Renderer"):
        monkeypatch.setattr(name, Loaded)
    assert load_nets(Show(player=pack_folder)).extras is None
    monkeypatch.setattr("engines.pose.extras.Extras", Loaded)
    with_hands = write_nano_pack(tmp_path / "hands", dataset_folder, extras=True)
    extras = load_nets(Show(player=with_hands)).extras
    assert extras is not None and isinstance(extras.find, Loaded)


def test_a_frame_goes_the_whole_way_on_the_device(pack_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_cuda_on_cpu(monkeypatch)
    captured = count_captures(monkeypatch)
    nets = load_nets(Show(player=pack_folder, backend="cuda"))
    assert isinstance(nets.render, DeviceRenderer) and nets.tracker.backend == "cuda"
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
        points = nets.retarget(person.landmarks, (frame.shape[1], frame.shape[0]), t_ns)
        nets.render(points, out)
        pictures.append(out.copy())
    clip.release()
    plate = PlayerPack.load(pack_folder).plate
    assert all((picture != plate).any(axis=2).mean() > 0.05 for picture in pictures)
    assert (pictures[0] != pictures[2]).any()
    assert len(captured) == before, "nothing is captured once frames come"
