"""The sound of recordings and streams: as long as the picture, at the place that the playout tells."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from realtime.config.outputs import Recorder, Stream
from realtime.config.show import Show, ShowError
from realtime.outputs import disk, sound
from realtime.outputs.recording import RecorderSink
from realtime.outputs.sink import Format, OutputError
from realtime.outputs.sound import (
    OFF_S,
    PRIMING,
    RATE,
    Encoded,
    Recent,
    Silence,
    SourceSound,
    open_sound,
)
from realtime.outputs.stream import StreamSink
from realtime.outputs.synthetic import COMMENT
from realtime.stages.table import output_stage, stages_of
from realtime.transport.programme_ring import MediaTime, ProgrammeFrame
from tests.ports import free_port
from tests.realtime.outputs.feeding import playing, wait_for_state, wait_until
from tests.realtime.outputs.probing import probe, tags
from tests.realtime.outputs.test_recording import SIZE, frame
from tests.realtime.outputs.test_stream import frame as numbered
from tests.realtime.sounding import BRIGHT, DARK, beeps_in, flashes_in, flashing_film, is_flash
from tools.benchmarking.hosting import hosted

LOUD = 6000
TICK_NS = 50_000_000


@pytest.fixture(autouse=True)
def _patient_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that others use, too, may take longer."""
    monkeypatch.setattr(disk, "CLOSE_S", 60.0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of video whose sound is loud in its second quarter."""
    path = tmp_path_factory.mktemp("clip") / "clip.mov"
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=20)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        sound = file.add_stream("pcm_s16le", rate=RATE, layout="stereo")
        for _ in range(20):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="bgr24")
            file.mux(video.encode(picture))
        file.mux(video.encode(None))
        samples = np.zeros((1, 2 * RATE), np.int16)
        samples[0, RATE // 2 : RATE] = np.resize(np.repeat([LOUD, -LOUD], 96), RATE // 2)
        heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        heard.sample_rate = RATE
        file.mux(sound.encode(heard))
    return path


def source(*files: Path | None) -> str:
    """As the table of stages has it for "source"."""
    return f"source:{json.dumps([None if file is None else str(file) for file in files])}"


def record(
    folder: Path,
    audio: str,
    media: Callable[[int], MediaTime | None] = lambda tick: None,
    container: str = "mkv",
    ticks: Sequence[int] = range(60),
    feed: str = "programme",
    grey: Callable[[int], int] = lambda tick: 100,
) -> Path:
    """Three seconds at 20 fps. media, grey: of each tick, in the programme."""
    settings = Recorder(kind="recorder", folder=folder, container=container, feed=feed, bitrate=400_000)
    sink = RecorderSink(settings.model_copy(update={"audio": audio}), Format(SIZE, Fraction(20)))
    sink.order("start")
    wait_for_state(sink, "running")
    for tick in ticks:
        sent = sink.status().sent
        picture = np.full((SIZE[1], SIZE[0], 3), grey(tick), np.uint8)
        clean_media = MediaTime(0, (tick - 10) * TICK_NS)
        sink.send(
            ProgrammeFrame(picture, None, picture, None, tick, media(tick), clean_media), 100 + tick, tick
        )
        wait_until(lambda sent=sent: sink.status().sent > sent, f"tick {tick} is written")
    sink.order("stop")
    wait_for_state(sink, "off")
    assert sink.status().reason == ""
    sink.close()
    (path,) = (each for each in folder.iterdir() if each.suffix == f".{container}")
    return path


def loudness(path: Path, ticks: int = 60) -> np.ndarray:
    """Of each tick of 1/20 s, from 0 to 1."""
    samples = np.zeros(ticks * 2400 + 4096, np.float32)
    with av.open(str(path)) as file:
        for part in file.decode(audio=0):
            at, heard = round(part.time * RATE), part.to_ndarray()[0][: len(samples)]
            samples[at : at + len(heard)] = heard[: len(samples) - at]
    return np.abs(samples[: ticks * 2400].reshape(-1, 2400)).mean(axis=1) / (LOUD / 32768)


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_a_silent_track_is_as_long_as_the_picture(container: str, tmp_path: Path) -> None:
    path = record(tmp_path, "silence", container=container, ticks=range(30))
    found = probe(path)
    assert [stream["codec_name"] for stream in found["streams"]] == ["h264", "aac"]
    assert found["streams"][1]["sample_rate"] == "48000"
    assert float(found["format"]["duration"]) == pytest.approx(1.5, abs=0.1)
    assert loudness(path).max() == 0
    for stream, best in ((0, 0.002), (1, 0.025)):  # the picture is not moved by the sound
        with av.open(str(path)) as file:
            frames = list(file.decode(file.streams[stream]))
        assert frames[0].time == pytest.approx(0, abs=best)
        assert frames[-1].time == pytest.approx(1.5, abs=0.06)


LOUD_TICKS, INSIDE = np.repeat([0, 1, 0, 0], 5), np.tile([False, True, True, True, False], 12)
"""Of the clip: which of its ticks are loud; and those whose loudness AAC does not smear."""


def test_the_clips_sound_goes_round_from_the_place_that_is_told(clip: Path, tmp_path: Path) -> None:
    heard = loudness(record(tmp_path, source(clip), lambda tick: MediaTime(0, (tick + 5) * TICK_NS)))
    expected = np.roll(np.tile(LOUD_TICKS, 3), -5)
    np.testing.assert_allclose(heard[INSIDE], expected[INSIDE], atol=0.15)


def test_the_clean_feed_has_its_own_place(clip: Path, tmp_path: Path) -> None:
    path = record(tmp_path, source(clip), lambda tick: MediaTime(0, None), feed="clean")
    expected = np.roll(np.tile(LOUD_TICKS, 3), 10)
    np.testing.assert_allclose(loudness(path)[INSIDE], expected[INSIDE], atol=0.15)


def test_ticks_that_are_missing_are_filled_with_what_they_had(clip: Path, tmp_path: Path) -> None:
    """A playout that is restarted. Its first ticks do not know the place yet."""
    ticks = [tick for tick in range(60) if not 20 <= tick < 33]
    path = record(
        tmp_path,
        source(clip),
        lambda tick: None if tick in (33, 34) else MediaTime(0, tick * TICK_NS),
        ticks=ticks,
    )
    np.testing.assert_allclose(loudness(path)[INSIDE], np.tile(LOUD_TICKS, 3)[INSIDE], atol=0.15)


def test_a_device_is_silent_and_another_file_has_its_own_sound(clip: Path, tmp_path: Path) -> None:
    def media(tick: int) -> MediaTime:
        camera = 0 if tick < 20 else 1 if tick < 40 else 2
        return MediaTime(camera, None if camera == 1 else tick * TICK_NS)

    heard = loudness(record(tmp_path, source(clip, None, clip), media))
    expected = np.concatenate([LOUD_TICKS, np.zeros(20), LOUD_TICKS])
    np.testing.assert_allclose(heard[INSIDE], expected[INSIDE], atol=0.15)


class Asked(Silence):
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[int | None, MediaTime | None, int]] = []

    def take(self, heard_ns: int | None, media: MediaTime | None, count: int) -> np.ndarray:
        self.asked.append((heard_ns, media, count))
        return super().take(heard_ns, media, count)


def test_what_is_asked_of_a_sound(tmp_path: Path) -> None:
    sound, start_ns = Asked(), 10**12
    with av.open(str(tmp_path / "a.mkv"), "w") as file:
        encoded = Encoded(sound, file, Fraction(20))
        for tick, entered, ns in ((3, 1, 0), (4, 2, 0), (5, None, 0), (6, 2, None), (10, 8, 10**9)):
            media = None if ns is None else MediaTime(1, ns)
            file.mux(encoded.tick(tick, start_ns + tick * TICK_NS, entered, media))
        file.mux(encoded.flush())
    primed_ns = round(PRIMING * 1e9 / RATE)
    gap_ns = 3 * TICK_NS
    assert sound.asked == [
        (start_ns + 1 * TICK_NS + primed_ns, MediaTime(1, primed_ns), 2400 - PRIMING),
        (start_ns + 2 * TICK_NS, MediaTime(1, 0), 2400),
        (None, MediaTime(1, 0), 2400),
        (None, None, 2400),
        (start_ns + 8 * TICK_NS - gap_ns, MediaTime(1, 10**9 - gap_ns), 4 * 2400),
    ], "the slate, and what was heard once, are silent on a card; a gap begins where it began"


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_in_the_file_each_flash_has_its_beep(container: str, tmp_path: Path) -> None:
    """The recorder begins in the middle of the film, which goes round."""
    film = flashing_film(tmp_path / "film.mov", SIZE)
    (tmp_path / "takes").mkdir()
    path = record(
        tmp_path / "takes",
        source(film),
        lambda tick: MediaTime(0, (tick + 20) * TICK_NS),
        container,
        range(120),
        grey=lambda tick: BRIGHT if is_flash((tick + 20) / 20) else DARK,
    )
    flashes, beeps = flashes_in(path), beeps_in(path)
    assert len(flashes) == len(beeps) == 5
    assert np.array(beeps) - np.array(flashes) == pytest.approx(0, abs=0.005)


def test_a_picture_without_sound_is_told_by_name(clip: Path, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "mute.mp4"), "w") as file:
        video = file.add_stream("libx264", rate=20)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="bgr24")
        file.mux(video.encode(picture))
        file.mux(video.encode(None))
    mute = str(tmp_path / "mute.mp4")
    with pytest.raises(OutputError, match=r"mute\.mp4 has no sound in it"):
        SourceSound([None, mute])
    SourceSound([str(clip), mute])  # it is silent while that one is on
    with pytest.raises(OutputError, match=r"none\.mp4 cannot be read"):
        SourceSound([str(clip), str(tmp_path / "none.mp4")])


def test_no_sound_is_none() -> None:
    assert open_sound("none") is None


def ramp(start: int, count: int) -> np.ndarray:
    return np.repeat((np.arange(start, start + count) % 30_000).astype(np.int16)[:, None], 2, axis=1)


def test_what_a_card_heard_is_there_for_as_long_as_a_delay_may_be() -> None:
    recent = Recent()
    for n in range(100):  # ten seconds, in tenths
        recent.put(ramp(4800 * n, 4800), (n + 1) * 100_000_000)
    at = 5 * RATE
    np.testing.assert_array_equal(recent.take(5_000_000_000, 2400), ramp(at, 2400))
    np.testing.assert_array_equal(
        recent.take(5_052_000_000, 2400), ramp(at + 2400, 2400), "a little jitter is none"
    )
    later = 5_150_000_000 + round(OFF_S * 1e9)
    np.testing.assert_array_equal(
        recent.take(later, 2400), ramp(at + 7200 + round(OFF_S * RATE), 2400), "it is put right"
    )
    assert recent.take(1_000_000_000, 2400).max() == 0, "too long ago"
    half = recent.take(9_975_000_000, 2400)
    np.testing.assert_array_equal(half[:1200], ramp(10 * RATE - 1200, 1200))
    assert half[1200:].max() == 0, "not heard yet"


def test_a_show_knows_which_files_are_meant(tmp_path: Path) -> None:
    stream = Stream(kind="stream", url="udp://127.0.0.1:5000", audio="source")
    recorder = Recorder(kind="recorder", audio="source")
    (tmp_path / "fan.mp4").touch()
    show = Show(cameras=("0", str(tmp_path / "fan.mp4")), outputs=(stream, recorder))
    for name in ("output stream", "output recorder"):
        assert stages_of(show)[name].settings.audio == source(None, tmp_path / "fan.mp4")
    with pytest.raises(ShowError, match=re.escape('audio = "source" needs a camera that is a file')):
        stages_of(Show(camera="rtsp://10.0.0.7/stream", outputs=(stream,)))
    with pytest.raises(ValidationError):
        Stream(kind="stream", url="udp://127.0.0.1:5000", audio="file:x")


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[tuple[str, Path, threading.Thread]]:
    """FFmpeg as an RTMP server that writes what it gets, for about two seconds, to a file."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    url, path = (
        f"rtmp://127.0.0.1:{free_port()}/live/key",
        tmp_path / "got.flv",
    )
    command = ["ffmpeg", "-v", "error", "-listen", "1", "-i", url, "-t", "2", "-c", "copy", str(path)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    waiting = threading.Thread(target=process.wait)
    waiting.start()
    yield url, path, waiting
    process.kill()
    waiting.join()


def test_a_server_gets_h264_and_aac_and_the_word_that_it_is_made(
    listener: tuple[str, Path, threading.Thread],
) -> None:
    url, path, waiting = listener
    settings = Stream(kind="stream", url=url, keyframe_s=0.5, name="cdn", audio="silence")
    stage = output_stage("stream", "cdn", settings)
    with (
        hosted(Show(), Format(SIZE, Fraction(30)), stage) as output,
        playing(output.send, frame, Fraction(30)),
    ):
        wait_until(lambda: not waiting.is_alive(), "FFmpeg has two seconds", 120)
    found = probe(path)
    assert sorted(stream["codec_name"] for stream in found["streams"]) == ["aac", "h264"]
    assert tags(found)["comment"] == COMMENT


def test_a_server_gets_the_sound_of_the_place_that_is_told(
    listener: tuple[str, Path, threading.Thread], clip: Path
) -> None:
    """It may connect at any tick: the grey of a picture says which one it is of."""
    url, path, waiting = listener
    settings = Stream(kind="stream", url=url, keyframe_s=0.5)
    sink = StreamSink(settings.model_copy(update={"audio": source(clip)}), Format(SIZE, Fraction(20)))
    try:
        with playing(
            sink.send,
            lambda tick: numbered(tick)._replace(media=MediaTime(0, tick * TICK_NS)),
            Fraction(20),
        ):
            wait_until(lambda: not waiting.is_alive(), "FFmpeg has two seconds", 120)
    finally:
        sink.close()
    with av.open(str(path)) as file:
        first = round((next(file.decode(video=0)).to_ndarray(format="bgr24").mean() - 40) / 4)
    heard = loudness(path)[2:36]
    expected = np.roll(np.tile(LOUD_TICKS, 3), -first)[2:36]
    inside = np.roll(INSIDE, -first)[2:36]
    np.testing.assert_allclose(heard[inside], expected[inside], atol=0.15)


def test_a_files_sound_is_decoded_once_and_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []

    def decode(path: str) -> NDArray[np.int16]:
        decoded.append(path)
        return np.zeros((RATE, 2), np.int16)

    monkeypatch.setattr(sound, "_decode", decode)
    audio = f'source:["{tmp_path}/once.mp4", null]'
    told: list[str] = []
    sound.decode_ahead(audio, told.append)
    wait_until(lambda: bool(decoded), "it is decoded before it is opened")
    for _ in range(2):
        assert sound.open_sound(audio) is not None
    assert decoded == [f"{tmp_path}/once.mp4"]
    sound.decode_ahead("silence", told.append)  # nothing to do
    assert told == []
    gone = tmp_path / "gone.mp4"
    monkeypatch.undo()
    sound.decode_ahead(f'source:["{gone}"]', told.append)
    wait_until(lambda: bool(told), "nobody has ordered a recording yet")
    assert told == [f"audio: {gone} cannot be read: No such file or directory"]
