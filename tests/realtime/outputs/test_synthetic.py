"""Every file and stream says that a machine made it; MP4 in XMP too."""

import shutil
import subprocess
import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

import pytest

from realtime.config.outputs import Recorder
from realtime.outputs.h264 import EncoderSettings
from realtime.outputs.recording import RecorderSink
from realtime.outputs.sink import Format
from realtime.outputs.stream import TAGS
from realtime.outputs.synthetic import COMMENT, SOURCE_TYPE, XMP, XMP_UUID
from realtime.outputs.video_file import VideoFile
from tests.realtime.outputs.feeding import wait_for_state, wait_until
from tests.realtime.outputs.probing import probe, tags
from tests.realtime.outputs.test_recording import SIZE, frame


@pytest.fixture(params=["mkv", "mp4"])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A recording of half a second that was ended in order."""
    settings = Recorder(kind="recorder", folder=tmp_path, container=request.param, fragment_s=0.2)
    sink = RecorderSink(settings, Format(SIZE, Fraction(30)))
    sink.order("start")
    wait_for_state(sink, "running")
    for tick in range(15):
        sent = sink.status().sent
        sink.send(frame(tick), tick, tick)
        wait_until(lambda sent=sent: sink.status().sent > sent, f"tick {tick} is written")
    sink.order("stop")
    wait_for_state(sink, "off")
    sink.close()
    (path,) = tmp_path.iterdir()
    return path


def test_a_recording_says_so_and_opens_in_editors(recorded: Path) -> None:
    found = probe(recorded)
    assert tags(found)["comment"] == COMMENT
    if recorded.suffix == ".mkv":
        assert tags(found)["digital_source_type"] == SOURCE_TYPE
    (video,) = found["streams"]
    assert video["r_frame_rate"] == video["avg_frame_rate"] == "30/1"
    assert float(found["format"]["duration"]) == pytest.approx(0.5, abs=0.04)


def test_an_mp4_is_whole_and_has_xmp(recorded: Path) -> None:
    if recorded.suffix != ".mp4":
        assert XMP_UUID.bytes not in recorded.read_bytes()
        return
    boxes = boxes_of(recorded.read_bytes())
    assert [name for name, _ in boxes if name == b"moof"] == [], "fragments are for what breaks off"
    assert boxes[-1] == (b"uuid", XMP_UUID.bytes + XMP.encode())
    described = ET.fromstring(XMP.split("?>", 1)[1].rsplit("<?", 1)[0]).find(".//{*}Description")  # noqa: S314  # ours
    assert described is not None
    name = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
    assert described.get(name) == SOURCE_TYPE


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")
def test_exiftool_reads_the_source_type(recorded: Path) -> None:
    asked = ["exiftool", "-s3", "-XMP-iptcExt:DigitalSourceType", str(recorded)]
    said = subprocess.run(asked, capture_output=True, check=True, text=True).stdout.strip()
    assert said == (SOURCE_TYPE if recorded.suffix == ".mp4" else "")


@pytest.mark.parametrize("container", ["flv", "mpegts"])
def test_a_stream_says_so(container: str, tmp_path: Path) -> None:
    path, encoding = tmp_path / "stream", EncoderSettings(SIZE, Fraction(30), 400_000)
    file = VideoFile(str(path), container, encoding, options={}, metadata=TAGS[container])
    for tick in range(60):
        file.write(frame(tick).picture, tick)
    file.close()
    found = probe(path)
    if container == "flv":
        assert tags(found)["digital_source_type"] == SOURCE_TYPE
    else:
        assert found["programs"][0]["tags"]["service_name"] == "AI-generated"


def boxes_of(data: bytes) -> list[tuple[bytes, bytes]]:
    """Name and content of the boxes at the top of an MP4."""
    found, at = [], 0
    while at < len(data):
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        found.append((data[at + 4 : at + 8], data[at + head : at + size]))
        at += size
    return found
