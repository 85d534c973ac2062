"""What cannot be read is told in one line with the file and the next step, by the tools and by the show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from realtime.cameras.camera_name import CaptureError
from realtime.cameras.video_source import VideoSource
from realtime.pictures.opening import VideoError, open_video
from realtime.pictures.reader import VideoReader
from tests.realtime.pictures.odd_videos import INTERLACED, greys, interlaced, write_video


def without_video(path: Path, *, cover: bool) -> Path:
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mjpeg", rate=1) if cover else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
        stream = container.add_stream("aac", rate=48000, layout="mono")
        if picture is not None:
            container.mux(picture.encode(av.VideoFrame(64, 64, "yuvj420p")))
            container.mux(picture.encode())
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def with_codec(path: Path, tag: bytes) -> Path:
    data = write_video(path, greys(5)).read_bytes()
    where = data.rindex(b"avc1")
    return written(path, data[:where] + tag + data[where + 4 :])


def without_its_end(path: Path) -> Path:
    data = write_video(path, greys(30)).read_bytes()
    return written(path, data[: len(data) // 2])


def all_zeros(path: Path) -> Path:
    data = bytearray(write_video(path, greys(20)).read_bytes())
    start = data.index(b"mdat") + 4
    data[start : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - start)
    return written(path, bytes(data))


def encrypted(path: Path) -> Path:
    key = "00112233445566778899aabbccddeeff"
    scheme = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": key, "encryption_kid": key}
    return write_video(path, greys(5), container=scheme)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path, ": no such file"),
        (lambda path: path.parent, " is a folder: name a video file in it"),
        (lambda path: written(path, b""), ": it is empty: copy it from the camera again"),
        (lambda path: written(path, b"no video at all"), ": it is not a video that can be read"),
        (without_its_end, "it may break off .*: copy it again"),
        (all_zeros, "holds no picture that can be decoded: copy it from the camera again"),
        (lambda path: without_video(path, cover=False), "has no video in it: name a video file"),
        (lambda path: without_video(path, cover=True), "has no video in it, only a cover picture"),
        (lambda path: with_codec(path, b"zzzz"), "codec is not known here.*: convert it to H.264"),
        (encrypted, "is protected against copying: use a copy that is not"),
    ],
    ids=["missing", "folder", "empty", "text", "cut", "zeros", "sound", "cover", "codec", "encrypted"],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    path = make(tmp_path / "clip.mp4")
    with pytest.raises(VideoError, match=words) as offline:
        VideoReader(path)
    assert str(offline.value).startswith(str(path)) and "\n" not in str(offline.value)
    with pytest.raises(CaptureError) as live:
        VideoSource(str(path))
    assert str(path) in str(live.value) and "\n" not in str(live.value)


def test_a_file_that_breaks_off_is_read_up_to_there_and_named(tmp_path: Path) -> None:
    options = {"movflags": "faststart"}
    path = write_video(tmp_path / "half.mp4", greys(30), container=options, options={"g": "1", "crf": "4"})
    path.write_bytes(path.read_bytes()[:-500])
    pictures = []
    with VideoReader(path) as reader, pytest.raises(VideoError) as caught:
        pictures += [picture for _, picture in reader]
    count = len(pictures) or 0
    assert str(caught.value).startswith(f"{path} is broken after frame ")
    assert str(caught.value).endswith(": copy it from the camera again")
    source = VideoSource(str(path))
    stamps = [source.grab() for _ in range(60)]  # on air it goes round, without what is missing
    source.close()
    assert (np.diff(stamps) > 0).all() and count < 30


@pytest.mark.parametrize("name", ["a:b.mp4", "http:clip.mp4", "100%.mp4", "new clip é.mp4"])
def test_any_name_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write_video(tmp_path / name, greys(5))
    monkeypatch.chdir(tmp_path)
    with VideoReader(Path(name)) as reader:
        assert len(list(reader)) == 5
    source = VideoSource(name)
    source.grab()
    assert source.picture().shape == (48, 64, 3)
    source.close()


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov", "avi"])
def test_a_cover_picture_is_passed_over(tmp_path: Path, ending: str) -> None:
    path = write_video(tmp_path / f"covered.{ending}", greys(10, (96, 48)), cover="mjpeg")
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "mjpeg"
    with VideoReader(path) as reader:
        assert reader.size == (96, 48)
        assert len([picture for _, picture in reader if picture.std() < 10]) == 10
    source = VideoSource(str(path))
    source.grab()
    assert source.picture().shape == (48, 96, 3)
    source.close()


def test_a_title_in_another_character_set_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "titled.mp4"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Tanz der Baeren"
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
    data = path.read_bytes()
    assert data.count(b"Baeren") == 1
    path.write_bytes(data.replace(b"Baeren", b"B\xe4\xe4ren"))
    with VideoReader(path) as reader:
        assert len(list(reader)) == 1


@pytest.mark.parametrize("filters", ["deinterlaced", "shown"])
def test_what_ffmpeg_cannot_convert_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: str
) -> None:
    def fails(*_: object) -> None:
        raise av.error.ArgumentError(22, "Invalid argument")

    if filters == "deinterlaced":
        path = write_video(tmp_path / "a.mp4", interlaced(5), fps=25, options=INTERLACED)
        monkeypatch.setattr("realtime.pictures.decoding.FilterChain", fails)
    else:
        quarter_turn = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
        path = write_video(tmp_path / "a.mp4", greys(5), matrix=quarter_turn)
        monkeypatch.setattr("realtime.pictures.conversion.FilterChain", fails)
    words = f"cannot be {filters} \\(Invalid argument\\): convert it to H.264"
    with pytest.raises(VideoError, match=words):
        VideoReader(path)
    with pytest.raises(CaptureError, match=words):
        VideoSource(str(path))


@pytest.mark.parametrize("ending", ["heic", "HEIF", "avif"])
def test_a_phones_photo_is_refused_with_the_way_out(tmp_path: Path, ending: str) -> None:
    photo = tmp_path / f"plate.{ending}"
    photo.write_bytes(b"....ftypheic")
    with pytest.raises(VideoError, match=r"plate.*phone's photo: export it as JPEG"):
        open_video(str(photo), stream=False)
