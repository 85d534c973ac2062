"""What the venue file says of the camera that is on: the floor, the mark, the lens. The pose thread asks."""

from __future__ import annotations

from typing import NamedTuple

from calibration.lens import Lens
from engines.pose.tracking.floor import Floor
from realtime.config.show import Show


class View(NamedTuple):
    """floor, lens: None where the venue does not know them. mark: shares of the picture."""

    floor: Floor | None
    mark: tuple[float, float]
    lens: Lens | None


class StageView:
    """For one show."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._at_start = show.mark
        self._camera: str | None = None
        self._view = View(None, self._at_start, None)
        self._told: set[str] = set()

    def of(self, camera: str, ordered: tuple[float, float]) -> View:
        """What is known of a camera, by the show's word for it. ordered: the operator's mark, which counts if
        it is another than at the show's start."""
        if camera != self._camera:
            self._camera = camera
            self._view = self._look_up(camera)
        return self._view if ordered == self._at_start else self._view._replace(mark=ordered)

    def misfit(self, size: tuple[int, int]) -> str | None:
        """What the operator should hear, once for each camera: its pictures, of `size`, are of another shape
        than the lens was measured in, so that its distortion stays."""
        lens, camera = self._view.lens, self._camera
        if lens is None or camera is None or camera in self._told or lens.fits(size):
            return None
        self._told.add(camera)
        was, now = ("x".join(map(str, each)) for each in (lens.size, size))
        return (
            f"the lens was measured at {was}, the camera gives {now}: its distortion stays; measure it again"
        )

    def _look_up(self, camera: str) -> View:
        known = self._show.venue.camera(camera)
        if known is None:
            return View(None, self._at_start, None)
        lens = None
        if known.lens is not None:
            lens = Lens(known.lens.size, known.lens.matrix, known.lens.distortion)
        mark = self._at_start if known.mark is None or self._show.dancer_mark is not None else known.mark
        return View(None if known.floor is None else Floor(known.floor), mark, lens)
