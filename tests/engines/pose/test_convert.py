"""Converting the nets once, and refusing what is not one of them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import torch

from engines.pose import convert
from engines.pose.tflite_graph import GraphError, load_graph, save_graph

NAME = "pose_detection"


def test_a_converted_file_gives_the_same_net_without_mediapipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mediapipe")
    first = convert.load_net(NAME, folder=tmp_path)
    assert (tmp_path / f"{NAME}.safetensors").is_file()
    monkeypatch.setattr(convert.importlib.util, "find_spec", lambda name: None)
    second = convert.load_net(NAME, folder=tmp_path)
    for one, other in zip(first.buffers(), second.buffers(), strict=True):
        assert torch.equal(one, other)


def test_the_command_writes_every_net(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mediapipe")
    monkeypatch.setattr(convert, "fetch_heavy", lambda folder: "no network")
    assert convert.main(["--output", str(tmp_path)]) == 0
    assert {path.stem for path in tmp_path.iterdir()} == set(convert.NETS) - {convert.HEAVY}
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == len(convert.NETS) - 1
    assert "no network" in told.err


DOWNLOADER = """
import pathlib, urllib.error
def download_oss_model(path):
    here = pathlib.Path(__file__).parents[3] / path
    here.parent.mkdir(parents=True, exist_ok=True)
    here.write_bytes(b"half a net")
    {then}
"""


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ("raise urllib.error.URLError('no route to host')", "no route to host"),
        ("raise TimeoutError('timed out')", "timed out"),
        ("pass", "SHA-256 differs"),
    ],
)
def test_a_heavy_net_that_cannot_be_fetched_is_told_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, why: str
) -> None:
    wheel = tmp_path / "mediapipe"
    downloader = wheel / convert.DOWNLOADER
    downloader.parent.mkdir(parents=True)
    downloader.write_text(DOWNLOADER.format(then=then), encoding="utf-8")
    monkeypatch.setattr(convert, "_wheel", lambda: wheel)
    assert why in convert.fetch_heavy(tmp_path)
    assert not (wheel / convert.NETS[convert.HEAVY].path).exists()
    assert socket.getdefaulttimeout() is None


def test_a_heavy_net_beside_the_others_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "_module", lambda path: pytest.fail("nothing is to be downloaded"))
    (tmp_path / f"{convert.HEAVY}.tflite").write_bytes(b"whatever it is")
    assert convert.fetch_heavy(tmp_path) == ""
    with pytest.raises(GraphError, match=r"pose_landmark_heavy\.tflite"):
        convert.load_net(convert.HEAVY, folder=tmp_path)


def test_without_file_and_mediapipe_the_error_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GraphError, match=r"python -m engines\.pose\.convert") as error:
        convert.load_net(NAME, folder=tmp_path)
    assert "\n" not in str(error.value)


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    convert.load_net(NAME, folder=tmp_path)
    path = tmp_path / f"{NAME}.safetensors"
    graph = load_graph(path)
    next(iter(graph.weights.values()))[...] += 1
    save_graph(graph, path)
    with pytest.raises(GraphError, match="SHA-256 differs"):
        convert.load_net(NAME, folder=tmp_path)


def test_one_net_does_not_pass_for_another(tmp_path: Path) -> None:
    convert.load_net(NAME, folder=tmp_path)
    (tmp_path / f"{NAME}.safetensors").rename(tmp_path / f"{convert.FULL}.safetensors")
    with pytest.raises(GraphError, match=r"pose_landmark_full\.safetensors is not the pose_landmark_full"):
        convert.load_net(convert.FULL, folder=tmp_path)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(GraphError, match=r"pose_detection\.safetensors"):
        convert.load_net(NAME, folder=tmp_path)


def test_a_read_only_folder_does_not_stop_the_show(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("mediapipe")
    (tmp_path / "file").write_text("a file where a folder should be", encoding="utf-8")
    net = convert.load_net(NAME, folder=tmp_path / "file" / "weights")
    assert net.output_names == ("boxes", "scores")
    assert "cannot be written" in caplog.text


def test_what_is_not_the_heavy_net_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mediapipe")
    other = tmp_path / "pose_landmark_heavy.tflite"
    other.write_bytes(b"not a network")
    assert convert.main(["--output", str(tmp_path / "weights"), "--heavy", str(other)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "is not the pose_landmark_heavy" in error
    assert not (tmp_path / "weights/pose_landmark_heavy.safetensors").exists()


def test_the_folder_of_the_weights_can_be_changed_for_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "WEIGHTS", tmp_path)
    convert.load_net(NAME)
    assert (tmp_path / f"{NAME}.safetensors").is_file()
