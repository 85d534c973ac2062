"""A body's proportions and where it stands, as a player pack keeps them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.skeleton import Landmark as L

BONES: dict[str, tuple[tuple[L, ...], tuple[L, ...]]] = {
    # From the joint nearer to the hips to the one farther out; a joint is the mean of its landmarks.
    "torso": ((L.LEFT_HIP, L.RIGHT_HIP), (L.LEFT_SHOULDER, L.RIGHT_SHOULDER)),
    "half shoulders": ((L.LEFT_SHOULDER, L.RIGHT_SHOULDER), (L.LEFT_SHOULDER,)),
    "half hips": ((L.LEFT_HIP, L.RIGHT_HIP), (L.LEFT_HIP,)),
    "neck": ((L.LEFT_SHOULDER, L.RIGHT_SHOULDER), (L.LEFT_EAR, L.RIGHT_EAR)),
    "half ears": ((L.LEFT_EAR, L.RIGHT_EAR), (L.LEFT_EAR,)),
    "upper arm": ((L.LEFT_SHOULDER,), (L.LEFT_ELBOW,)),
    "forearm": ((L.LEFT_ELBOW,), (L.LEFT_WRIST,)),
    "hand": ((L.LEFT_WRIST,), (L.LEFT_INDEX,)),
    "thigh": ((L.LEFT_HIP,), (L.LEFT_KNEE,)),
    "shin": ((L.LEFT_KNEE,), (L.LEFT_ANKLE,)),
    "foot": ((L.LEFT_HEEL,), (L.LEFT_TOE,)),
}
"""The left bones stand for the right ones too: bodies are taken as symmetric."""


@dataclass(frozen=True)
class Stance:
    """How a standing person appears at one distance from the camera, in pixels."""

    ankle_y: float
    height: float
    """From the ears to the ankles."""


@dataclass(frozen=True)
class Body:
    """Proportions and places of one person in one camera's picture.

    bones: full length of each of `BONES` as a share of `Stance.height`. near, far: the stances closest to and
    farthest from the camera. x_range: how far left and right the middle of the hips was seen, pixels. reach:
    the largest distance of any landmark to the left of, right of, above and below the middle of the hips, as
    shares of `Stance.height`. facing: the smallest and largest distance by which the left shoulder and hip
    were seen to the right of the right ones, as shares of `Stance.height`: positive facing the camera,
    negative from behind.
    """

    bones: dict[str, float]
    near: Stance
    far: Stance
    x_range: tuple[float, float]
    reach: tuple[float, float, float, float]
    facing: tuple[float, float]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Body:
        """Raises ValueError where a field is missing, unknown or not a number."""
        try:
            data: dict[str, Any] = json.loads(text)
            body = cls(
                bones={name: float(data["bones"][name]) for name in BONES},
                near=Stance(**{k: float(v) for k, v in data["near"].items()}),
                far=Stance(**{k: float(v) for k, v in data["far"].items()}),
                x_range=(float(data["x_range"][0]), float(data["x_range"][1])),
                reach=tuple(float(v) for v in data["reach"]),  # type: ignore[arg-type]
                facing=(float(data["facing"][0]), float(data["facing"][1])),
            )
        except (KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a body: {error!r}") from error
        lengths = (*body.bones.values(), body.near.height, body.far.height)
        if len(body.reach) != 4 or not all(0 < length < math.inf for length in lengths):
            raise ValueError("not a body: a length is not positive")
        places = (body.near.ankle_y, body.far.ankle_y, *body.x_range, *body.reach, *body.facing)
        if not all(math.isfinite(place) for place in places):
            raise ValueError("not a body: a place is not a number")
        return body


def height_at(near: Stance, far: Stance, ankle_y: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Standing height of a body with its ankles at `ankle_y`: linear between far and near, and constant
    beyond."""
    span = near.ankle_y - far.ankle_y
    share = np.clip((ankle_y - far.ankle_y) / span, 0, 1) if span > 1 else np.ones_like(ankle_y)
    return np.asarray(far.height + share * (near.height - far.height), float)
