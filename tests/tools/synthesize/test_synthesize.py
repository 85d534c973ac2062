from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from realtime.outputs.synthetic import COMMENT, SOURCE_TYPE, XMP, XMP_UUID
from tests.certificates import write_certificate
from tests.packs import SIZE
from tests.realtime.outputs.probing import probe, tags
from tests.videos import frames_of, layers_of
from tools.footage.video import VideoWriter
from tools.synthesize import __main__ as synthesize
from tools.synthesize import job
from tools.synthesize.job import poses_beside
from tools.synthesize.scene import DARK

FAN = Path(__file__).resolve().parents[3] / "assets" / "fan_dance.mp4"
FRAMES = 20


@pytest.fixture(scope="session")
def player(pack_folder: Path) -> Path:
    """An untrained player: a smudge over a grey plate."""
    return pack_folder


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


@pytest.fixture(scope="session")
def found(player: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The poses of `clip`, as a run keeps them."""
    output = tmp_path_factory.mktemp("found") / "out.mp4"
    assert synthesize.main([*arguments(player, clip, output), "--keep-poses"]) == 0
    return poses_beside(output)


def sound_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.dts is not None]


def arguments(player: Path, source: Path, output: Path) -> list[str]:
    return [
        "--player", str(player), "--source", str(source), "--output", str(output), "--backend", "torch",
        "--landmarks", "full",  # tests download nothing
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
    assert tags(probe(output))["comment"] == COMMENT
    data = output.read_bytes()
    assert data.endswith(XMP_UUID.bytes + XMP.encode())
    assert data.index(b"moov") < data.index(b"mdat")  # it can be played while it loads
    plate = cv2.imread(str(player / "plate.png")).astype(int)
    assert np.abs(made[10][1] - plate).max() > 40  # somebody is drawn on it
    assert list(tmp_path.iterdir()) == [output]


def test_it_is_signed_with_a_certificate(
    player: Path, clip: Path, found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed")
    credentials = write_certificate(tmp_path)
    signed = ["--certificate", str(credentials.certificate), "--key", str(credentials.key)]
    for ending in (".mp4", ".mov"):
        output = tmp_path / f"out{ending}"
        shutil.copy(found, poses_beside(output))
        assert synthesize.main([*arguments(player, clip, output), *signed]) == 0
        assert len(frames_of(output)) == FRAMES
        with c2pa.Reader(output) as reader:
            assert reader.get_validation_state() == "Valid"
            assert f'"title": "out{ending}"' in reader.json()
    assert synthesize.main([*arguments(player, clip, tmp_path / "out.mkv"), *signed]) == 1
    assert "out.mkv: only .mp4 and .mov hold Content Credentials" in capsys.readouterr().err


def test_side_by_side_shows_the_source_the_figure_and_the_player(
    player: Path, clip: Path, found: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    shutil.copy(found, poses_beside(output))
    assert synthesize.main([*arguments(player, clip, output), "--side-by-side"]) == 0
    made = frames_of(output)
    assert len(made) == FRAMES
    assert made[0][1].shape == (128, 228 + 128 + 128, 3)
    source = cv2.resize(frames_of(clip)[5][1], (228, 128), interpolation=cv2.INTER_AREA)
    assert np.abs(made[5][1][:, :228].astype(int) - source).mean() < 5
    figure = made[5][1][:, 228:356]
    assert np.median(figure) == pytest.approx(DARK, abs=3) and figure.max() > 150


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
    (tmp_path / "empty").mkdir()
    output = tmp_path / "out.mp4"
    for given, named in (
        ((player, tmp_path / "none.mp4", output), "none.mp4: no such file"),
        ((player, broken, output), "broken.mp4"),
        ((tmp_path, clip, output), "player.toml"),
        ((player, clip, tmp_path / "nowhere" / "out.mp4"), "there is no folder"),
        ((player, clip, tmp_path), "is a folder"),
        ((player, clip, tmp_path / "out.txt"), "use .mp4"),
        ((player, clip, output, "--plate", str(tmp_path / "none.jpg")), "none.jpg: no such file"),
        ((player, clip, output, "--plate", str(broken)), "broken.mp4: it is not a video"),
        ((player, clip, output, "--crf", "99"), "--crf 99: H.264 takes 0 (best) to 51"),
        ((player, clip, tmp_path / "out.mov", "--crf", "5"), "ProRes 4444 has no quality"),
        ((player, tmp_path / "empty", output), "holds no video"),
        ((player, clip, clip), "is the source itself"),
        ((player, clip, output, "--key", "key.pem"), "give both --certificate and --key"),
    ):
        assert synthesize.main([*arguments(*given[:3]), *given[3:]]) == 1
        error = capsys.readouterr().err
        complaints = [line for line in error.splitlines() if line != "landmarks: the full net"]
        assert len(complaints) == 1 and named in complaints[0]
    assert sorted(tmp_path.iterdir()) == [broken, tmp_path / "empty"]


@pytest.mark.parametrize("ending", [".mov", ".webm"])
def test_the_player_alone_laid_over_his_plate_is_his_picture(
    player: Path, clip: Path, found: Path, tmp_path: Path, ending: str
) -> None:
    whole, alone = tmp_path / "whole.mp4", tmp_path / f"alone{ending}"
    for output in (whole, alone):
        shutil.copy(found, poses_beside(output))
    assert synthesize.main([*arguments(player, clip, whole), "--crf", "1"]) == 0
    assert synthesize.main(arguments(player, clip, alone)) == 0
    layers = layers_of(alone)
    assert len(layers) == FRAMES and layers[0].shape == (SIZE[1], SIZE[0], 4)
    assert min(layer[..., 3].min() for layer in layers) == 0 and layers[5][..., 3].max() > 200
    plate = cv2.imread(str(player / "plate.png"))
    for layer, (_, picture) in zip(layers, frames_of(whole), strict=True):
        alpha = layer[..., 3:] / 255
        difference = layer[..., :3] * alpha + plate * (1 - alpha) - picture
        # An untrained player is noise, which 4:2:0 blurs: what counts is the mean of a few pixels.
        assert np.abs(cv2.blur(difference, (8, 8))).mean() < 3  # libswscale's rounding alone takes 2
    said = tags(probe(alone))
    assert said["comment"] == COMMENT
    assert said.get("digital_source_type") == (SOURCE_TYPE if ending == ".webm" else None)
    sounds = {".mov": "aac", ".webm": "opus"}
    with av.open(str(alone)) as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name == sounds[ending]
    assert sorted(tmp_path.iterdir()) == [alone, whole]


def test_another_plate_is_behind_the_player(player: Path, clip: Path, found: Path, tmp_path: Path) -> None:
    plate, output = tmp_path / "plate.png", tmp_path / "out.mp4"
    shutil.copy(found, poses_beside(output))
    cv2.imwrite(str(plate), np.full((30, 70, 3), (200, 60, 10), np.uint8))
    assert synthesize.main([*arguments(player, clip, output), "--plate", str(plate)]) == 0
    _, picture = frames_of(output)[10]
    assert np.abs(picture[:4, :4].astype(int) - (200, 60, 10)).max() < 6
    assert np.abs(picture.astype(int) - (200, 60, 10)).max() > 60  # somebody stands before it


def test_a_run_that_was_stopped_leaves_no_video_and_goes_on_from_its_poses(
    player: Path,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "out.mp4"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(VideoWriter, "write", stop)
        assert synthesize.main(arguments(player, clip, output)) == 130
    assert "stopped; what was not finished was not written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [poses_beside(output)]
    monkeypatch.setattr(job, "track", stop)  # it is not done again
    assert synthesize.main(arguments(player, clip, output)) == 0
    assert list(tmp_path.iterdir()) == [output]
    assert len(frames_of(output)) == FRAMES


def test_ctrl_c_ends_the_process_in_order_and_leaves_no_video(player: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "tools.synthesize", *arguments(player, FAN, output)]
    with subprocess.Popen(
        command, cwd=FAN.parents[1], stderr=subprocess.PIPE, preexec_fn=_heed_ctrl_c
    ) as process:
        assert process.stderr is not None
        begun = b""
        while b"pose:" not in begun:
            assert process.poll() is None
            begun += process.stderr.read(16)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert b"stopped" in said.splitlines()[-1] and b"Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def _heed_ctrl_c() -> None:
    """A test run in the background ignores it, and so would its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_folder_gives_a_result_for_each_video_and_one_that_fails_stops_no_other(
    player: Path, clip: Path, found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "fans", tmp_path / "finished"
    source.mkdir()
    (source / "notes.txt").write_text("no video", encoding="utf-8")
    (source / "a.mp4").write_bytes(b"no video either")
    (source / "b.mp4").write_bytes(clip.read_bytes())
    (source / "c.mp4").write_bytes(clip.read_bytes())
    output.mkdir()
    (output / "c.mp4").write_bytes(b"made before")
    for name in ("b.mp4", "c.mp4"):
        shutil.copy(found, poses_beside(output / name))
    assert synthesize.main(arguments(player, source, output)) == 1
    said = capsys.readouterr().out.splitlines()
    assert "a.mp4: failed: " in said[0] and "b.mp4: 20 frames" in said[1] and "there already" in said[2]
    assert said[3] == "1 made, 1 there already, 1 failed" and "a.mp4" in said[4]
    assert sorted(path.name for path in output.iterdir()) == [".c.mp4.poses.npz", "b.mp4", "c.mp4"]
    assert (output / "c.mp4").read_bytes() == b"made before"
    (source / "a.mp4").unlink()
    (source / "b.mp4").unlink()
    assert synthesize.main([*arguments(player, source, output), "--overwrite"]) == 0
    assert len(frames_of(output / "c.mp4")) == FRAMES
