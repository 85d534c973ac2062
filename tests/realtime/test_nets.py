"""The networks that a show loads, by the player's pack."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime.background_settings import Colour
from realtime.nets import load_nets
from realtime.show import Show
from tests.packs import write_nano_pack


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
