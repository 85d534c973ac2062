from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tools.alignment.filmed import (
    SIZE,
    Film,
    errors,
    measured,
    plain_world,
    shaking,
    textured_world,
    view,
)
from tools.alignment import solve
from tools.alignment.measure import Chunk, Meter
from tools.alignment.solve import MOVED, STILL, TAKEN_FOR_STILL, align
from tools.prepare.files.journal import Journal

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def textured() -> Picture:
    return textured_world()


@pytest.fixture(scope="module")
def plain() -> Picture:
    return plain_world()


def there_and_back(count: int) -> NDArray[np.float64]:
    return 1 - np.abs(np.linspace(-1, 1, count))


def caption(picture: Picture, _: int) -> None:
    white, font = (255, 255, 255), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(picture, "A caption stands here, and here", (40, 330), font, 0.9, white, 2, cv2.LINE_AA)
    cv2.putText(picture, "logo", (560, 30), font, 0.8, white, 2, cv2.LINE_AA)


def scrolling(picture: Picture, number: int) -> None:
    place = (600 - 9 * number, 60)
    cv2.putText(picture, "A title scrolls", place, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255,) * 3, 2, cv2.LINE_AA)


def crowd(picture: Picture, number: int) -> None:
    """Thirty heads that bob and walk."""
    chance = np.random.default_rng(3)
    for _ in range(30):
        x, y, speed, radius = chance.uniform(0, 640), chance.uniform(200, 360), chance.normal(0, 2), 18
        place = (round((x + speed * number) % 640), round(y + 6 * np.sin(number / 5 + x)))
        cv2.circle(picture, place, radius, chance.integers(0, 255, 3).tolist(), -1, cv2.LINE_AA)
        cv2.circle(picture, place, radius // 2, chance.integers(0, 255, 3).tolist(), 3, cv2.LINE_AA)


def flickering(picture: Picture, number: int) -> Picture:
    return np.asarray((picture * (1 + 0.3 * np.sin(number / 6))).clip(0, 255), np.uint8)


def smearing(picture: Picture, number: int) -> Picture:
    return np.asarray(cv2.blur(picture, (13, 1)), np.uint8) if number % 10 < 2 else picture


def panned(count: int, pan: float, **more: float) -> list[NDArray[np.float64]]:
    return [view(pan * share, **more) for share in there_and_back(count)]


def test_a_tripod_costs_nothing(textured: Picture) -> None:
    alignment = align(measured(Film(textured, [view()] * 24), chunk=10))
    assert [scene.kind for scene in alignment.found] == [STILL]
    assert (alignment.scenes == 0).all() and (alignment.matrices == np.eye(3)).all()
    assert alignment.support.min() > 0.5 and (alignment.shots == 0).all()


@pytest.mark.parametrize(
    ("caption", "after", "noise"),
    [
        (None, None, 2.0),
        (caption, None, 2.0),
        (scrolling, None, 2.0),
        (crowd, None, 2.0),
        (None, flickering, 2.0),
        (None, smearing, 2.0),
        (None, None, 8.0),
    ],
    ids=["clean", "caption", "scrolling title", "crowd", "light", "motion blur", "noise"],
)
def test_a_hand_held_camera_is_measured_to_half_a_pixel(
    textured: Picture,
    caption: Callable[[Picture, int], None] | None,
    after: Callable[[Picture, int], Picture] | None,
    noise: float,
) -> None:
    tremor = shaking(48, 4) / SIZE[0]
    film = Film(textured, [view(x, y, roll=40 * x) for x, y in tremor], noise=noise, caption=caption)
    film.after = after or film.after
    alignment = align(measured(film, chunk=24))
    assert alignment.found[0].kind == MOVED
    wrong = errors(alignment, film)
    assert np.isfinite(wrong).mean() > 0.97
    grain = max(noise / 2, 1)  # of noise two grey levels are usual
    assert np.nanmedian(wrong) < 0.3 * grain and np.nanpercentile(wrong, 95) < 0.8 * grain


def test_a_camera_that_pans_away_and_comes_back_meets_its_first_frame(textured: Picture) -> None:
    film = Film(textured, panned(90, 0.7))
    alignment = align(measured(film, chunk=30))
    wrong = errors(alignment, film)
    assert np.isfinite(wrong).all() and np.median(wrong) < 0.4 and wrong.max() < 1.2
    there = alignment.matrices[-1] @ [100, 100, 1] - alignment.matrices[0] @ [100, 100, 1]
    assert np.linalg.norm(there[:2]) < 1
    reference = alignment.found[0].reference
    np.testing.assert_allclose(alignment.matrices[reference], np.eye(3), atol=1e-9)
    assert 5 < reference < 85  # not at an end of the pan


def test_the_middle_of_a_scene_is_searched_once(textured: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    """It compares each keyframe with each: once a keyframe took hours for a long clip."""
    searched: list[int] = []
    search = solve._central_key

    def counted(*arguments: Any) -> int:
        searched.append(len(arguments[1]))
        return search(*arguments)

    monkeypatch.setattr(solve, "_central_key", counted)
    alignment = align(measured(Film(textured, panned(90, 0.7)), chunk=30))
    assert searched[0] > 1, "keyframes"
    assert len(searched) == len(alignment.found) == 1


def test_zoom_and_roll_are_measured(textured: Picture) -> None:
    film = Film(textured, [view(zoom=1 + 0.3 * s, roll=3 * s, pan=0.05 * s) for s in there_and_back(60)])
    alignment = align(measured(film, chunk=60))
    wrong = errors(alignment, film)
    assert np.isfinite(wrong).all() and np.median(wrong) < 0.3 and wrong.max() < 0.8
    assert alignment.zoom.max() / alignment.zoom.min() == pytest.approx(1.3, abs=0.02)
    assert np.ptp(alignment.roll) == pytest.approx(3.0, abs=0.15)
    assert alignment.zoom.argmax() == pytest.approx(29.5, abs=1.5)


def test_edges_of_doors_and_a_skirting_board_are_enough(plain: Picture) -> None:
    film = Film(plain, panned(60, 0.4, zoom=1.1))
    alignment = align(measured(film, chunk=30))
    wrong = errors(alignment, film)
    assert np.isfinite(wrong).mean() > 0.8  # the others are a scene of their own, or none
    assert np.nanmedian(wrong) < 0.7 and np.nanpercentile(wrong, 95) < 2


def test_a_plain_ground_tells_nothing_and_is_taken_for_still() -> None:
    white = np.full((1400, 2400, 3), 250, np.uint8)
    alignment = align(measured(Film(white, [view()] * 20, noise=2), chunk=10))
    assert [scene.kind for scene in alignment.found] == [TAKEN_FOR_STILL]
    assert (alignment.scenes == 0).all() and not alignment.support.any()
    assert (alignment.matrices == np.eye(3)).all()


def test_a_plain_ground_after_a_camera_has_moved_is_not_taken_for_anything(textured: Picture) -> None:
    half = textured.copy()
    half[:, 1250:] = 128
    film = Film(half, [view(share * 1.1) for share in np.linspace(0, 1, 60)], person=False, noise=1)
    alignment = align(measured(film, chunk=60))
    assert alignment.found[0].kind == MOVED and (alignment.scenes[:20] == 0).all()
    assert (alignment.scenes[-5:] == -1).all()


def test_a_cut_there_and_back_gives_two_scenes(textured: Picture) -> None:
    other = textured_world(seed=7)[::-1] // 2
    film = Film(textured, [view()] * 45)
    film.after = lambda picture, number: (
        cv2.warpPerspective(other, view(0.1), SIZE) if 15 <= number < 30 else picture
    )
    alignment = align(measured(film, chunk=20))
    assert alignment.shots.tolist() == [0] * 15 + [1] * 15 + [2] * 15
    assert alignment.scenes.tolist() == [0] * 15 + [1] * 15 + [0] * 15


def test_a_dissolve_splits_the_clip_and_its_frames_are_flagged(textured: Picture) -> None:
    other = 255 - textured_world(seed=8)[::-1]
    film = Film(textured, [view()] * 60, person=False)

    def dissolve(picture: Picture, number: int) -> Picture:
        share = np.clip((number - 22) / 14, 0, 1)
        return np.asarray(cv2.addWeighted(picture, 1 - share, other[:360, :640], share, 0), np.uint8)

    film.after = dissolve
    alignment = align(measured(film, chunk=60))
    assert alignment.transition[24:35].all() and not alignment.transition[:18].any()
    assert not alignment.transition[42:].any() and (alignment.scenes[24:35] == -1).all()
    assert alignment.scenes[5] >= 0 and alignment.scenes[50] >= 0
    assert alignment.scenes[5] != alignment.scenes[50] and alignment.shots[5] != alignment.shots[50]


def test_a_title_card_is_known(textured: Picture) -> None:
    card = np.full((*SIZE[::-1], 3), 20, np.uint8)
    cv2.putText(card, "The dance", (150, 180), cv2.FONT_HERSHEY_SIMPLEX, 2, (230, 230, 230), 4, cv2.LINE_AA)
    meter = Meter(SIZE)
    for _ in range(12):
        meter(card, np.zeros(SIZE[::-1], np.uint8))
    for picture, hidden in Film(textured, [view()] * 24):
        meter(picture, hidden)
    alignment = align([meter.finish()])
    assert alignment.shots.tolist() == [0] * 12 + [1] * 24
    assert alignment.found[alignment.scenes[20]].card is False
    assert alignment.scenes[5] != alignment.scenes[20]
    assert alignment.scenes[5] == -1 or alignment.found[alignment.scenes[5]].card


def test_a_chunk_is_the_same_whatever_went_before_and_survives_the_journal(
    textured: Picture, tmp_path: Path
) -> None:
    film = Film(textured, panned(24, 0.2))
    whole = measured(film, chunk=12)
    meter = Meter(SIZE)
    for picture, hidden in list(film)[12:]:
        meter(picture, hidden)
    again = meter.finish()
    assert again.keys() == whole[1].keys()
    for name, values in again.items():
        np.testing.assert_array_equal(values, whole[1][name])
    journal = Journal(tmp_path / "journal")
    for number, chunk in enumerate(whole):
        journal.save(f"{number}", chunk)

    class Saved(list[Chunk]):
        def __iter__(self):  # type: ignore[no-untyped-def]  # as a caller would, one at a time
            return (journal.load(f"{number}") for number in range(2))

    np.testing.assert_array_equal(align(Saved()).matrices, align(whole).matrices)


def test_an_empty_chunk_changes_nothing(textured: Picture) -> None:
    chunks = measured(Film(textured, [view()] * 12), chunk=6)
    empty = Meter(SIZE).finish()
    np.testing.assert_array_equal(align([*chunks, empty]).scenes, align(chunks).scenes)
    with pytest.raises(ValueError, match="no chunk"):
        align([])


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        Meter((64, 48))(np.zeros((48, 65, 3), np.uint8), np.zeros((48, 64), np.uint8))


REAL = Path(__file__).parents[3] / ".." / "shared" / "data" / "real" / "train"


@pytest.mark.parametrize(
    ("name", "kind", "share"),
    [
        ("lhm_demo", MOVED, 0.95),
        ("ipercore_akun1", MOVED, 0.9),
        ("taichi2_716x536_30s", MOVED, 0.7),
        ("unianimate_source", STILL, 1.0),
        ("ubc_floral_720x940_12s", TAKEN_FOR_STILL, 1.0),
    ],
)
def test_real_footage(name: str, kind: str, share: float) -> None:
    """Every third frame, which moves three times as far as the film."""
    path = REAL / f"{name}.mp4"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    chunks = list(partial(_real_chunks, path)())
    alignment = align(chunks)
    assert alignment.found[0].kind == kind
    assert (alignment.scenes == 0).mean() >= share
    assert np.median(alignment.residual_px[alignment.scenes == 0]) < 0.6


def _real_chunks(path: Path) -> list[Chunk]:
    from calibration.body import standing_height
    from engines.pose.tracking.tracker import PoseTracker
    from tools.footage.body_zone import zone
    from tools.footage.video import VideoReader
    from tools.prepare.files.pictures import fit_height

    tracker, meter, chunks = PoseTracker(smoothing=None), None, []
    with VideoReader(path) as reader:
        for number, t_ns, frame in reader.read():
            if number % 3:
                continue
            picture = fit_height(frame, 720)
            size = (picture.shape[1], picture.shape[0])
            meter = meter or Meter(size)
            pose = tracker(picture, t_ns)
            hidden = np.zeros(picture.shape[:2], np.uint8)
            if pose is not None:
                hidden = zone(pose.landmarks, size, float(standing_height(pose.landmarks)), widen=1.6)
            meter(picture, hidden)
            if number % 120 == 117:
                chunks.append(meter.finish())
    assert meter is not None
    return [*chunks, meter.finish()]
