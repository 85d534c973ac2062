"""What a comparison finds, on timelines that are made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.inputs.track_reader import Track
from realtime.inputs.track_writer import TrackWriter
from tools.replay.compare import Check, compare
from tools.replay.pictures import difference
from tools.replay.timeline import Done, Tick, Timeline
from tools.replay.tolerances import TOLERANCES, tolerances

MS = 1_000_000
TICK = 33 * MS


def picture(n: int, tint: int = 0) -> np.ndarray:
    """A ball that moves."""
    found = np.full((90, 160, 3), 60, np.uint8)
    cv2.circle(found, (20 + n % 120, 45), 15, (150, 150, 150 + tint), cv2.FILLED)
    return found


def timeline(
    folder: Path,
    *,
    states: Sequence[tuple[int, str]] = ((0, "LIVE"),),
    late_ticks: int = 2,
    lost: int = 0,
    actions: Sequence[Done] = (),
    tint: int = 0,
    player: int = 0,
    ticks: int = 150,
) -> Timeline:
    """A programme that shows each of the camera's pictures, one a tick, `late_ticks` after its capture; every
    `lost`-th not. states: from which tick on it is in which."""
    folder.mkdir()
    writer = TrackWriter(folder, "programme")
    found = []
    for n in range(ticks):
        state = [name for start, name in states if start <= n][-1]
        seen = n - 1 if lost and n % lost == 0 else n
        live = state in ("LIVE", "HOLD")
        found.append(Tick(n, (n + late_ticks) * TICK, state, seen * TICK if live else None, player, True))
        writer.write(picture(seen, tint), n * TICK, {"tick": n})
    writer.close()
    painted = sorted({tick.shown_ns for tick in found if tick.shown_ns is not None})
    camera = [n * TICK for n in range(ticks)]
    return Timeline(folder, camera, painted, found, list(actions), Track(folder, "programme"))


def off(one: Timeline, other: Timeline) -> dict[str, Check]:
    found = compare(one, other, tolerances(), TICK)
    assert found.ok is not any(not check.ok for check in found.checks)
    return {check.name: check for check in found.checks if not check.ok}


def test_the_same_is_the_same(tmp_path: Path) -> None:
    one, other = timeline(tmp_path / "a"), timeline(tmp_path / "b")
    assert off(one, other) == {}
    found = compare(one, other, tolerances(), TICK)
    assert {check.name for check in found.checks} == set(TOLERANCES)
    assert found.counts["compared"] > 100


def test_a_hiccup_and_some_frames_that_are_lost_are_no_difference(tmp_path: Path) -> None:
    one = timeline(tmp_path / "a")
    other = timeline(tmp_path / "b", states=[(0, "LIVE"), (40, "HOLD"), (44, "LIVE")], lost=7, late_ticks=3)
    assert off(one, other) == {}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"tint": 60}, {"pictures", "worst"}),
        ({"late_ticks": 12}, {"ticks", "latency p50", "latency p95"}),
        ({"states": [(0, "LIVE"), (60, "SLATE"), (100, "LIVE")]}, {"states"}),
        ({"states": [(0, "LIVE"), (60, "HOLD"), (66, "FALLBACK"), (90, "LIVE")]}, {"states"}),
        ({"player": 1}, {"players", "pictures", "worst"}),
    ],
)
def test_what_differs_is_found(tmp_path: Path, changes: dict, found: set[str]) -> None:
    assert set(off(timeline(tmp_path / "a"), timeline(tmp_path / "b", **changes))) == found


def test_a_state_that_comes_late_is_found(tmp_path: Path) -> None:
    one = timeline(tmp_path / "a", states=[(0, "LIVE"), (50, "SLATE"), (80, "LIVE")])
    other = timeline(tmp_path / "b", states=[(0, "LIVE"), (50, "SLATE"), (120, "LIVE")])
    assert off(one, other)["states"].off == pytest.approx(40 * 33)


def test_frames_that_are_not_seen_again_are_found(tmp_path: Path) -> None:
    one = timeline(tmp_path / "a")
    other = timeline(tmp_path / "b", states=[(0, "LIVE"), (10, "HOLD"), (140, "LIVE")])
    assert {"frames"} <= set(off(one, other))


def test_actions_are_matched_in_order(tmp_path: Path) -> None:
    def done(at_ms: int, action: str, **given: object) -> Done:
        return Done(at_ms * MS, "test", action, given)

    ours = [done(500, "slate"), done(900, "delay", seconds=1.0), done(1500, "cut")]
    one = timeline(tmp_path / "a", actions=ours)
    late = [each._replace(at_ns=each.at_ns + 200 * MS) for each in ours]
    assert off(one, timeline(tmp_path / "b", actions=[*late, done(4000, "cut")])) == {}
    assert off(one, timeline(tmp_path / "c", actions=ours[:2]))["actions"].why == "cut was not done again"
    other = [ours[0], done(900, "delay", seconds=2.0), ours[2]]
    assert "delay" in off(one, timeline(tmp_path / "d", actions=other))["actions"].why
    much_later = [each._replace(at_ns=each.at_ns + 900 * MS) for each in ours]
    assert off(one, timeline(tmp_path / "e", actions=much_later))["actions"].off == pytest.approx(900)


def test_a_difference_at_one_place_is_not_averaged_away() -> None:
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(rng.integers(0, 255, (270, 480, 3), np.uint8), (0, 0), 3)
    noisy = np.clip(scene.astype(int) + rng.integers(-6, 7, scene.shape), 0, 255).astype(np.uint8)
    assert difference(scene, noisy) < 2
    marked = scene.copy()
    marked[100:130, 200:230] = (0, 0, 255)
    assert difference(scene, marked) > 40


@pytest.mark.parametrize("text", ["pictures", "fly=3", "pictures=soon", "=3"])
def test_a_tolerance_that_is_none_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"--allow .*(write NAME=VALUE|is no number)"):
        tolerances([text])
    assert tolerances(["latency p50=300"])["latency p50"] == 300
