"""NDI as another process receives it, over the loopback and without avahi."""

import json
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

from realtime.config.outputs import Ndi
from realtime.outputs.sink import Format, OutputError
from realtime.transport.programme_ring import ProgrammeFrame
from tests.realtime.outputs.feeding import playing, wait_for_state, wait_until

SIZE = (192, 128)
FORMAT = Format(SIZE, Fraction(30000, 1001))
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cyndilib", reason="cyndilib is not installed")
    config = {"ndi": {"networks": {"ips": "127.0.0.1,"}}}
    (tmp_path / "ndi-config.v1.json").write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setenv("NDI_CONFIG_DIR", str(tmp_path))


def frame(tick: int) -> ProgrammeFrame:
    """A green court; the player is red on the left, half there in the middle. The first corner moves."""
    picture = np.full((SIZE[1], SIZE[0], 3), (40, 120, 40), np.uint8)
    picture[:16, :16] = 16 * (tick % 16)
    layer = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    layer[:, : SIZE[0] // 2 - 16] = (20, 20, 220, 255)
    layer[:, SIZE[0] // 2 - 16 : SIZE[0] // 2 + 16] = (200, 40, 40, 128)
    layer[:16, :16] = (128, 128, 128, 16 * (tick % 16))
    return ProgrammeFrame(picture, layer)


def receive(source: str, tally: str = "off") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.realtime.outputs.ndi_receiver", source, "5", tally]
    return subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE)


def result(receiver: subprocess.Popen[bytes]) -> dict:
    output, errors = receiver.communicate(timeout=150)
    assert receiver.returncode == 0, errors.decode()
    return json.loads(output)


@pytest.fixture
def sink(request: pytest.FixtureRequest) -> Iterator:
    from realtime.outputs.ndi import NdiSink

    sink = NdiSink(Ndi(kind="ndi", **request.param), FORMAT)
    yield sink
    sink.close()


@pytest.mark.parametrize(
    "sink", [{"source": "Court", "alpha": True, "key_source": "Court key"}], indirect=True
)
def test_fill_and_key_arrive_with_the_right_alpha_and_the_tally_comes_back(sink) -> None:
    wait_for_state(sink, "running")

    def tally() -> tuple[str, int]:
        status = sink.status()
        return status.tally, status.receivers["programme"]

    with playing(sink.send, frame):
        wait_until(lambda: sink.status().sent > 0, "a picture")
        assert tally() == ("off", 0)
        fill = receive("Court", "programme")
        wait_until(lambda: tally() == ("programme", 1), "the receiver's tally", 150)
        key = result(receive("Court key"))
        seen = result(fill)
        wait_until(lambda: sink.status().tally == "off", "the tally goes out with its receiver")
    assert (seen["size"], seen["format"], seen["fps"]) == ([*SIZE], "BGRA", "30000/1001")
    assert seen["pixels"]["corner"][3] == 0
    np.testing.assert_allclose(seen["pixels"]["left"], (20, 20, 220, 255), atol=14)
    np.testing.assert_allclose(seen["pixels"]["centre"], (200, 40, 40, 128), atol=14)  # 4:2:2 between
    np.testing.assert_allclose(key["pixels"]["left"][:3], (255, 255, 255), atol=4)
    np.testing.assert_allclose(key["pixels"]["centre"][:3], (128, 128, 128), atol=4)
    np.testing.assert_allclose(key["pixels"]["corner"][:3], (0, 0, 0), atol=4)


@pytest.mark.parametrize("sink", [{"source": "Plain"}], indirect=True)
def test_without_alpha_the_whole_picture_is_sent(sink) -> None:
    assert sink.wants() == {"picture"}  # not the layer
    wait_for_state(sink, "running")
    with playing(sink.send, frame):
        seen = result(receive("Plain", "preview"))
    assert seen["format"] == "BGRX"
    np.testing.assert_allclose(seen["pixels"]["corner"][:3], (40, 120, 40), atol=8)


def test_a_slate_covers_everything() -> None:
    from realtime.outputs.ndi import fill_frame, key_frame

    out = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    slate = frame(0)._replace(layer=None)
    fill_frame(slate, out, keyed=True)
    assert (out[..., 3] == 255).all()
    assert (out[..., :3] == slate.picture).all()
    key_frame(None, out)
    assert (out == 255).all()


def test_a_name_that_is_taken_is_told_and_tried_again() -> None:
    from realtime.outputs.ndi import NdiSink

    first, second = (NdiSink(Ndi(kind="ndi", source="Taken", name=name), FORMAT) for name in ("a", "b"))
    try:
        wait_until(
            lambda: {first.status().state, second.status().state} == {"running", "failed"}, "one has it"
        )
        winner, loser = sorted((first, second), key=lambda sink: sink.status().state, reverse=True)
        assert "NDI refuses the source 'Taken'" in loser.status().reason
        assert len(loser.status().reason.splitlines()) == 1
        winner.close()
        wait_for_state(loser, "running")
    finally:
        first.close()
        second.close()
    with pytest.raises(OutputError, match="share the name 'Same'"):
        NdiSink(Ndi(kind="ndi", source="Same", key_source="Same"), FORMAT)


def test_a_missing_package_is_one_line_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    from realtime.outputs.ndi import NdiSink

    monkeypatch.setitem(sys.modules, "cyndilib.sender", None)
    with pytest.raises(OutputError, match="pip install cyndilib") as failure:
        NdiSink(Ndi(kind="ndi"), FORMAT)
    assert len(str(failure.value).splitlines()) == 1
