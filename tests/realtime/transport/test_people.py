from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.transport.people import People

SIZE = (300, 100)

LANDMARKS = np.zeros((33, 4), np.float32)
LANDMARKS[:, 0] = np.linspace(100, 190, 33)
LANDMARKS[:, 1] = np.linspace(20, 80, 33)
LANDMARKS[:, 3] = 1


@dataclass
class Somebody:
    id: int
    box: NDArray[np.float32]


def people_side_by_side() -> People:
    """Three of them, and a pose of the second."""
    three = [Somebody(n, np.array([100 * n + 10, 20, 100 * n + 90, 90], np.float32)) for n in range(3)]
    return People.seen(three, 1, LANDMARKS, SIZE)


def test_people_survive_the_way() -> None:
    people = people_side_by_side()
    assert People.unpack(people.pack()) == people
    assert people.boxes[1] == (1, *(round(x, 4) for x in (110 / 300, 0.2, 190 / 300, 0.9)))


def test_a_pose_that_is_not_finite_is_left_out() -> None:
    broken = LANDMARKS.copy()
    broken[12, 1] = np.nan
    assert People.seen([], 1, broken, SIZE).landmarks == ()
