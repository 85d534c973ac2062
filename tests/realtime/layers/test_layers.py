"""Layers over the programme: faded, kept off the slate, never blended into what is shared."""

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.config.layers import AnyLayer, PictureLayer, TextLayer, VideoLayer, ai_mark
from realtime.layers.layers import LayerError, Layers, check_layers
from realtime.programme.mixer import Shot
from realtime.transport.orders import Orders
from tests.realtime.layers.test_alpha_video import make
from tests.realtime.outputs.feeding import wait_until

SIZE, FPS, PERIOD_NS = (160, 90), 10.0, 100_000_000
GREY = 100


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    """A green square with a transparent margin of half its side."""
    picture = np.zeros((80, 80, 4), np.uint8)
    picture[20:60, 20:60] = (0, 200, 0, 255)
    cv2.imwrite(str(tmp_path / "logo.png"), picture)
    return tmp_path / "logo.png"


def shot(*, layer: bool = False) -> Shot:
    picture = np.full((SIZE[1], SIZE[0], 3), GREY, np.uint8)
    return Shot(picture, np.zeros((SIZE[1], SIZE[0], 4), np.uint8) if layer else None)


class Air:
    def __init__(self, *settings: AnyLayer, keyed: bool = False, period_ns: int = PERIOD_NS) -> None:
        """period_ns: from one tick to the next."""
        self.period_ns = period_ns
        self.told: list[str] = []
        self.layers = Layers(
            settings, SIZE, FPS, ("Number 23", "Jones"), "ACME", self.told.append, keyed=keyed
        )
        self.orders = Orders(layers={each.name: each.on for each in settings if not each.locked})

    def tick(self, *, player: int = 0, slated: bool = False, shot: Shot | None = None) -> np.ndarray:
        self.layers.tick(self.orders, player, self.period_ns)
        self.below = shot or globals()["shot"]()
        before = self.below.picture.copy()
        picture, self.layer = self.layers.over(self.below.picture, self.below.layer, slated=slated)
        np.testing.assert_array_equal(self.below.picture, before, "what is mixed stays as it is")
        return picture

    def switch(self, **layers: bool) -> None:
        self.orders = Orders(layers={**self.orders.layers, **layers}, fan_name=self.orders.fan_name)

    def name(self, fan: str) -> None:
        self.orders = Orders(layers=self.orders.layers, fan_name=fan)


@pytest.fixture
def airs() -> Iterator[list[Air]]:
    airs: list[Air] = []
    yield airs
    for air in airs:
        air.layers.close()


def logo_layer(file: Path, **changes: object) -> PictureLayer:
    look = {"x": 0.0, "y": 0.0, "anchor": "top left", "width": 0.5, "fade_s": 0.4, **changes}
    return PictureLayer(kind="picture", name="logo", file=file, **look)


def test_while_none_is_seen_the_picture_itself_goes_out(logo: Path) -> None:
    air = Air(logo_layer(logo))
    assert air.tick() is air.below.picture
    assert Air().tick() is not None


def test_a_layer_fades_in_and_out(logo: Path) -> None:
    air = Air(logo_layer(logo))
    air.tick()
    air.switch(logo=True)
    greens = [int(air.tick()[40, 40, 1]) for _ in range(6)]
    np.testing.assert_allclose(greens, [125, 150, 175, 200, 200, 200], atol=2)
    assert air.tick()[2, 2].tolist() == [GREY] * 3, "its margin is transparent"
    assert air.tick()[40, 100].tolist() == [GREY] * 3
    air.switch(logo=False)
    greens = [int(air.tick()[40, 40, 1]) for _ in range(4)]
    np.testing.assert_allclose(greens, [175, 150, 125, GREY], atol=2)
    assert air.tick() is air.below.picture


def test_a_picture_that_stands_still_is_not_blended_into_twice(logo: Path) -> None:
    half = np.zeros((40, 40, 4), np.uint8)
    half[:] = (0, 200, 0, 128)
    cv2.imwrite(str(logo), half)
    air, still = Air(logo_layer(logo, on=True)), shot()
    assert [int(air.tick(shot=still)[5, 5, 1]) for _ in range(5)] == [150] * 5


