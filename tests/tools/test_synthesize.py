from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from calibration.body import MIRRORED, measure_body
from engines.pose.tracker import Pose
from tests.packs import SIZE, standing, write_dataset, write_nano_pack
from tools import synthesize
from tools.synthesize import HOLD_NS, Dance
from tools.video import VideoError, VideoReader, VideoWriter

FAN = Path(__file__).resolve().parents[2] / "assets" / "fan_dance.mp4"
FRAMES = 20
MS = 1_000_000


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


PLAYER = measure_body(np.stack([standing(70 + x, 160, 100) for x in range(50)]))


def pose_at(x: float, person_id: int = 0) -> Pose:
    return Pose(person_id, standing(x, 160, 100), np.zeros((33, 3), np.float32), 1.0)


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained player: a smudge over a grey plate."""
    folder = tmp_path_factory.mktemp("player")
    return write_nano_pack(folder / "pack", write_dataset(folder / "dataset"))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first frames of the bundled dance, with as much of its sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(str(FAN)) as source, av.open(str(path), "w") as output:
        sound = output.add_stream_from_template(source.streams.audio[0])
        video = output.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        for frame in islice(source.decode(video=0), FRAMES):
            output.mux(video.encode(frame.reformat(640, 360)))
        output.mux(video.encode())
        source.seek(0)
        for packet in source.demux(audio=0):
            if packet.dts is not None and packet.pts * packet.time_base < FRAMES / 30:
                packet.stream = sound
                output.mux(packet)
    return path


def frames_of(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]


def sound_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.dts is not None]


def arguments(player: Path, source: Path, output: Path) -> list[str]:
    return [
        "--player", str(player), "--source", str(source), "--output", str(output), "--backend", "torch"
    ]  # fmt: skip


def test_every_frame_its_time_and_the_sound_are_kept(
    player: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    assert synthesize.main(arguments(player, clip, output)) == 0
    assert f"{FRAMES} frames, {FRAMES} of them with a person, 30 fps" in capsys.readouterr().out
    made, source = frames_of(output), frames_of(clip)
    assert [time for time, _ in made] == [time for time, _ in source]
    assert made[0][1].shape == (SIZE[1], SIZE[0], 3)
    assert sound_of(output) == sound_of(clip)
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 30
    data = output.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # it can be played while it loads
    plate = cv2.imread(str(player / "plate.png")).astype(int)
    assert np.abs(made[10][1] - plate).max() > 40  # somebody is drawn on it
    assert list(tmp_path.iterdir()) == [output]


def test_side_by_side_shows_the_source_the_figure_and_the_player(
    player: Path, clip: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    assert synthesize.main([*arguments(player, clip, output), "--side-by-side"]) == 0
    made = frames_of(output)
    assert len(made) == FRAMES
    assert made[0][1].shape == (128, 228 + 128 + 128, 3)
    source = cv2.resize(frames_of(clip)[5][1], (228, 128), interpolation=cv2.INTER_AREA)
    assert np.abs(made[5][1][:, :228].astype(int) - source).mean() < 5
    figure = made[5][1][:, 228:356]
    assert np.median(figure) == pytest.approx(synthesize.DARK, abs=3) and figure.max() > 150


def test_a_source_without_anyone_is_one_clear_line_and_leaves_nothing(
    player: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "empty.mp4", tmp_path / "out" / "out.mp4"
    output.parent.mkdir()
    with VideoWriter(source, (320, 240), fps=Fraction(30), time_base=Fraction(1, 30)) as writer:
        for number in range(3):
            writer.write(number * 1_000_000_000 // 30, np.full((240, 320, 3), 128, np.uint8))
    assert synthesize.main(arguments(player, source, output)) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "nobody was found in the 3 frames" in line and "empty.mp4" in line
    assert list(output.parent.iterdir()) == []


def test_what_is_wrong_is_named_in_one_line(
    player: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    output = tmp_path / "out.mp4"
    for given, named in (
        ((player, tmp_path / "none.mp4", output), "none.mp4: no such file"),
        ((player, broken, output), "broken.mp4"),
        ((tmp_path, clip, output), "player.toml"),
        ((player, clip, tmp_path / "nowhere" / "out.mp4"), "there is no folder"),
        ((player, clip, tmp_path), "is a folder"),
        ((player, clip, tmp_path / "out.txt"), "use .mp4"),
        ((player, clip, clip), "is the source itself"),
    ):
        assert synthesize.main(arguments(*given)) == 1
        error = capsys.readouterr().err
        assert named in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == [broken]


def test_a_pose_is_held_for_a_quarter_of_a_second_then_the_scene_is_empty() -> None:
    poses = [None, pose_at(90), *[None] * 9, pose_at(100)]
    dance = Dance((200, 200), [number * 50 * MS for number in range(12)], poses)
    landmarks = list(synthesize.retarget(dance, PLAYER))
    assert landmarks[0] is None
    held = 1 + HOLD_NS // (50 * MS)
    assert all(pose is landmarks[1] for pose in landmarks[1 : 1 + held])
    assert landmarks[1 + held : 11] == [None] * (10 - held)
    assert landmarks[11] is not None and landmarks[11] is not landmarks[1]


def test_a_mirrored_dancer_goes_where_his_mirror_image_would() -> None:
    times = [number * 33 * MS for number in range(40)]
    poses = [pose_at(40 + number) for number in range(40)]
    turned = []
    for pose in poses:
        points = pose.landmarks[MIRRORED].copy()
        points[:, 0] = 200 - points[:, 0]
        turned.append(Pose(0, points, pose.world, 1.0))
    mirrored = list(synthesize.retarget(Dance((200, 200), times, poses), PLAYER, mirror=True))
    expected = list(synthesize.retarget(Dance((200, 200), times, turned), PLAYER))
    np.testing.assert_allclose(np.stack(mirrored), np.stack(expected), atol=0.5)
    assert mirrored[0][0, 0] > mirrored[-1][0, 0]  # he walks right, his image left


def test_a_held_pose_is_not_drawn_again_and_an_empty_scene_is_the_plate() -> None:
    class Brush:
        drawn, forgotten = 0, 0

        def __call__(self, landmarks: np.ndarray, out: np.ndarray) -> None:
            self.drawn += 1
            out[:] = self.drawn

        def reset(self) -> None:
            self.forgotten += 1

    brush, pose, plate = Brush(), standing(50, 160, 100), np.full((4, 4, 3), 200, np.uint8)
    pictures = synthesize.render(brush, plate, [None, pose, pose, None, pose])  # type: ignore[arg-type]
    assert [int(picture[0, 0, 0]) for picture in pictures] == [200, 1, 1, 200, 2]
    assert (brush.drawn, brush.forgotten) == (2, 2)


def test_uneven_times_come_out_as_they_went_in(tmp_path: Path) -> None:
    path, ticks = tmp_path / "uneven.mp4", [0, 512, 1500, 1501, 9000]
    base = Fraction(1, 15360)
    with VideoWriter(path, (64, 48), fps=Fraction(30), time_base=base) as writer:
        for tick in ticks:
            writer.write(round(tick * base * 1_000_000_000), np.zeros((48, 64, 3), np.uint8))
    assert [round(time / base) for time, _ in frames_of(path)] == ticks
    assert [round(t_ns / 1e9 / base) for t_ns, _ in VideoReader(path)] == ticks


def test_sound_that_the_output_cannot_hold_is_encoded_anew(tmp_path: Path) -> None:
    source, output = tmp_path / "source.avi", tmp_path / "out.mp4"
    wave = (np.sin(np.arange(22050) * 0.06) * 9000).astype(np.int16)[None]
    with av.open(str(source), "w") as container:
        video = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_mulaw", rate=44100, layout="mono")
        for _ in range(15):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "bgr24")))
        container.mux(video.encode())
        frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 44100, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with VideoWriter(output, (64, 48), fps=Fraction(30), time_base=Fraction(1, 30), sound=source) as writer:
        for number in range(15):
            writer.write(number * 1_000_000_000 // 30, np.zeros((48, 64, 3), np.uint8))
    with av.open(str(output)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert heard.shape[1] / 44100 == pytest.approx(0.5, abs=0.1)
    assert np.abs(heard).max() == pytest.approx(9000 / 32768, rel=0.2)


def test_a_video_filmed_on_its_side_is_read_upright(tmp_path: Path) -> None:
    path = tmp_path / "phone.mp4"
    lying = np.zeros((48, 64, 3), np.uint8)
    lying[:, :32] = 255  # what is on the left lies above once turned right
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(-90)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(lying, "bgr24")))
        container.mux(stream.encode())
    reader = VideoReader(path)
    ((_, upright),) = reader
    assert reader.size == (48, 64) and upright.shape == (64, 48, 3)
    assert upright[:24].min() > 200 and upright[40:].max() < 50


def test_an_unfinished_video_is_thrown_away_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"the old one")
    with (
        pytest.raises(KeyboardInterrupt),
        VideoWriter(path, (64, 48), fps=Fraction(30), time_base=Fraction(1, 30)) as writer,
    ):
        writer.write(0, np.zeros((48, 64, 3), np.uint8))
        raise KeyboardInterrupt
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_source_without_sound_gives_none(tmp_path: Path) -> None:
    silent, output = tmp_path / "silent.mp4", tmp_path / "out.mp4"
    for path, sound in ((silent, None), (output, silent)):
        with VideoWriter(path, (64, 48), fps=Fraction(30), time_base=Fraction(1, 30), sound=sound) as writer:
            writer.write(0, np.zeros((48, 64, 3), np.uint8))
    with av.open(str(output)) as container:
        assert len(container.streams.audio) == 0


def test_a_folder_that_may_not_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(VideoError, match="may not be written to"):
        VideoWriter(tmp_path / "out.mp4", (64, 48), fps=Fraction(30), time_base=Fraction(1, 30))


def test_a_format_that_holds_no_h264_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"use \.mp4"):
        VideoWriter(tmp_path / "out.webm", (64, 48), fps=Fraction(30), time_base=Fraction(1, 30))
    assert list(tmp_path.iterdir()) == []
