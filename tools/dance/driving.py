"""Turns a dance into the player's landmarks; each dancer's place and body are measured over the whole
video."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from calibration.body import ankle_line, measure_body, standing_height
from calibration.retarget import Retargeter
from calibration.source import FixedSource
from engines.body import Body
from engines.pose.tracking.tracker import Pose
from engines.time_units import NS_PER_MS
from tools.dance.dance import Dance, Floats

HOLD_NS = 250 * NS_PER_MS
"""The player keeps the last pose for this long after the dancer is lost."""
LEAST_MEASURED = 30
"""With fewer frames of a dancer, the body is learned on the way instead of measured beforehand."""
SAME_HEIGHT, SAME_FLOOR = 1.15, 0.3
"""People whose standing heights differ by at most this factor, and whose ankle lines by at most this many
heights, are measured together: a dancer who left and came back keeps place and size."""


def retarget(dance: Dance, player: Body, *, mirror: bool = False) -> Iterator[Floats | None]:
    """The player's landmarks (33, 4) for each frame, pixels of the player's picture; None where there is no
    dancer."""
    retargeters = _retargeters(dance, player, mirror)
    last: tuple[Pose, int, Floats] | None = None
    for t_ns, pose in zip(dance.times_ns, dance.poses, strict=True):
        if pose is not None:
            retargeter = retargeters[pose.person_id]
            if last is not None and last[0].person_id != pose.person_id:
                retargeter.reset()
            last = (pose, t_ns, retargeter(pose.landmarks, dance.size, t_ns))
        yield last[2] if last is not None and t_ns - last[1] <= HOLD_NS else None


def _retargeters(dance: Dance, player: Body, mirror: bool) -> dict[int, Retargeter]:
    """The retargeters by person; people measured together share one."""
    result = {}
    for people in places(dance):
        landmarks = np.concatenate(list(people.values()))
        source = None
        if len(landmarks) >= LEAST_MEASURED:
            body = measure_body(landmarks)
            if mirror:  # measured as filmed, mirrored before placing
                left, right = body.x_range
                body = dataclasses.replace(body, x_range=(dance.size[0] - right, dance.size[0] - left))
            source = FixedSource(body, player)
        retargeter = Retargeter(player, source, mirror=mirror)
        result.update(dict.fromkeys(people, retargeter))
    return result


def places(dance: Dance) -> list[dict[int, Floats]]:
    """The people, by number, whose bodies are measured together: the landmarks (N, 33, 4) of each group."""
    found: dict[int, list[Floats]] = {}
    for pose in dance.poses:
        if pose is not None:
            found.setdefault(pose.person_id, []).append(pose.landmarks)
    result: list[tuple[float, float, dict[int, Floats]]] = []
    for person_id, poses in found.items():
        landmarks = np.stack(poses)
        height, floor = float(np.median(standing_height(landmarks))), float(np.median(ankle_line(landmarks)))
        for other_height, other_floor, people in result:
            alike = max(height, other_height) <= SAME_HEIGHT * min(height, other_height)
            if alike and abs(floor - other_floor) <= SAME_FLOOR * other_height:
                people[person_id] = landmarks
                break
        else:
            result.append((height, floor, {person_id: landmarks}))
    return [people for _, _, people in result]
