"""What a device sees is what the host sees: crops, landmarks, people; and each frame is uploaded once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.pose.detector import Detector
from engines.pose.device_frame import LARGEST, PARAMETERS, DeviceCrop, FrameUpload
from engines.pose.landmarks import LandmarkNet
from engines.pose.refine import refine, refine_on_device
from engines.pose.region import Region
from engines.pose.tracking.tracker import PoseTracker
from engines.runtime.engine import EngineError
from tests.engines.capturable import Capturable, count_captures
from tests.engines.cuda_on_cpu import run_cuda_on_cpu

CPU = torch.device("cpu")
REGIONS = [
    Region(640, 360, 700, 0.3),
    Region(100, 80, 900, -1.0),  # much of it lies outside
    Region(640, 360, 250, 0.0),
    Region(1270, 700, 60, 2.5),
]


def cropped(frame: NDArray[np.uint8], to_frame: NDArray[np.float64], *, replicate: bool) -> NDArray[np.uint8]:
    parameters = torch.empty(PARAMETERS)
    parameters[:6] = torch.from_numpy(to_frame).reshape(6)
    parameters[6:] = torch.tensor([frame.shape[1], frame.shape[0]])
    spare = np.full((999, 3), 77, np.uint8)  # a frame's buffer has room for larger ones
    pixels = torch.from_numpy(np.concatenate([frame.reshape(-1, 3), spare]))
    crop = DeviceCrop(256, replicate=replicate)
    with Capturable():
        picture: torch.Tensor = crop(pixels, parameters)
    return picture[0].numpy()


@pytest.mark.parametrize("replicate", [True, False])
@pytest.mark.parametrize("region", REGIONS)
def test_a_crop_is_opencvs(fan_frames: list[NDArray[np.uint8]], region: Region, replicate: bool) -> None:
    for frame in (fan_frames[0], np.ascontiguousarray(fan_frames[20][:333, :777])):
        to_frame = region.to_frame(256)
        border = cv2.BORDER_REPLICATE if replicate else cv2.BORDER_CONSTANT
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        theirs = cv2.cvtColor(
            cv2.warpAffine(frame, to_frame, (256, 256), flags=flags, borderMode=border), cv2.COLOR_BGR2RGB
        )
        off = np.abs(cropped(frame, to_frame, replicate=replicate).astype(int) - theirs)
        assert off.mean() < 0.1 and off.max() <= 4


def test_refinement_is_the_hosts() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        points = random.uniform(-0.3, 1.3, (35, 2)).astype(np.float32)
        points[0], points[1] = (np.nan, 0.5), (1e9, -1e9)
        heatmap = random.normal(-1, 3, (35, 64, 64)).astype(np.float32)
        theirs = refine(points, heatmap)
        inputs = torch.from_numpy(points), torch.from_numpy(heatmap)
        with Capturable():
            ours = refine_on_device(*inputs)
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)


@pytest.fixture(scope="module")
def on_device() -> tuple[PoseTracker, Detector, LandmarkNet]:
    with pytest.MonkeyPatch.context() as patch:
        run_cuda_on_cpu(patch)
        count_captures(patch)
        nets = PoseTracker(backend="cuda"), Detector(backend="cuda"), LandmarkNet(backend="cuda")
        upload = FrameUpload(CPU)
        for net in nets[:2]:
            net.warm_up(upload.blank()) if isinstance(net, PoseTracker) else net(upload.blank())
        return nets


def test_the_landmarks_are_those_of_the_host(
    on_device: tuple[PoseTracker, Detector, LandmarkNet],
    landmark_net: LandmarkNet,
    fan_frames: list[NDArray[np.uint8]],
) -> None:
    region = Region(640, 380, 640, 0.05)
    upload = FrameUpload(CPU)
    for frame in fan_frames[::10]:
        theirs = landmark_net(frame, region)
        for kind in (frame, upload(frame)):
            ours = on_device[2](kind, region)
            assert abs(ours.flag - theirs.flag) < 0.01
            np.testing.assert_allclose(ours.landmarks[:, :2], theirs.landmarks[:, :2], atol=0.5)
            np.testing.assert_allclose(ours.aux, theirs.aux, atol=0.5)
            np.testing.assert_allclose(ours.world, theirs.world, atol=0.01)


def test_the_people_are_those_of_the_host(
    on_device: tuple[PoseTracker, Detector, LandmarkNet],
    detector: Detector,
    fan_frames: list[NDArray[np.uint8]],
) -> None:
    theirs, ours = detector(fan_frames[0]), on_device[1](fan_frames[0])
    assert len(ours) == len(theirs) == 1
    np.testing.assert_allclose(ours[0].keypoints, theirs[0].keypoints, atol=1.5)
    assert ours[0].score == pytest.approx(theirs[0].score, abs=0.02)


def test_the_tracker_follows_on_the_device_as_on_the_host(
    on_device: tuple[PoseTracker, Detector, LandmarkNet],
    real_tracker: PoseTracker,
    fan_frames: list[NDArray[np.uint8]],
) -> None:
    tracker, upload = on_device[0], FrameUpload(CPU)
    tracker.reset()
    for index, frame in enumerate(fan_frames[:8]):
        t_ns = index * 33_333_333
        ours, theirs = tracker(upload(frame), t_ns), real_tracker(frame, t_ns)
        assert ours is not None and theirs is not None
        visible = theirs.landmarks[:, 3] > 0.5
        off = np.abs(ours.landmarks[visible, :2] - theirs.landmarks[visible, :2])
        assert off.mean() < 0.5 and off.max() < 5


def test_a_frame_is_uploaded_once_for_all_nets(
    fan_frames: list[NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cuda_on_cpu(monkeypatch)
    captured = count_captures(monkeypatch)
    tracker, upload = PoseTracker(backend="cuda"), FrameUpload(CPU)
    tracker.warm_up(upload.blank())
    assert len(captured) == 2
    monkeypatch.setattr(FrameUpload, "__call__", lambda *_: pytest.fail("a net uploaded the frame again"))
    frame = upload.__class__.blank(upload)
    pixels = torch.from_numpy(fan_frames[0].reshape(-1, 3))
    frame.pixels[: len(pixels)].copy_(pixels)
    assert tracker(frame, 0) is not None
    assert len(captured) == 2, "nothing is captured while frames come"


def test_a_frame_that_is_too_large_is_refused() -> None:
    upload = FrameUpload(CPU)
    giant = np.broadcast_to(np.zeros(3, np.uint8), (LARGEST[1] + 1, LARGEST[0], 3))
    with pytest.raises(EngineError, match="3840x2161 is larger than 3840x2160"):
        upload(giant)
    assert upload(np.zeros((LARGEST[0], LARGEST[1], 3), np.uint8)).size == 3 * LARGEST[0] * LARGEST[1]
