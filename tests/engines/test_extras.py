from __future__ import annotations

import pytest

from engines.extras import FACE, FACE_MESH, FACE_PART, PARTS, POINTS, face_rows, mirrored_rows, segments

SOURCES = {
    "oval": "FACE_OVAL", "left eye": "LEFT_EYE", "right eye": "RIGHT_EYE", "left brow": "LEFT_EYEBROW",
    "right brow": "RIGHT_EYEBROW", "nose": "NOSE", "lips": "LIPS", "mouth": "LIPS",
}  # fmt: skip


def test_every_point_of_the_face_is_on_its_line_in_mediapipe() -> None:
    connections = pytest.importorskip("mediapipe.python.solutions.face_mesh_connections")
    assert SOURCES.keys() == FACE.keys()
    for name, line in FACE.items():
        known = {index for pair in getattr(connections, f"FACEMESH_{SOURCES[name]}") for index in pair}
        assert set(line.mesh) <= known, name


def test_no_point_is_listed_twice() -> None:
    assert len(set(FACE_MESH)) == len(FACE_MESH)


def test_the_parts_fill_the_rows() -> None:
    rows = [row for part in PARTS.values() for row in range(POINTS)[part]]
    assert rows == list(range(POINTS))
    assert [row for line in face_rows().values() for row in line] == list(range(POINTS)[FACE_PART])


def test_a_mirror_twice_changes_nothing_and_keeps_the_strokes() -> None:
    mirrored = mirrored_rows()
    assert sorted(mirrored) == list(range(POINTS))
    assert [mirrored[row] for row in mirrored] == list(range(POINTS))
    strokes = {frozenset(pair) for pairs in segments().values() for pair in pairs}
    assert {frozenset((mirrored[near], mirrored[far])) for near, far in strokes} == strokes


def test_the_counterpart_of_a_mouths_corner_is_the_other_corner() -> None:
    mirrored = mirrored_rows()
    mesh = {mesh: FACE_PART.start + place for place, mesh in enumerate(FACE_MESH)}
    for one, other in ((291, 61), (308, 78), (454, 234), (263, 33), (362, 133), (374, 145), (386, 159)):
        assert mirrored[mesh[one]] == mesh[other]
    for middle in (10, 152, 0, 17, 13, 14, 4):
        assert mirrored[mesh[middle]] == mesh[middle]
