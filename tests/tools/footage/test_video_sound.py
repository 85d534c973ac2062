"""The sound of sources that are not as they should be goes into the finished video all the same."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.time_units import NS_PER_S
from tools.footage.video import VideoReader, VideoWriter

RATE = 48000


def write_source(path: Path, sound: str, seconds: float = 2.0, rate: int = RATE) -> None:
    """Black pictures, 30 a second, with a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=30, options={"tune": "zerolatency"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        heard = container.add_stream(sound, rate=rate, layout="mono")
        for n in range(round(30 * seconds)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "bgr24")))
            tone = np.sin(np.arange(n * rate // 30, (n + 1) * rate // 30) * 0.06)
            frame = av.AudioFrame.from_ndarray((tone * 9000).astype(np.int16)[None], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, n * rate // 30, Fraction(1, rate)
            container.mux(heard.encode(frame))
        container.mux([*video.encode(), *heard.encode()])


def with_its_sound(source: Path, output: Path) -> list[tuple[float, NDArray[np.float32]]]:
    """Writes the source's pictures with its sound. Returns what is heard: time, seconds, and samples."""
    size = (64, 48)
    with VideoWriter(output, size, fps=Fraction(30), time_base=Fraction(1, 30000), sound=source) as writer:
        for t_ns, picture in VideoReader(source):
            writer.write(t_ns, picture)
    with av.open(str(output)) as container:
        if not container.streams.audio:
            return []
        return [(frame.time or 0.0, frame.to_ndarray()[0]) for frame in container.decode(audio=0)]


@pytest.mark.parametrize("later", ["set back", "ahead"])
def test_where_the_clock_of_a_stream_jumps_the_sound_goes_on(tmp_path: Path, later: str) -> None:
    first, source = tmp_path / "first.ts", tmp_path / "joined.ts"
    write_source(first, "aac")
    second = first.read_bytes()
    if later == "ahead":
        ahead = tmp_path / "ahead.ts"
        with av.open(str(first)) as container, av.open(str(ahead), "w") as moved:
            streams = {each.index: moved.add_stream_from_template(each) for each in container.streams}
            for packet in container.demux():
                if packet.dts is None or packet.pts is None:
                    continue
                shift = round(100 / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[packet.stream.index]
                moved.mux(packet)
        second = ahead.read_bytes()
    source.write_bytes(first.read_bytes() + second)
    heard = with_its_sound(source, tmp_path / "out.mp4")
    times = [time_s for time_s, _ in heard]
    assert times == sorted(times)
    assert max(np.diff(times)) < 0.15, "there is no hole in it"
    assert times[-1] == pytest.approx(4, abs=0.2)
    frames = [t_ns / NS_PER_S for t_ns, _ in VideoReader(tmp_path / "out.mp4")]
    assert frames[-1] == pytest.approx(times[-1], abs=0.2)


def test_sound_that_nobody_knows_is_left_out(tmp_path: Path) -> None:
    source = tmp_path / "source.mkv"
    write_source(source, "libopus")
    content = source.read_bytes()
    assert b"A_OPUS" in content
    source.write_bytes(content.replace(b"A_OPUS", b"A_XPUS"))
    assert with_its_sound(source, tmp_path / "out.mp4") == []
    assert len(list(VideoReader(tmp_path / "out.mp4"))) == 60


def test_a_piece_of_sound_that_cannot_be_decoded_is_left_out(tmp_path: Path) -> None:
    """The output cannot hold this sound, so it is encoded anew."""
    source, broken = tmp_path / "source.mkv", tmp_path / "broken.mkv"
    write_source(source, "aac")
    with av.open(str(source)) as container, av.open(str(broken), "w") as damaged:
        streams = {each.index: damaged.add_stream_from_template(each) for each in container.streams}
        for number, packet in enumerate(container.demux()):
            if packet.dts is None:
                continue
            stream = streams[packet.stream.index]
            if packet.stream.type == "audio" and number % 10 == 5:
                junk = av.Packet(b"\xff" * packet.size)
                junk.pts, junk.dts, junk.time_base = packet.pts, packet.dts, packet.time_base
                packet = junk
            packet.stream = stream
            damaged.mux(packet)
    heard = with_its_sound(broken, tmp_path / "out.webm")
    assert sum(len(samples) for _, samples in heard) / RATE > 1
