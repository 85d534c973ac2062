from __future__ import annotations

from pathlib import Path

import numpy as np

from engines.pose.tracking.tracker import Pose
from tests.packs import standing
from tools.dance.dance import Dance, keep, kept


def dance() -> Dance:
    pose = Pose(4, standing(50, 90, 80), np.ones((33, 3), np.float32), 0.75)
    return Dance((640, 360), [0, 40_000_000, 81_000_000], [None, pose, pose])


def test_a_dance_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "poses.npz"
    keep(dance(), path, "fan")
    found = kept(path, "fan")
    assert found is not None
    assert (found.size, found.times_ns) == (dance().size, dance().times_ns)
    assert found.poses[0] is None
    assert found.poses[2] is not None and (found.poses[2].person_id, found.poses[2].score) == (4, 0.75)
    np.testing.assert_array_equal(found.landmarks, dance().landmarks)
    np.testing.assert_array_equal(found.poses[2].world, np.ones((33, 3)))
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_missing_foreign_or_damaged_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "poses.npz"
    assert kept(path, "fan") is None
    keep(dance(), path, "fan")
    assert kept(path, "another fan") is None
    whole = path.read_bytes()
    for data in (b"", b"no archive", whole[: len(whole) // 2], whole[:-200]):
        path.write_bytes(data)
        assert kept(path, "fan") is None
