import importlib
from pathlib import Path

import pytest

from realtime.config.outputs import Recorder, Stream, WebRtc
from realtime.config.show import Show, ShowError
from realtime.config.tempo import Tempo
from realtime.stages.table import stages_of

RECORDER = Recorder(kind="recorder", name="archive", folder=Path("takes"))
STREAM = Stream(kind="stream", url="udp://127.0.0.1:9")
SHOW = Show(outputs=(RECORDER, STREAM))


def test_every_stage_has_an_entry() -> None:
    for name, stage in {**stages_of(SHOW), **stages_of(SHOW, "playout")}.items():
        assert stage.name == name
        module, _, function = stage.entry.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_every_output_is_a_stage_with_its_settings_and_no_end_of_restarts() -> None:
    stages = stages_of(SHOW)
    assert list(stages) == [
        "performer",
        "playout",
        "web server",
        "output archive",
        "output stream",
        "output webrtc",
    ]
    outputs = [stage for stage in stages.values() if stage.kind]
    assert [(stage.kind, stage.settings) for stage in outputs] == [
        ("recorder", RECORDER),
        ("stream", STREAM),
        ("webrtc", SHOW.webrtc),
    ]
    assert all(stage.restarts is None and not stage.vital for stage in outputs)
    assert list(stages_of(Show(webrtc=WebRtc(port=0)))) == ["performer", "playout"]


def test_a_tempo_that_is_not_tapped_has_a_process() -> None:
    show = Show(tempo=Tempo(source="link"))
    assert {*stages_of(show)} - {*stages_of(Show())} == {"tempo"}
    assert "tempo" in stages_of(show, "playout") and "tempo" not in stages_of(show, "performer")
    stage = stages_of(show)["tempo"]
    assert stage.restarts is None and not stage.vital
    module, _, function = stage.entry.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_name_of_the_pages_output_is_its_own() -> None:
    other = STREAM.model_copy(update={"name": "webrtc"})
    with pytest.raises(ShowError, match="the page's own is named 'webrtc'"):
        stages_of(Show(outputs=(RECORDER, other)))
    assert "output webrtc" in stages_of(Show(outputs=(RECORDER, other), webrtc=WebRtc(port=0)))


def test_two_machines_share_the_stages_and_hear_of_each_other() -> None:
    performer, playout = stages_of(SHOW, "performer"), stages_of(SHOW, "playout")
    assert set(performer) == {"performer"} and not performer["performer"].far
    here = {name for name, stage in playout.items() if not stage.far}
    assert here == set(stages_of(SHOW)) - {"performer"} | {"link"}
    assert playout["performer"].far
    assert all(stage.side == "playout" for stage in playout.values() if not stage.far)
