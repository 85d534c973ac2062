"""The GPU way on a GPU: python -m pytest tests/engines/test_cuda.py

Needs torch, NumPy and pytest; tests of a whole player need safetensors and OpenCV as well, those of the pose
the folder weights (python -m engines.pose.convert).
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.backends.choice import compile_module, missing
from engines.painting.generator import LiveGenerator
from engines.runtime.device_engine import DeviceEngine
from engines.runtime.streams import Event, Graphs, Stream, page_lock
from tests.drawn import standing, untrained_generator
from tests.engines.small_net import OUTPUTS, Small, example, expected, fill

if TYPE_CHECKING:
    from engines.pack.player_pack import PlayerPack
    from engines.rendering.device_renderer import DeviceRenderer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(missing("cuda") is not None, reason=missing("cuda") or "cuda is here"),
]
DEMO = Path(__file__).resolve().parents[2] / "players/demo"
Record = Callable[[str, object], None]
A_SECOND = 2_000_000_000
"""Clock cycles of a GPU, about."""


def generator_engine(size: tuple[int, int], precision: str = "fp16") -> tuple[LiveGenerator, DeviceEngine]:
    net = LiveGenerator(untrained_generator(0.7 * size[1]).fold()).eval()
    engine = compile_module(net, net.example(size), net.OUTPUTS, backend="cuda", precision=precision)
    assert isinstance(engine, DeviceEngine)
    return net, engine


def inputs_of(engine: DeviceEngine, seed: int) -> dict[str, NDArray[np.generic]]:
    inputs, _ = engine.buffers()
    random = np.random.default_rng(seed)
    height, width = inputs["doll"].shape[1:3]
    inputs["landmarks"][0] = standing(width / 2 + seed, 0.9 * height, 0.7 * height, arms=0.3 * seed)
    inputs["previous"][:] = random.random(inputs["previous"].shape)
    inputs["doll"][:] = 0
    inputs["doll"][0, height // 4 : 3 * height // 4, width // 3 : 2 * width // 3] = (40, 90, 200, 255)
    return inputs


def psnr(one: NDArray[np.generic], other: NDArray[np.generic], whole: float = 255.0) -> float:
    error = float(np.square(np.asarray(one, float) - np.asarray(other, float)).mean())
    return 10 * float(np.log10(whole**2 / max(error, 1e-9)))


def together_over_apart(one: Callable[[], object], other: Callable[[], object], times: int = 200) -> float:
    """How long two pieces of work take in two threads, as a share of what they take one after the other: 1
    where nothing overlaps, 0.5 where all does."""

    def often(work: Callable[[], object]) -> None:
        for _ in range(times):
            work()

    started = time.perf_counter()
    often(one)
    often(other)
    apart = time.perf_counter() - started
    thread = threading.Thread(target=often, args=(other,))
    started = time.perf_counter()
    thread.start()
    often(one)
    thread.join()
    return (time.perf_counter() - started) / apart


def wait_for(found: list[float], count: int) -> None:
    """Until another thread has found so many, but not for ever."""
    deadline = time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        time.sleep(0.01)


def allocations() -> tuple[int, int]:
    stats = torch.cuda.memory_stats()
    return stats["allocation.all.allocated"], stats["segment.all.allocated"]


def assert_allocates_nothing(work: Callable[[], object], times: int = 50) -> None:
    for _ in range(3):
        work()
    before = allocations()
    for _ in range(times):
        work()
    assert allocations() == before


def test_in_half_precision_the_picture_is_that_of_eager_torch() -> None:
    net, engine = generator_engine((256, 192))
    for seed in range(3):
        inputs, (_, outputs) = inputs_of(engine, seed), engine.buffers()
        engine.run(inputs, outputs)
        with torch.inference_mode():
            own, fields = net(*(torch.from_numpy(array) for array in inputs.values()))
        assert psnr(outputs["own"], own.numpy(), 1.0) > 40
        assert np.abs(outputs["fields"] - fields.numpy()).max() < 0.1


def test_f32_is_not_rounded_as_tensor_cores_do() -> None:
    engine = compile_module(Small(), example(64, 96), OUTPUTS, backend="cuda", precision="f32")
    inputs, outputs = engine.buffers()
    fill(inputs, 1)
    engine.run(inputs, outputs)
    for name, truth in zip(OUTPUTS, expected(Small(), inputs), strict=True):
        np.testing.assert_allclose(outputs[name], truth, atol=2e-5)


def test_a_replay_does_what_the_work_does() -> None:
    _, engine = generator_engine((128, 128))
    stream = Stream(engine.device)
    launch = Graphs(stream).capture(engine.enqueue)
    for seed in range(3):
        with stream.current():
            for name, array in inputs_of(engine, seed).items():
                engine.input_tensors[name].copy_(torch.from_numpy(array))
            engine.enqueue()
            plain = {name: tensor.clone() for name, tensor in engine.output_tensors.items()}
            for tensor in engine.output_tensors.values():
                tensor.zero_()
            launch()
        stream.synchronize()
        for name, tensor in plain.items():
            assert (
                psnr(engine.output_tensors[name].cpu().numpy(), tensor.cpu().numpy(), float(tensor.max()))
                > 45
            )


def test_an_engine_waits_for_nobody_else() -> None:
    """A device-wide synchronization would wait for the other stream."""
    _, engine = generator_engine((128, 128))
    inputs, (_, outputs) = inputs_of(engine, 0), engine.buffers()
    engine.run(inputs, outputs)
    other = torch.cuda.Stream()
    with torch.cuda.stream(other):
        torch.cuda._sleep(5 * A_SECOND)  # this thread may wait for a core meanwhile
    for _ in range(5):
        engine.run(inputs, outputs)
    assert not other.query(), "the other stream is still busy"
    other.synchronize()


def test_a_mark_is_passed_when_its_stream_is_there() -> None:
    stream = Stream(torch.device("cuda"))
    event, value = Event(stream.device), torch.zeros(1, device="cuda")
    stream.wait_for_default()
    with stream.current():
        torch.cuda._sleep(A_SECOND // 10)
        value.fill_(7)
        host = torch.zeros(1, pin_memory=True)
        host.copy_(value, non_blocking=True)
        event.set()
    event.wait()
    assert host.item() == 7


def test_an_engine_allocates_nothing_once_warm() -> None:
    _, engine = generator_engine((256, 256))
    inputs, (_, outputs) = inputs_of(engine, 0), engine.buffers()
    assert_allocates_nothing(lambda: engine.run(inputs, outputs))


def test_two_threads_on_one_gpu_leave_each_other_alone(record_property: Record) -> None:
    """Each paints what it paints alone. How much of their times overlaps is measured, not judged: on a quick
    GPU Python is what takes longest."""
    engines = [generator_engine((192, 192))[1] for _ in range(2)]
    ready = [(engine, inputs_of(engine, 0), engine.buffers()[1]) for engine in engines]

    def stage(index: int) -> None:
        engine, inputs, outputs = ready[index]
        engine.run(inputs, outputs)

    for index in (0, 1):
        stage(index)
    alone = [outputs["own"].copy() for _, _, outputs in ready]
    for _, _, outputs in ready:
        outputs["own"].fill(0)
    record_property("together / apart", together_over_apart(lambda: stage(0), lambda: stage(1)))
    for (_, _, outputs), truth in zip(ready, alone, strict=True):
        assert psnr(outputs["own"], truth, 1.0) > 50


def test_a_network_is_captured_beside_one_that_runs() -> None:
    _, engine = generator_engine((128, 128))
    inputs, (_, outputs) = inputs_of(engine, 1), engine.buffers()
    engine.run(inputs, outputs)
    truth, stop, likeness = outputs["own"].copy(), threading.Event(), [100.0]

    def play() -> None:
        while not stop.is_set():
            engine.run(inputs, outputs)
            likeness.append(psnr(outputs["own"], truth, 1.0))

    thread = threading.Thread(target=play)
    thread.start()
    try:
        wait_for(likeness, 2)
        net, other = generator_engine((192, 256))
        others, (_, found) = inputs_of(other, 2), other.buffers()
        other.run(others, found)
        wait_for(likeness, 5)
    finally:
        stop.set()
        thread.join()
    assert len(likeness) > 4 and min(likeness) > 50
    with torch.inference_mode():
        own, _ = net(*(torch.from_numpy(array) for array in others.values()))
    assert psnr(found["own"], own.numpy(), 1.0) > 40


def test_shared_memory_is_written_by_the_gpu_itself() -> None:
    memory = SharedMemory(create=True, size=1 << 20)
    try:
        array: NDArray[np.uint8] = np.ndarray((memory.size,), np.uint8, memory.buf)
        assert page_lock(array) and page_lock(array), "to register it twice is no error"
        tensor = torch.from_numpy(array)
        assert tensor.is_pinned()
        source = torch.arange(1 << 20, device="cuda").to(torch.uint8)
        stream, event = Stream(source.device), Event(source.device)
        stream.wait_for_default()
        with stream.current():
            tensor.copy_(source, non_blocking=True)
            event.set()
        event.wait()
        np.testing.assert_array_equal(array, np.arange(1 << 20).astype(np.uint8))
        torch.cuda.cudart().cudaHostUnregister(tensor.data_ptr())
        del tensor, array
    finally:
        memory.close()
        memory.unlink()


@pytest.fixture(scope="module")
def pack() -> PlayerPack:
    pytest.importorskip("cv2", reason="a player's pictures are read with OpenCV")
    from engines.pack.player_pack import PlayerPack

    return PlayerPack.load(DEMO)


@pytest.fixture(scope="module")
def renderer(pack: PlayerPack) -> DeviceRenderer:
    from engines.rendering.device_renderer import DeviceRenderer

    return DeviceRenderer(pack, backend="cuda")


def picture_for(pack: PlayerPack) -> NDArray[np.uint8]:
    return torch.empty(pack.size[1], pack.size[0], 3, dtype=torch.uint8, pin_memory=True).numpy()


def test_the_player_is_the_one_of_the_cpu(pack: PlayerPack, renderer: DeviceRenderer) -> None:
    from engines.rendering.renderer import Renderer

    on_host, ours, theirs = Renderer(pack, backend="torch"), picture_for(pack), picture_for(pack)
    renderer.reset()
    for pose in pack.poses[::60][:6]:
        renderer(pose, ours)
        on_host(pose, theirs)
        assert psnr(ours, theirs) > 40


def test_the_player_allocates_nothing_and_waits_for_nobody(
    pack: PlayerPack, renderer: DeviceRenderer
) -> None:
    out, poses = picture_for(pack), pack.poses[:40]
    for pose in poses:
        renderer(pose, out)

    def dance() -> None:
        for pose in poses:
            renderer(pose, out)

    assert_allocates_nothing(dance, times=3)
    other = torch.cuda.Stream()
    with torch.cuda.stream(other):
        torch.cuda._sleep(5 * A_SECOND)  # this thread may wait for a core meanwhile
    renderer(poses[0], out)
    assert not other.query()
    other.synchronize()


def test_another_player_is_loaded_beside_him_and_his_memory_comes_back(
    pack: PlayerPack, renderer: DeviceRenderer
) -> None:
    from engines.rendering.device_renderer import DeviceRenderer

    out, stop, likeness = picture_for(pack), threading.Event(), [100.0]
    pose = pack.poses[0]
    renderer.reset()
    renderer(pose, out)
    first = out.copy()

    def play() -> None:
        while not stop.is_set():
            renderer.reset()
            renderer(pose, out)
            likeness.append(psnr(out, first))

    thread = threading.Thread(target=play)
    thread.start()
    before = torch.cuda.memory_allocated()
    try:
        wait_for(likeness, 2)
        following = DeviceRenderer(pack, backend="cuda")
        wait_for(likeness, 5)
    finally:
        stop.set()
        thread.join()
    assert len(likeness) > 4 and min(likeness) > 50
    following(pose, out)
    assert psnr(out, first) > 50
    taken = torch.cuda.memory_allocated() - before
    del following
    gc.collect()
    assert torch.cuda.memory_allocated() - before < 0.1 * taken


def test_the_pose_is_the_one_of_the_cpu_also_beside_the_player(
    pack: PlayerPack, renderer: DeviceRenderer, record_property: Record
) -> None:
    cv2 = pytest.importorskip("cv2")
    from engines.pose.convert import load_net
    from engines.pose.device_frame import FrameUpload
    from engines.pose.landmarks import LandmarkNet
    from engines.pose.region import Region
    from engines.pose.tflite_graph import GraphError

    try:
        load_net("pose_landmark_full")
    except GraphError as error:
        pytest.skip(str(error))
    clip = cv2.VideoCapture(str(DEMO.parents[1] / "assets/fan_dance.mp4"))
    frame = np.asarray(clip.read()[1], np.uint8)
    clip.release()
    region, upload = Region(640, 380, 640, 0.05), FrameUpload(torch.device("cuda"))
    net = LandmarkNet(backend="cuda")
    ours, theirs = net(upload(frame), region), LandmarkNet(backend="torch")(frame, region)
    assert np.abs(ours.landmarks[:, :2] - theirs.landmarks[:, :2]).max() < 0.5
    assert_allocates_nothing(lambda: net(upload(frame), region))
    out, moved = picture_for(pack), [0.0]

    def look() -> None:
        found = net(upload(frame), region)
        moved.append(float(np.abs(found.landmarks - ours.landmarks).max()))

    def paint() -> None:
        renderer.reset()
        renderer(pack.poses[0], out)

    paint()
    alone = out.copy()
    record_property("together / apart", together_over_apart(paint, look, times=100))
    assert len(moved) > 200 and max(moved) < 0.01
    assert psnr(out, alone) > 50
