"""The tracker's own decisions with made-up nets and time, then a few frames with the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.landmarks import RawPose
from engines.pose.region import Region
from engines.pose.tracking.roster import MEMORY_NS
from engines.pose.tracking.smoothing import LIVE, MEDIAPIPE
from engines.pose.tracking.tracker import GRACE_NS, REFRESH_NS, PoseTracker
from tests.engines.pose.tracking.scene import FRAME_NS, Scene


def test_nobody_is_none(scene: Scene, tracker: PoseTracker) -> None:
    assert scene.step(tracker, 3) is None
    assert tracker.people == ()
    assert (scene.detections, scene.landmark_runs) == (3, 0)


def test_detects_once_then_tracks(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {300: 0.9}
    pose = scene.step(tracker)
    assert pose is not None
    assert pose.landmarks[0, 0] == 300
    scene.step(tracker, 20)
    assert (scene.detections, scene.landmark_runs) == (1, 21)


def test_a_region_that_cuts_the_person_is_widened_once(scene: Scene, tracker: PoseTracker) -> None:
    scene.people, scene.cut_below = {300: 0.9}, 210.0  # the region's side is 200
    pose = scene.step(tracker)
    assert pose is not None and pose.mask is not None and not pose.mask.is_cut((640, 480))
    assert scene.landmark_runs == 2
    scene.cut_below = 150.0
    scene.step(tracker)
    assert scene.landmark_runs == 3


def test_people_are_looked_up_once_a_second_while_tracking(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {300: 0.9}
    scene.step(tracker)
    scene.people[500] = 0.8
    scene.step(tracker, REFRESH_NS // FRAME_NS + 1)
    assert scene.detections == 2
    assert [person.id for person in tracker.people] == [1, 2]
    np.testing.assert_allclose(tracker.people[1].box, [464, 160, 536, 320])


def test_the_followed_one_is_listed_even_where_the_detector_misses_him(
    scene: Scene, tracker: PoseTracker
) -> None:
    scene.people = {300: 0.9}
    scene.step(tracker)
    tracker._crowd.detector = lambda frame, window: []  # type: ignore[assignment]
    scene.step(tracker, REFRESH_NS // FRAME_NS + 1)
    assert [person.id for person in tracker.people] == [1]


def test_boxes_end_at_the_edge_of_the_frame(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {20: 0.9}
    assert scene.step(tracker) is not None
    np.testing.assert_allclose(tracker.people[0].box, [0, 160, 56, 320])


def test_a_larger_newcomer_takes_nobodys_place(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {300: 0.7}
    scene.step(tracker)
    scene.people[500] = 1.0
    pose = scene.step(tracker, 100)
    assert pose is not None
    assert pose.person_id == 1


def test_loss_and_the_same_id_on_return(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {300: 0.9}
    scene.step(tracker, 5)
    scene.people = {}
    assert scene.step(tracker) is None
    assert scene.step(tracker, 20) is None
    scene.people = {310: 0.9}
    pose = scene.step(tracker)
    assert pose is not None
    assert pose.person_id == 1


def test_a_bystander_is_taken_only_after_a_while(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {100: 0.9, 400: 0.8}
    first = scene.step(tracker, 3)
    assert first is not None
    assert first.person_id == 1
    del scene.people[100]
    assert scene.step(tracker, GRACE_NS // FRAME_NS) is None
    taken = scene.step(tracker, 3)
    assert taken is not None
    assert taken.person_id == 2


def test_one_who_comes_anew_after_a_loss_is_taken_at_once(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {100: 0.9}
    scene.step(tracker, 3)
    scene.people = {400: 0.9}
    pose = scene.step(tracker)
    assert pose is not None
    assert pose.person_id == 2


def test_furniture_is_listed_but_not_followed(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {300: 0.55}
    assert scene.step(tracker, 5) is None
    assert len(tracker.people) == 1


def test_the_one_just_lost_is_taken_back_at_a_lower_score(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {300: 0.9}
    scene.step(tracker)
    scene.flag = 0.5  # not above a half: lost
    assert scene.step(tracker) is None
    scene.flag, scene.people = 1.0, {300: 0.55}
    assert scene.step(tracker) is not None


def test_a_detection_that_the_net_rejects_does_not_hide_the_next(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {100: 0.9, 400: 0.8}
    net = tracker._net

    def only_the_right(frame: NDArray[np.uint8], region: Region) -> RawPose:
        raw = net(frame, region)
        return raw if region.x > 300 else RawPose(raw.landmarks, raw.world, raw.aux, 0.0)

    tracker._net = only_the_right  # type: ignore[assignment]
    pose = scene.step(tracker)
    assert pose is not None
    assert pose.person_id == 2


def test_follow_switches_and_comes_back_to_free_choice(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {100: 0.9, 400: 0.8}
    scene.step(tracker)
    tracker.follow(2)
    pose = scene.step(tracker)
    assert pose is not None
    assert pose.person_id == 2
    assert pose.landmarks[0, 0] == 400
    tracker.follow(None)
    pose = scene.step(tracker, 40)
    assert pose is not None
    assert pose.person_id == 2


def test_one_wanted_whom_the_detector_misses_is_found_where_he_was(
    scene: Scene, tracker: PoseTracker
) -> None:
    scene.people = {100: 0.9, 400: 0.8}
    scene.step(tracker)
    tracker._crowd.detector = lambda frame, window: []  # type: ignore[assignment]
    tracker.follow(2)
    pose = scene.step(tracker)
    assert pose is not None
    assert pose.person_id == 2
    assert [person.id for person in tracker.people] == [1, 2], "who was missed once is still listed"


def test_one_wanted_is_waited_for_and_nobody_else_is_followed(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {100: 0.9, 400: 0.8}
    scene.step(tracker)
    tracker.follow(2)
    scene.step(tracker)
    del scene.people[400]
    assert scene.step(tracker, 60) is None and not tracker.is_missing
    scene.people[410] = 0.8
    pose = scene.step(tracker, 2)
    assert pose is not None and pose.person_id == 2, "he was hidden for two seconds"
    del scene.people[410]
    for _ in range(10 * MEMORY_NS // FRAME_NS):
        assert scene.step(tracker) is None
    assert tracker.is_missing
    assert [person.id for person in tracker.people] == [1], "who else is there is still looked up"
    scene.people[400] = 0.8
    assert scene.step(tracker, 30) is None, "whoever comes later is somebody new"
    tracker.follow(None)
    assert scene.step(tracker) is not None and not tracker.is_missing


def test_looking_for_one_who_is_gone_costs_few_searches(scene: Scene, tracker: PoseTracker) -> None:
    tracker.follow(77)
    scene.people = {100: 0.9}
    assert scene.step(tracker, 60) is None
    assert scene.detections <= 10


def test_a_close_look_finds_whom_the_whole_frame_hides(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {100: 0.9}
    scene.close_people = {400: 0.9}
    scene.step(tracker)
    assert [person.id for person in tracker.people] == [1]
    tracker.look_at(400, 200, (640, 480))
    for _ in range(3):
        assert tracker.is_looking
        pose = scene.step(tracker)
    assert not tracker.is_looking
    assert pose is not None and pose.person_id == 1
    assert [person.id for person in tracker.people] == [1, 2]


def test_the_net_that_finds_the_neighbour_is_shown_less_of_him(scene: Scene, tracker: PoseTracker) -> None:
    """The region of somebody has another one in it, whom the net prefers, until it is narrower."""
    scene.people = {200: 0.9, 250: 0.8}
    scene.prefers = 250.0
    pose = scene.step(tracker)
    assert pose is not None and pose.landmarks[0, 0] == 200 and pose.person_id == 1
    assert scene.landmark_runs > 1


def test_nan_from_the_net_is_a_loss(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {300: 0.9}
    scene.step(tracker)
    scene.poison = True
    assert scene.step(tracker, 3) is None
    scene.poison = False
    assert scene.step(tracker) is not None


def test_a_region_that_leaves_the_frame_is_a_loss(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {600: 0.9}
    scene.step(tracker)
    for x in range(600, 900, 20):
        scene.people = {x: 0.9}
        pose = scene.step(tracker)
    assert pose is None


def test_reset_forgets_everybody(scene: Scene, tracker: PoseTracker) -> None:
    scene.people = {300: 0.9}
    scene.step(tracker)
    tracker.reset()
    assert tracker.people == ()
    pose = scene.step(tracker)
    assert pose is not None
    assert pose.person_id == 2


def test_smoothing_starts_afresh_after_a_loss(scene: Scene) -> None:
    tracker = PoseTracker(smoothing=MEDIAPIPE)
    scene.people = {300: 0.9}
    scene.step(tracker, 5)
    scene.people = {320: 0.9}
    moved = scene.step(tracker)
    assert moved is not None
    assert 300 < moved.landmarks[0, 0] < 320
    scene.people = {}
    scene.step(tracker)
    scene.people = {350: 0.9}
    again = scene.step(tracker)
    assert again is not None
    assert again.landmarks[0, 0] == 350


def test_what_moves_on_is_foretold(scene: Scene) -> None:
    """Of somebody who walks steadily the live tracker says where he will be, a filter alone where he was."""
    places = {}
    for smoothing in (LIVE, LIVE._replace(lead_s=0.0), LIVE._replace(lead_s=0.1)):
        tracker = PoseTracker(smoothing=smoothing)
        for x in range(300, 340, 2):
            scene.people = {x: 0.9}
            pose = scene.step(tracker)
        assert pose is not None
        places[smoothing.lead_s] = float(pose.landmarks[0, 0])
    speed = 2 / (FRAME_NS * 1e-9)
    assert places[0.0] < 338 and places[0.0] < places[LIVE.lead_s] < places[0.1]
    assert places[0.1] - places[0.0] == pytest.approx(0.1 * speed, rel=0.15)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((480, 640), np.uint8),
        np.zeros((480, 640, 4), np.uint8),
        np.zeros((480, 640, 3), np.float32),
        None,
    ],
)
def test_what_is_no_frame_is_refused_in_words(tracker: PoseTracker, frame: object) -> None:
    with pytest.raises(ValueError, match="a frame must be uint8"):
        tracker(frame, 0)  # type: ignore[arg-type]


def test_an_empty_frame_holds_nobody(tracker: PoseTracker) -> None:
    assert tracker(np.zeros((0, 640, 3), np.uint8), 0) is None


def test_real_nets_follow_the_fan_and_notice_that_she_is_gone(
    real_tracker: PoseTracker, fan_frames: list[NDArray[np.uint8]]
) -> None:
    for index, frame in enumerate(fan_frames[:6]):
        pose = real_tracker(frame, index * FRAME_NS)
        assert pose is not None
        assert [person.id for person in real_tracker.people] == [pose.person_id]
        assert pose.score > 0.9
        assert pose.landmarks.shape == (33, 4)
        assert pose.world.shape == (33, 3)
        assert 0.2 < np.ptp(pose.world[:, 1]) < 2.5
    assert real_tracker(np.full_like(fan_frames[0], 90), 6 * FRAME_NS) is None
    assert real_tracker(fan_frames[7], 7 * FRAME_NS) is not None


def test_half_a_fan_is_still_tracked(real_tracker: PoseTracker, fan_frames: list[NDArray[np.uint8]]) -> None:
    for index, frame in enumerate(fan_frames[:9]):
        shift = index * 40  # she slides out over the left edge, up to the middle of her body
        moved = np.zeros_like(frame)
        moved[:, : 1280 - 290 - shift] = frame[:, 290 + shift :]
        pose = real_tracker(moved, index * FRAME_NS)
    assert pose is not None
    assert -60 < pose.landmarks[[11, 12, 23, 24], 0].mean() < 60


def test_an_empty_room_is_empty_and_people_who_come_are_found(real_tracker: PoseTracker) -> None:
    path = Path(__file__).parents[4] / ".." / "shared" / "data" / "real" / "intel_onebyone.mp4"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    pytest.importorskip("av")
    from tools.footage.video import VideoReader

    reader = VideoReader(path)
    posed = [
        real_tracker(frame, t_ns) is not None for _, (t_ns, frame) in zip(range(100), reader, strict=False)
    ]
    reader.close()
    assert not any(posed[:60])  # only a table, whose foot the detector takes for a person at 0.5
    assert all(posed[66:])
