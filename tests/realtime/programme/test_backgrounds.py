from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.config.backgrounds import Colour, LiveCamera, Loop, Still
from realtime.config.show import ShowError, check_show, load_show
from realtime.pictures.picture import backdrop
from realtime.programme.backgrounds import Backdrop, BackgroundError, Backgrounds, check_backgrounds
from tests.realtime.fakes import SIZE, write_clip

S = 1_000_000_000


class Camera:
    shown: Backdrop | None = None

    def backdrop(self) -> Backdrop | None:
        return self.shown


def picture(path: Path, grey: int, size: tuple[int, int] = SIZE) -> Path:
    cv2.imwrite(str(path), np.full((size[1], size[0], 3), grey, np.uint8))
    return path


def test_each_kind_fills_the_programme(tmp_path: Path) -> None:
    settings = [
        Colour(kind="colour", name="green", colour="#00b140"),
        Still(kind="picture", name="hall", file=picture(tmp_path / "hall.png", 50, (30, 80))),
        Loop(kind="video", name="loop", file=write_clip(tmp_path / "loop.mp4", size=(64, 96))),
        LiveCamera(kind="camera", name="camera"),
    ]
    camera = Camera()
    subject = Backgrounds(settings, [picture(tmp_path / "plate.png", 33)], SIZE, camera)
    try:
        assert (subject.show("green", 0).picture == (0x40, 0xB1, 0)).all()
        assert (subject.show("hall", 0).picture == 50).all()
        first = subject.show("loop", 0)
        assert np.abs(first.picture.astype(int) - 40).max() <= 6 and not first.still
        assert (subject.show("plate", 0).picture == 33).all()
        assert (subject.show("camera", 0).picture == 33).all(), "while it has no picture"
        camera.shown = Backdrop(np.full((SIZE[1], SIZE[0], 3), 99, np.uint8), 5)
        assert subject.show("camera", 0) is camera.shown
        for name in ("green", "hall", "plate"):
            assert subject.show(name, S).still and subject.show(name, S).picture.shape == (
                SIZE[1],
                SIZE[0],
                3,
            )
    finally:
        subject.close()


def test_each_player_has_a_plate_of_his_own(tmp_path: Path) -> None:
    plates = [picture(tmp_path / f"{grey}.png", grey) for grey in (33, 66)]
    camera = LiveCamera(kind="camera", name="camera")
    subject = Backgrounds([camera], plates, SIZE, Camera())
    for player, grey in ((0, 33), (1, 66), (2, 33)):
        for name in ("plate", "camera"):
            assert (subject.show(name, 0, player).picture == grey).all()


def test_without_a_plate_it_is_the_slates_colours() -> None:
    subject = Backgrounds([], [], SIZE, Camera())
    assert (subject.show("", 0).picture == backdrop(*SIZE)).all()


@pytest.mark.parametrize("kind", ["picture", "video"])
def test_a_file_that_is_not_there_is_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "none.png"
    background = (Still if kind == "picture" else Loop)(kind=kind, name="hall", file=path)  # type: ignore[arg-type]
    with pytest.raises(BackgroundError, match=r"none\.png"):
        check_backgrounds([background])  # type: ignore[list-item]
    with pytest.raises(BackgroundError, match=r"none\.png"):
        Backgrounds([background], [], SIZE, Camera())  # type: ignore[list-item]


def test_the_show_file_names_them(tmp_path: Path) -> None:
    (tmp_path / "show.toml").write_text(
        "background = 'hall'\n"
        "[[backgrounds]]\nkind = 'picture'\nname = 'hall'\nfile = 'hall.png'\n"
        "[[backgrounds]]\nkind = 'camera'\nname = 'camera'\n",
        encoding="utf-8",
    )
    show = load_show(tmp_path / "show.toml")
    assert show.backgrounds[0] == Still(kind="picture", name="hall", file=tmp_path / "hall.png")
    assert show.layered and not show.keyed


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"background": "hall"}, r"background: there is no .*: plate, green \(given: 'hall'\)"),
        ({"backgrounds": [{"kind": "colour", "name": "green", "colour": "green"}]}, "colour"),
        (
            {"backgrounds": [{"kind": "colour", "name": "plate", "colour": "#000000"}]},
            r"backgrounds\.0\.colour\.name: .*the player's own.*'plate'",
        ),
        ({"backgrounds": [{"kind": "camera", "name": "green"}] * 2}, "two backgrounds are named 'green'"),
        ({"backgrounds": [{"kind": "camera", "name": "a", "file": "x"}]}, "unknown key"),
        ({"link": {"performer": "a", "playout": "b", "ports": 1}}, "known keys here: performer, playout"),
    ],
)
def test_what_is_wrong_is_said_by_name(data: dict[str, object], words: str) -> None:
    green = [{"kind": "colour", "name": "green", "colour": "#00b140"}]
    with pytest.raises(ShowError, match=words) as raised:
        check_show({"backgrounds": green, **data}, "show file")
    assert "\n" not in str(raised.value)
