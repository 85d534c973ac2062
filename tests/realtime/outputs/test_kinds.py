"""The table of outputs, and what a show file may say of them."""

import importlib
from fractions import Fraction
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from realtime.config.outputs import Output, Recorder, Stream, WebRtc, Whip
from realtime.config.show import ShowError, check_show, load_show
from realtime.outputs.kinds import OUTPUTS, open_output
from realtime.outputs.sink import Format, OutputError, OutputSink
from realtime.stages.table import WEBRTC, output_stage

FORMAT = Format((128, 96), Fraction(30))

SHOW = """
[programme]
size = [1920, 1080]
fps = 59.94

[[outputs]]
kind = "ndi"
source = "Court"
alpha = true
key_source = "Court key"

[[outputs]]
kind = "recorder"
name = "archive"
folder = "takes"
container = "mp4"
feed = "clean"

[[outputs]]
kind = "stream"
url = "udp://239.0.0.1:5000"

[[outputs]]
kind = "whip"
url = "https://live.example/whip"
token = "abc"

[[outputs]]
kind = "window"
monitor = 1

[[outputs]]
kind = "virtual_camera"
"""


def test_every_kind_is_in_both_tables_and_can_be_imported() -> None:
    assert OUTPUTS.keys() == {*TypeAdapter(Output).json_schema()["discriminator"]["mapping"], WEBRTC}
    for entry in OUTPUTS.values():
        module, _, name = entry.partition(":")
        assert issubclass(getattr(importlib.import_module(module), name), OutputSink)


def test_a_show_file_lists_its_outputs(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text(SHOW, encoding="utf-8")
    show = load_show(path)
    assert [output.called for output in show.outputs] == [
        "ndi", "archive", "stream", "whip", "window", "virtual_camera",
    ]  # fmt: skip
    recorder = show.outputs[1]
    assert isinstance(recorder, Recorder)
    assert recorder.folder == tmp_path / "takes"
    assert check_show(show.model_dump(), "again") == show


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ({"kind": "nid"}, "outputs.0: .*'nid'.*'ndi', 'recorder'"),
        ({"source": "x"}, "outputs.0: .*'kind'"),
        ({"kind": "ndi", "alhpa": True}, r"unknown key 'outputs\.0\.ndi\.alhpa'; known keys here: .*alpha"),
        ({"kind": "stream"}, r"outputs\.0\.stream\.url: Field required"),
        ({"kind": "stream", "url": "http://x"}, r"outputs\.0\.stream\.url: .*http://x"),
        ({"kind": "window", "monitor": -1}, r"outputs\.0\.window\.monitor: .*-1"),
    ],
)
def test_what_is_written_wrongly_is_named(output: dict, message: str) -> None:
    with pytest.raises(ShowError, match=message) as failure:
        check_show({"outputs": [output]}, "show.toml")
    assert len(str(failure.value).splitlines()) == 1


def test_no_two_outputs_have_one_name() -> None:
    recorder = {"kind": "recorder"}
    with pytest.raises(ShowError, match=r"show\.toml: outputs: two outputs are named 'recorder'$"):
        check_show({"outputs": [recorder, recorder]}, "show.toml")
    apart = check_show({"outputs": [recorder, {**recorder, "name": "archive"}]}, "show.toml")
    assert [output.called for output in apart.outputs] == ["recorder", "archive"]


@pytest.mark.parametrize(
    "output",
    [
        Recorder(kind="recorder"),
        Stream(kind="stream", url="udp://127.0.0.1:9", bitrate=100_000_000),
        Whip(kind="whip", url="http://127.0.0.1:9"),
    ],
)
def test_what_no_retry_can_mend_is_refused(output: Recorder | Stream | Whip, tmp_path: Path) -> None:
    stage = output_stage(output.kind, output.called, output)
    with pytest.raises(OutputError, match=r"no H\.264 level holds 7680x4320"):
        open_output(stage, Format((7680, 4320), Fraction(60)), tmp_path / "whep")


def test_the_page_is_served_at_its_socket(tmp_path: Path) -> None:
    sink = open_output(output_stage(WEBRTC, WEBRTC, WebRtc()), FORMAT, tmp_path / "whep")
    assert (tmp_path / "whep").is_socket()
    assert sink.status().where == str(tmp_path / "whep")
    sink.close()
