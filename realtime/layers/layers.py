"""Layers over the programme: logos, loops and lines of text, each faded in and out by the operator's order.

They are laid over the picture that goes out, after the delay: the player's own layer, the clean feed and the
preview are without them.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from realtime.config.layers import AnyLayer, PictureLayer, TextLayer, VideoLayer, fields_of
from realtime.layers.alpha_video import AlphaVideo
from realtime.layers.lettering import FontError, lettered, load_font
from realtime.layers.patch import Box, Patch, anchored, trimmed
from realtime.pictures.alpha import Layer as AlphaPicture
from realtime.pictures.opening import VideoError
from realtime.pictures.picture import Picture
from realtime.pictures.video_loop import Loop
from realtime.transport.orders import Orders


class LayerError(ValueError):
    """A layer that cannot be shown; the text names it."""


class Layers:
    """For the programme clock's thread. Call `tick` and then `over` at every tick.

    While no layer is seen, pictures go through untouched.
    """

    def __init__(
        self,
        settings: Sequence[AnyLayer],
        size: tuple[int, int],
        fps: float,
        players: Sequence[str],
        sponsor: str,
        tell: Callable[[str], None],
        *,
        shown: Mapping[str, bool] = MappingProxyType({}),
        keyed: bool = False,
    ) -> None:
        """settings: from the lowest to the topmost. size: (width, height) of the programme. players: their
        names, in the order of `Show.everyone`. tell: is given a line where a layer fails on air. shown:
        which are on at first, by name; else as the settings say. keyed: outputs carry the player's alpha.
        Raises LayerError."""
        self._players, self._sponsor = players, sponsor
        self._faded = [
            _Faded(_opened(each, size, tell), each, fps, on=shown.get(each.name, each.on))
            for each in settings
        ]
        self._out = np.empty((size[1], size[0], 3), np.uint8) if settings else None
        self._opaque = np.empty((size[1], size[0], 4), np.uint8) if settings and keyed else None

    def tick(self, orders: Orders, player: int, period_ns: int) -> None:
        """player: who dances, by place in `Show.everyone`."""
        if not self._faded:
            return
        name = self._players[player] if player < len(self._players) else self._players[0]
        fields = {"player": name, "fan": orders.fan_name, "sponsor": self._sponsor}
        for faded in self._faded:
            faded.tick(orders.layers, fields, period_ns)

    def over(
        self, below: Picture, layer: AlphaPicture | None, *, slated: bool
    ) -> tuple[Picture, AlphaPicture | None]:
        """A picture with all layers that are seen over it, and the player's own layer, without them; both
        valid until the next call.

        below: (H, W, 3), left as it is. layer: the player's, for outputs with a key; where it is None, the
        picture is opaque, and they get a copy of it. slated: it is the slate.
        """
        picture: Picture | None = None
        for faded in self._faded:
            patch = faded.patch(slated=slated)
            if patch is None or self._out is None:
                continue
            if picture is None:
                picture = self._out
                np.copyto(picture, below)
            patch.over(picture, faded.share)
        if picture is None:
            return below, layer
        if layer is None and self._opaque is not None:
            cv2.cvtColor(below, cv2.COLOR_BGR2BGRA, dst=self._opaque)
            return picture, self._opaque
        return picture, layer

    def close(self) -> None:
        for faded in self._faded:
            faded.content.close()


class _Content(ABC):
    """What a layer shows."""

    def want(self, fields: Mapping[str, str]) -> None:  # noqa: B027  # most have no text
        """What the texts' fields stand for, at every tick."""

    @abstractmethod
    def patch(self, at_ns: int) -> Patch | None:
        """What is laid over, at a time that ascends; None where there is nothing."""

    def close(self) -> None:  # noqa: B027  # most hold nothing
        """Frees what it holds."""


class _Faded:
    """A layer with how much of it is seen. share: 0 to 1."""

    def __init__(self, content: _Content, settings: AnyLayer, fps: float, *, on: bool) -> None:
        self.content, self._settings = content, settings
        self._step = 1.0 if settings.fade_s == 0 else min(1.0, 1 / (settings.fade_s * fps))
        self._at_ns = 0
        self.share = float(on or settings.locked)

    def tick(self, shown: Mapping[str, bool], fields: Mapping[str, str], period_ns: int) -> None:
        on = self._settings.locked or shown.get(self._settings.name, False)
        self.share = min(1.0, self.share + self._step) if on else max(0.0, self.share - self._step)
        self.content.want(fields)
        self._at_ns += period_ns

    def patch(self, *, slated: bool) -> Patch | None:
        if not self.share or (slated and not self._settings.over_slate):
            return None
        return self.content.patch(self._at_ns)


