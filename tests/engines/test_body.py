from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from calibration.body import MIRRORED, ankle_line, measure_body, standing_height
from engines.body import BONES, Body, Stance, height_at
from engines.skeleton import DEPTH, Landmark
from tests.drawn import BONES as TRUE_BONES
from tests.packs import standing


def walk() -> np.ndarray:
    """Twenty frames far away on the left, then twenty near on the right."""
    far = [standing(100, 200, 150, arms=0.3 * (i % 5)) for i in range(20)]
    near = [standing(300, 440, 210, arms=0.3 * (i % 5)) for i in range(20)]
    return np.stack([*far, *near])


def test_standing_height_is_the_chain_from_ears_to_ankles() -> None:
    landmarks = walk()
    np.testing.assert_allclose(standing_height(landmarks), [150.0] * 20 + [210.0] * 20, rtol=1e-5)
    bent = standing(100, 200, 150)
    bent[Landmark.LEFT_ANKLE, 1] -= 30  # a lifted foot, the shin towards the camera, shortens nothing
    bent[Landmark.LEFT_ANKLE, 2] -= (
        np.sqrt((150 * TRUE_BONES["shin"]) ** 2 - (150 * TRUE_BONES["shin"] - 30) ** 2) / DEPTH
    )
    assert standing_height(bent) == pytest.approx(150, rel=1e-5)
    assert ankle_line(bent) == pytest.approx(200)


def test_a_body_is_measured() -> None:
    body = measure_body(walk())
    assert (body.near.ankle_y, body.near.height) == pytest.approx((440, 210), rel=1e-4)
    assert (body.far.ankle_y, body.far.height) == pytest.approx((200, 150), rel=1e-4)
    assert body.x_range == pytest.approx((100, 300))
    assert body.bones == pytest.approx(TRUE_BONES, rel=1e-4)
    assert set(body.bones) == set(BONES)
    left, right, above, below = body.reach
    arm = TRUE_BONES["half shoulders"] + np.sin(1.2) * (
        TRUE_BONES["upper arm"] + TRUE_BONES["forearm"] + TRUE_BONES["hand"]
    )
    assert (left, right) == pytest.approx((arm, arm), rel=1e-3)
    assert above == pytest.approx(1.01 - 0.52, rel=1e-3) and below == pytest.approx(0.53, rel=1e-3)


def test_a_bone_that_points_at_the_camera_does_not_shorten_it() -> None:
    landmarks = walk()
    landmarks[::2, Landmark.LEFT_WRIST] = landmarks[::2, Landmark.LEFT_ELBOW]
    assert measure_body(landmarks).bones["forearm"] == pytest.approx(TRUE_BONES["forearm"], rel=1e-3)


def test_someone_who_stays_in_place_has_one_stance() -> None:
    body = measure_body(np.stack([standing(100, 200, 150)] * 30))
    assert body.near == body.far
    assert body.near.height == pytest.approx(150, rel=1e-4)
    assert height_at(body.near, body.far, np.array([0.0, 200, 400])).tolist() == [body.near.height] * 3


def test_heights_are_linear_between_the_stances() -> None:
    near, far = Stance(400, 200), Stance(200, 100)
    assert height_at(near, far, np.array([100.0, 200, 300, 400, 500])).tolist() == [100, 100, 150, 200, 200]


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(ValueError, match=r"30 frames .* not 29"):
        measure_body(walk()[:29])


def test_mirroring_swaps_left_and_right() -> None:
    assert sorted(MIRRORED) == list(range(33))
    assert (MIRRORED[MIRRORED] == np.arange(33)).all()
    for landmark in Landmark:
        if landmark.name.startswith("LEFT"):
            assert MIRRORED[landmark] == Landmark[landmark.name.replace("LEFT", "RIGHT")]


def test_json_round_trip() -> None:
    body = measure_body(walk())
    assert Body.from_json(body.to_json()) == body


def _drop(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda data: data.pop(name)


@pytest.mark.parametrize(
    "damage",
    [
        *(_drop(name) for name in ("bones", "near", "far", "x_range", "reach")),
        lambda data: data["bones"].pop("torso"),
        lambda data: data["bones"].update(torso="long"),
        lambda data: data["bones"].update(torso=0),
        lambda data: data["near"].pop("height"),
        lambda data: data["near"].update(age=30),
        lambda data: data["far"].update(height=-1),
        lambda data: data.update(near=[1, 2]),
        lambda data: data.update(x_range=[1]),
        lambda data: data.update(x_range=None),
        lambda data: data.update(reach=[1, 2, 3]),
        lambda data: data.update(reach=3),
        lambda data: data["bones"].update(torso=float("nan")),
        lambda data: data["near"].update(height=float("nan")),
        lambda data: data["far"].update(height=float("inf")),
    ],
)
def test_a_damaged_body_is_refused(damage: Callable[[dict[str, Any]], Any]) -> None:
    data = json.loads(measure_body(walk()).to_json())
    damage(data)
    with pytest.raises(ValueError):
        Body.from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "{", '"body"'])
def test_what_is_no_body_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Body.from_json(text)
