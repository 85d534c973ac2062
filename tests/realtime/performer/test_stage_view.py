"""What the performer makes of the venue file: floor, mark and lens of the camera that is on."""

from __future__ import annotations

from realtime.config.show import Show
from realtime.performer.stage_view import StageView

FLOOR = ((0.2, 0.6), (0.8, 0.6), (1.0, 1.0), (0.0, 1.0))
LENS = {
    "size": (1280, 720), "matrix": (840, 840, 640, 360), "distortion": (-0.3, 0.1, 0, 0, 0), "error_px": 0.3,
    "measured": "2026-11-29",
}  # fmt: skip
VENUE = {
    "cameras": [
        {"name": "0", "floor": FLOOR, "mark": (0.4, 0.7), "lens": LENS},
        {"name": "1", "mark": (0.6, 0.8)},
    ]
}


def stage(**changes: object) -> StageView:
    return StageView(Show.model_validate({"cameras": ("0", "1", "2"), "venue": VENUE} | changes))


def test_each_camera_has_its_own_floor_mark_and_lens() -> None:
    seen = stage()
    first = seen.of("0", (0.4, 0.7))
    assert first.floor is not None and first.floor.corners == FLOOR and first.lens is not None
    assert first.mark == (0.4, 0.7)
    assert seen.of("1", (0.4, 0.7)) == (None, (0.6, 0.8), None)
    assert seen.of("2", (0.4, 0.7)) == (None, (0.4, 0.7), None)
    assert seen.of("0", (0.4, 0.7)).floor is not None


def test_the_operators_mark_beats_all_of_them() -> None:
    seen = stage()
    assert seen.of("0", (0.1, 0.1)).mark == seen.of("1", (0.1, 0.1)).mark == (0.1, 0.1)


def test_the_show_files_mark_beats_the_venues() -> None:
    seen = stage(dancer_mark=(0.3, 0.3))
    assert seen.of("0", (0.3, 0.3)).mark == seen.of("1", (0.3, 0.3)).mark == (0.3, 0.3)


def test_pictures_of_another_shape_than_the_lens_are_told_once() -> None:
    seen = stage()
    assert seen.misfit((640, 480)) is None, "no camera yet"
    seen.of("0", (0.4, 0.7))
    assert seen.misfit((640, 360)) is None
    assert seen.misfit((640, 480)) == (
        "the lens was measured at 1280x720, the camera gives 640x480: its distortion stays; measure it again"
    )
    assert seen.misfit((640, 480)) is None


def test_without_a_venue_nothing_changes() -> None:
    assert StageView(Show()).of("0", (0.5, 0.5)) == (None, (0.5, 0.5), None)