class _Still(_Content):
    def __init__(self, settings: PictureLayer, size: tuple[int, int]) -> None:
        layer, box = trimmed(*_placed(_read(settings), settings, size))
        self._patch = Patch(box, size)
        if box[2]:
            self._patch.fill(layer)

    def patch(self, at_ns: int) -> Patch | None:
        return self._patch


class _Video(_Content):
    def __init__(self, settings: VideoLayer, size: tuple[int, int], tell: Callable[[str], None]) -> None:
        self._name, self._tell = settings.name, tell
        try:
            source = AlphaVideo(settings.file)
            source.grab()
            _, box = _placed(source.picture(), settings, size)
            self._loop: Loop[Patch] | None = Loop(
                source, (Patch(box, size), Patch(box, size)), lambda layer, patch: patch.fill(layer)
            )
        except VideoError as error:
            raise LayerError(f"layer {settings.name}: {error}") from error

    def patch(self, at_ns: int) -> Patch | None:
        if self._loop is not None and self._loop.error is not None:
            self._tell(f"layer {self._name}: {self._loop.error}")
            self.close()
        return None if self._loop is None else self._loop.picture(at_ns)

    def close(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close()


class _Text(_Content):
    """Drawn anew in a thread where what it says has changed."""

    def __init__(self, settings: TextLayer, size: tuple[int, int], tell: Callable[[str], None]) -> None:
        self._settings, self._size, self._tell = settings, size, tell
        self._fields = fields_of(settings.text)
        self._text: str | None = None
        self._patch: Patch | None = None
        self._drawer: threading.Thread | None = None
        try:
            load_font(settings.font, 20)
        except FontError as error:
            raise LayerError(f"layer {settings.name}: {error}") from error
        if not self._fields:
            self._text = settings.text.format()
            self._draw(self._text)

    def want(self, fields: Mapping[str, str]) -> None:
        if not self._fields or (self._drawer is not None and self._drawer.is_alive()):
            return
        text = self._settings.text.format(**fields) if all(fields[each] for each in self._fields) else ""
        if text != self._text:
            self._text = text
            self._drawer = threading.Thread(target=self._draw, args=(text,), name="lettering", daemon=True)
            self._drawer.start()

    def patch(self, at_ns: int) -> Patch | None:
        return self._patch

    def close(self) -> None:
        if self._drawer is not None:
            self._drawer.join()

    def _draw(self, text: str) -> None:
        if not text:
            self._patch = None
            return
        settings, (width, height) = self._settings, self._size
        try:
            colours, alpha = lettered(
                text,
                settings.font,
                round(settings.size * height),
                round(settings.width * width),
                settings.colour,
                settings.box,
            )
        except (FontError, OSError, ValueError) as error:
            self._tell(f"layer {settings.name}: {error}")
            self._patch = None
            return
        wide, high = alpha.shape[::-1]
        patch = Patch(
            anchored((settings.x, settings.y), settings.anchor, (wide, high), self._size), self._size
        )
        patch.fill_parts(colours, alpha)
        self._patch = patch


def _opened(settings: AnyLayer, size: tuple[int, int], tell: Callable[[str], None]) -> _Content:
    if isinstance(settings, PictureLayer):
        return _Still(settings, size)
    if isinstance(settings, VideoLayer):
        return _Video(settings, size, tell)
    return _Text(settings, size, tell)


def _placed(
    layer: AlphaPicture, settings: PictureLayer | VideoLayer, size: tuple[int, int]
) -> tuple[AlphaPicture, Box]:
    """The layer, and where it lies: as wide as the settings say, undistorted."""
    wide = max(1, round(settings.width * size[0]))
    high = max(1, round(layer.shape[0] * wide / layer.shape[1]))
    return layer, anchored((settings.x, settings.y), settings.anchor, (wide, high), size)


def _read(settings: PictureLayer) -> AlphaPicture:
    path: Path = settings.file
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise LayerError(f"layer {settings.name}: {path} is not a picture that can be read")
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    if picture.dtype != np.uint8:
        raise LayerError(f"layer {settings.name}: {path} has no 8 or 16 bits a colour: save it as a PNG")
    if picture.ndim == 2:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGRA), np.uint8)
    if picture.shape[2] == 3:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA), np.uint8)
    return np.asarray(picture, np.uint8)


def check_layers(settings: Sequence[AnyLayer]) -> None:
    """What can be known before a show. Raises LayerError."""
    for layer in settings:
        content = _opened(layer, (64, 64), lambda _: None)
        content.close()