def test_the_slate_is_covered_by_nothing_but_what_may(logo: Path) -> None:
    air = Air(logo_layer(logo, on=True))
    assert air.tick(slated=True) is air.below.picture
    assert air.tick()[40, 40, 1] == 200, "it is back when the slate has gone"
    over = Air(logo_layer(logo, on=True, over_slate=True))
    assert over.tick(slated=True)[40, 40, 1] == 200


def test_the_players_layer_stays_clean(logo: Path) -> None:
    air = Air(logo_layer(logo, on=True), keyed=True)
    alone = shot(layer=True)
    air.tick(shot=alone)
    assert air.layer is alone.layer
    air.tick()
    assert air.layer is not None, "an opaque shot goes to the key without the logo"
    assert (air.layer == (GREY, GREY, GREY, 255)).all()
    air.switch(logo=False)
    for _ in range(5):
        air.tick()
    assert air.layer is None


def seen(air: Air, **how: int) -> bool:
    return bool((air.tick(**how) != GREY).any())


def test_a_text_is_drawn_when_what_it_says_changes(airs: list[Air], monkeypatch: pytest.MonkeyPatch) -> None:
    from realtime.layers import layers

    drawn: list[tuple[str, str]] = []
    real = layers.lettered

    def spy(text: str, *rest: object) -> object:
        drawn.append((text, threading.current_thread().name))
        return real(text, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(layers, "lettered", spy)
    air = Air(
        TextLayer(
            kind="text", name="line", text="{fan} is {player} for {sponsor}", width=0.9, size=0.1, on=True
        )
    )
    airs.append(air)
    for _ in range(3):
        assert not seen(air), "nobody has a name yet"
    air.name("Zoë")
    wait_until(lambda: seen(air), "the line is seen")
    first = air.tick().copy()
    for _ in range(5):
        np.testing.assert_array_equal(air.tick(), first)
    wait_until(lambda: bool((air.tick(player=1) != first).any()), "the player's name changes")
    assert drawn == [
        ("Zoë is Number 23 for ACME", "lettering"),
        ("Zoë is Jones for ACME", "lettering"),
    ]
    air.name("")
    wait_until(lambda: not seen(air, player=1), "without a name there is nothing")


def test_a_locked_layer_is_on_whatever_is_ordered(airs: list[Air]) -> None:
    air = Air(ai_mark())
    airs.append(air)
    air.orders = Orders(layers={"ai-mark": False})
    mark = air.tick()
    changed = (mark != GREY).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert rows.min() > 0.8 * SIZE[1], "at the bottom"
    assert columns.min() > 0.6 * SIZE[0], "on the right"
    assert mark.max() > 200, "with light letters"
    assert not (air.tick(slated=True) != GREY).any()


def test_a_video_goes_on_while_it_is_seen(airs: list[Air], tmp_path: Path) -> None:
    make(tmp_path / "loop.mov", "png", "rgba")
    video = VideoLayer(
        kind="video", name="loop", file=tmp_path / "loop.mov", x=0, y=0, width=1, anchor="top left"
    )
    air = Air(video, period_ns=30_000_000)  # shorter than the video's 40 ms, so that no frame is left out
    airs.append(air)
    assert air.tick() is air.below.picture
    air.switch(loop=True)
    for _ in range(20):  # it fades in
        air.tick()
    places: set[int] = set()

    def moved() -> bool:
        places.add(int(np.argmax(air.tick()[40, :, 2])))
        return len(places) == 5

    wait_until(moved, "all five frames are seen")
    assert not air.told


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "picture", "file": "missing.png"}, "layer x: missing.png is not a picture"),
        ({"kind": "video", "file": "missing.mov"}, "layer x: missing.mov: no such file"),
        ({"kind": "text", "text": "a", "font": "missing.ttf"}, "layer x: missing.ttf: it is no font"),
    ],
)
def test_what_cannot_be_shown_is_told_before_the_show(settings: dict[str, str], words: str) -> None:
    kinds = {"picture": PictureLayer, "video": VideoLayer, "text": TextLayer}
    with pytest.raises(LayerError, match=words):
        check_layers([kinds[settings["kind"]](name="x", **settings)])
