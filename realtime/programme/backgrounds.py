"""What is behind the player: the player's plate, a colour, a picture, a video loop, or the live camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from realtime.config.backgrounds import Background, Colour, Loop, Still
from realtime.pictures.opening import VideoError
from realtime.pictures.picture import Fit, Picture, backdrop, fill, place
from realtime.pictures.video_loop import VideoLoop


class BackgroundError(ValueError):
    """A background that cannot be shown; the text names its file."""


class Backdrop(NamedTuple):
    """A picture to put a player before. captured_ns: when a camera took it; None where none did. still: it
    never changes."""

    picture: Picture
    captured_ns: int | None = None
    still: bool = False


class CameraPicture(Protocol):
    """Where the live camera's newest picture comes from; None while there is none."""

    def backdrop(self) -> Backdrop | None: ...


class Backgrounds:
    """A show's backgrounds by name; any other name is the player's plate. Pictures have the programme's
    size."""

    def __init__(
        self,
        settings: Sequence[Background],
        plates: Sequence[Path],
        size: tuple[int, int],
        camera: CameraPicture,
        *,
        fit: Fit = place,
    ) -> None:
        """plates: a picture for each player, put into `size` (width, height) by `fit`; without any, the
        slate's colours. Raises BackgroundError."""
        self._plates = [backdrop(*size) for _ in plates or (None,)]
        for path, plate in zip(plates, self._plates, strict=False):
            fit(_read(path), plate)
        self._camera = camera
        self._still: dict[str, Picture] = {}
        self._loops: dict[str, VideoLoop] = {}
        self._cameras: set[str] = set()
        for background in settings:
            if isinstance(background, Colour):
                self._still[background.name] = np.full((size[1], size[0], 3), background.bgr, np.uint8)
            elif isinstance(background, Still):
                still = self._still[background.name] = np.empty((size[1], size[0], 3), np.uint8)
                fill(_read(background.file), still)
            elif isinstance(background, Loop):
                try:
                    self._loops[background.name] = VideoLoop(background.file, size, fit=fill)
                except VideoError as error:
                    raise BackgroundError(f"background {background.name}: {error}") from error
            else:
                self._cameras.add(background.name)

    def show(self, name: str, at_ns: int, player: int = 0) -> Backdrop:
        """The picture at a time that ascends, valid until the next call of the same name.

        A name that is not there, a camera without a picture and a loop that has failed show the plate of the
        player at this place, or the first one's where there is none.
        """
        plate = Backdrop(self._plates[player if player < len(self._plates) else 0], still=True)
        if name in self._still:
            return Backdrop(self._still[name], still=True)
        loop = self._loops.get(name)
        if loop is not None and loop.error is None:
            return Backdrop(loop.picture(at_ns))
        if name in self._cameras:
            return self._camera.backdrop() or plate
        return plate

    def close(self) -> None:
        for loop in self._loops.values():
            loop.close()


def check_backgrounds(settings: Sequence[Background]) -> None:
    """What can be known before a show. Raises BackgroundError."""
    for background in settings:
        if isinstance(background, Still):
            _read(background.file)
        elif isinstance(background, Loop) and not background.file.is_file():
            raise BackgroundError(f"background {background.name}: {background.file}: no such file")


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise BackgroundError(f"background {path}: it is not a picture that can be read")
    return np.asarray(picture, np.uint8)
