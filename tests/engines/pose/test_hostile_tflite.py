"""A network file that is damaged is refused in one line, and takes no memory that it has not brought."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.pose import convert
from engines.pose.tflite_graph import MOST_BYTES, GraphError, load_graph, read_tflite, save_graph
from tests.mutations import damaged

pytest.importorskip("mediapipe")
NAME = "pose_detection"
fuzzed = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def wheel() -> Path:
    found = convert._wheel()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def net(wheel: Path) -> bytes:
    return (wheel / convert.NETS[NAME].path).read_bytes()


def read(path: Path, wheel: Path) -> None:
    read_tflite(path, wheel / convert.SCHEMA, NAME, convert.NETS[NAME].outputs)


@fuzzed
@given(draw=st.data())
def test_a_network_is_read_or_refused(tmp_path: Path, wheel: Path, net: bytes, draw: st.DataObject) -> None:
    """The format keeps its tables at the file's two ends, and weights between them."""
    path = tmp_path / "net.tflite"
    head, tail = net[:4000], net[-60_000:]
    if draw.draw(st.booleans()):
        head = damaged(head, draw, 3)[: len(head)].ljust(len(head), b"\0")
    else:
        tail = damaged(tail, draw, 30)[: len(tail)].ljust(len(tail), b"\0")
    path.write_bytes(head + net[4000:-60_000] + tail)
    try:
        read(path, wheel)
    except GraphError as error:
        assert str(path) in str(error)
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 4, b"\0" * 1000, b"TFL3" * 100, b"\x10\0\0\0TFL3" + b"\xff" * 90]
)
def test_odd_files_are_one_line(tmp_path: Path, wheel: Path, content: bytes) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    with pytest.raises(GraphError) as caught:
        read(path, wheel)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path, wheel: Path) -> None:
    path = tmp_path / "net.tflite"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(GraphError, match="larger than"):
        read(path, wheel)


def test_what_is_no_known_net_is_refused_before_it_is_parsed(
    tmp_path: Path, net: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "read_tflite", lambda *_: pytest.fail("it was parsed"))
    path = tmp_path / f"{NAME}.tflite"
    path.write_bytes(net[:-1] + bytes([net[-1] ^ 1]))
    with pytest.raises(GraphError, match="SHA-256"):
        convert.convert(NAME, tmp_path)


@fuzzed
@given(draw=st.data())
def test_a_converted_net_is_read_or_refused(tmp_path: Path, draw: st.DataObject) -> None:
    path = tmp_path / "net.safetensors"
    from engines.pose.tflite_graph import Graph

    op = {"op": "add", "in": [0, 1], "out": 2, "weights": [], "act": None}
    save_graph(Graph("a", "b", 0, (3, 4, 4), {"out": 2}, [op], {"2.0": np.zeros(3, np.float32)}), path)
    path.write_bytes(damaged(path.read_bytes(), draw, 4))
    try:
        load_graph(path)
    except GraphError as error:
        assert len(str(error).splitlines()) == 1
