"""Ties the keyframes of all chunks to each other wherever they show the same place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.alignment.graph import Edge
from tools.alignment.models import Floats, Frame, apply, magnification, unscaled
from tools.alignment.tracking import Found, Keyframe, follow, know_again, meet

LEAST_OVERLAP = 0.4
"""Keyframes are matched if they should share at least this much of their pictures."""
MATCHES = 4
"""A new keyframe is matched with this many of those."""
SAME, SAME_ZOOM = 0.8, 1.1
"""A keyframe need not be kept if another one shows SAME of it, at a size that differs by at most SAME_ZOOM: a
camera on a tripod has one keyframe."""
MOST_KEPT = 200
"""The most keyframes kept for matching, however long the clip is; each takes about 0.7 MB."""
MOST_TRIES = 40
"""A keyframe to which nothing leads is compared with this many of the kept ones, the newest first."""
STEPS = 9


@dataclass
class _Node:
    pose: Floats  # keyframe → its group
    group: int


class Atlas:
    """Takes keyframes in order of time; gives `edges`, first guesses of their `poses`, and `groups`."""

    def __init__(self, size: tuple[int, int]) -> None:
        """size: (width, height) of the working pictures."""
        self._frame = Frame(*size)
        self._nodes: list[_Node] = []
        self._kept: dict[int, Keyframe] = {}
        self._newest: Keyframe | None = None
        self.edges: list[Edge] = []

    @property
    def poses(self) -> list[Floats]:
        """For each keyframe, the map keyframe → group."""
        return [node.pose for node in self._nodes]

    @property
    def groups(self) -> list[int]:
        """For each keyframe, its group: keyframes that are tied to each other."""
        return [node.group for node in self._nodes]

    def add(self, key: Keyframe, expected: Floats | None, edge: Edge | None, *, oldest: int = 0) -> int:
        """Adds a keyframe; returns its number.

        edge: from an older keyframe to it, if already measured. expected: else, if the newest keyframe is
        near, the map from that one to it. oldest: older keyframes are not matched (the keyframe lies in a
        dissolve and shows two places at once).
        """
        number = len(self._nodes)
        self._nodes.append(_Node(np.eye(3), number))
        if edge is not None:
            self._tie(edge)
        elif expected is not None and self._newest is not None:
            way = [unscaled(np.linalg.inv(expected))]
            self._met(number, number - 1, follow(key, self._newest.picture, way))
        if key.textured:
            if self._nodes[number].group == number:
                self._search(key, number, oldest)
            self._match(key, number, oldest)
            if len(self._kept) < MOST_KEPT and not self._is_known(number):
                self._kept[number] = key
        self._newest = key
        key.forget()
        return number

    def _try(self, key: Keyframe, number: int, other: Keyframe, other_number: int, expected: Floats) -> bool:
        """Ties two keyframes if they meet. expected: key → other."""
        return self._met(number, other_number, meet(key, other, expected))

    def _met(self, number: int, other: int, found: Found | None) -> bool:
        if found is None:
            return False
        self._tie(Edge(number, other, found.fit.matrix, found.fit.covariance))
        return True

    def _tie(self, edge: Edge) -> None:
        self.edges.append(edge)
        one, other = self._nodes[edge.one], self._nodes[edge.other]
        if one.group == other.group:
            return
        moved = one if edge.one > edge.other else other
        carry = other.pose @ edge.matrix if moved is one else one.pose @ np.linalg.inv(edge.matrix)
        carry = carry @ np.linalg.inv(moved.pose)
        group, into = moved.group, (other if moved is one else one).group
        for node in self._nodes:
            if node.group == group:
                node.pose, node.group = carry @ node.pose, into
                node.pose /= node.pose[2, 2]

    def _search(self, key: Keyframe, number: int, oldest: int) -> None:
        """Searches for a known place when nothing leads to the keyframe."""
        candidates = [other for other in self._kept if other >= oldest][::-1][:MOST_TRIES]
        for other in candidates[:3]:
            if self._try(key, number, self._kept[other], other, np.eye(3)):
                return
        for other in candidates:
            if self._met(number, other, know_again(key, self._kept[other])):
                return

    def _match(self, key: Keyframe, number: int, oldest: int) -> None:
        """Matches it with the kept keyframes that should show the same."""
        tied = {edge.one + edge.other - number for edge in self.edges if number in (edge.one, edge.other)}
        node = self._nodes[number]
        ways = {
            other: np.linalg.inv(self._nodes[other].pose) @ node.pose
            for other in self._kept
            if other not in tied and other >= oldest and self._nodes[other].group == node.group
        }
        shares = {other: self._overlap(way) for other, way in ways.items()}
        best = sorted((other for other in shares if shares[other] > LEAST_OVERLAP), key=lambda o: -shares[o])
        for other in best[:MATCHES]:
            self._try(key, number, self._kept[other], other, ways[other] / ways[other][2, 2])

    def _is_known(self, number: int) -> bool:
        """Whether it is tied to a kept keyframe that shows the same."""
        for edge in self.edges:
            if number in (edge.one, edge.other) and edge.one + edge.other - number in self._kept:
                zoom = magnification(edge.matrix, self._frame)
                if self._overlap(edge.matrix) > SAME and 1 / SAME_ZOOM < zoom < SAME_ZOOM:
                    return True
        return False

    def _overlap(self, way: Floats) -> float:
        """The share of one picture that lies within the other; the smaller share of the two."""
        return min(_inside(way, self._frame), _inside(np.linalg.inv(way), self._frame))


def _inside(way: Floats, frame: Frame) -> float:
    x, y = np.meshgrid(np.linspace(0, frame.width, STEPS), np.linspace(0, frame.height, STEPS))
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    ahead = places @ way[2, :2] + way[2, 2] > 0.1
    there: NDArray[np.float64] = apply(way, places)
    within = (there >= 0).all(axis=1) & (there <= [frame.width, frame.height]).all(axis=1)
    return float((ahead & within).mean())
