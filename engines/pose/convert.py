"""Converts the pose networks from the mediapipe wheel to .safetensors, once, and loads them.

    python -m engines.pose.convert [--output DIR] [--heavy pose_landmark_heavy.tflite]

A machine that has the converted files needs no mediapipe. The heavy landmark net is not in the wheel:
mediapipe's own downloader fetches it, or its file is put into the folder `weights` (see `fetch_heavy`).
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import logging
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from engines.pose.tflite_graph import Graph, GraphError, load_graph, read_tflite, save_graph
from engines.pose.tflite_net import TfliteNet

log = logging.getLogger(__name__)

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
"""The folder of the converted nets, unless a caller names another one."""
COMMAND = "python -m engines.pose.convert"
SCHEMA = "tasks/metadata/schema_py_generated.py"
DOWNLOADER = "python/solutions/download_utils.py"
DOWNLOAD_TIMEOUT_S = 10.0
"""A server that is silent for this long is given up."""

FULL, HEAVY = "pose_landmark_full", "pose_landmark_heavy"
"""The landmark nets. FULL is for the show; HEAVY is more exact and four times slower, for work that has
time."""


@dataclass(frozen=True)
class NetSource:
    """Where a net lies in the mediapipe wheel (0.10.21), and how it is recognised.

    sha256: of the .tflite file. graph_sha256: of the converted net (`Graph.sha256`). fetched: the wheel lacks
    the file until mediapipe's downloader has put it there.
    """

    path: str
    outputs: tuple[str, ...]
    sha256: str
    graph_sha256: str
    fetched: bool = False


NETS = {
    "pose_detection": NetSource(
        "modules/pose_detection/pose_detection.tflite",
        ("boxes", "scores"),
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        "5cf74324877e56cbceb31a407382073bc78ca497aac19392868e4f037f3f7414",
    ),
    FULL: NetSource(
        "modules/pose_landmark/pose_landmark_full.tflite",
        ("landmarks", "flag", "mask", "heatmap", "world"),
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        "88fa6c3bb0d3e24438faf62a04bc14a50c3bd1ad1eeafc4009a2db3f4db1f8f6",
    ),
    HEAVY: NetSource(
        "modules/pose_landmark/pose_landmark_heavy.tflite",
        ("landmarks", "flag", "mask", "heatmap", "world"),
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        "18fd537cd5f2016d3fdabcc4969e8a1083734248df17a9b428eb40d9a4776ae0",
        fetched=True,
    ),
}
"""TABLE of nets. The outputs' names are ours, in the file's order."""


def load_net(name: str, outputs: Sequence[str] | None = None, folder: Path | None = None) -> TfliteNet:
    """The net as a torch module, from `folder` (`WEIGHTS`), or converted now from the installed mediapipe.

    outputs: see TfliteNet. Raises GraphError with one line where the net is not available, or is not the one
    in the table.
    """
    path = weights_of(name, folder)
    if path.is_file():
        graph = load_graph(path)
        _verify(graph, name, path)
    else:
        graph = convert(name, folder)
        try:
            save_graph(graph, path)
        except OSError as error:  # a read-only installation: the net is loaded all the same
            log.warning("%s cannot be written (%s); the net is converted at every start", path, error)
    return TfliteNet(graph, outputs)


def weights_of(name: str, folder: Path | None = None) -> Path:
    """The path of a converted net in `folder` (`WEIGHTS`); the file need not exist."""
    return (folder if folder is not None else WEIGHTS) / f"{name}.safetensors"


def convert(name: str, folder: Path | None = None, path: Path | None = None) -> Graph:
    """Reads net `name` from the .tflite file at `path`, and checks that it is the known one. By default the
    file is the one in `folder` (`WEIGHTS`), else the one in the installed mediapipe wheel. Raises GraphError,
    OSError."""
    folder = folder if folder is not None else WEIGHTS
    wheel = _wheel()
    if wheel is None:
        raise GraphError(
            f"weights/{name}.safetensors is missing, and so is mediapipe to convert it from; "
            f"on a machine with mediapipe==0.10.21 run: {COMMAND}, and copy the folder weights here"
        )
    source = NETS[name]
    if path is None:
        beside = folder / f"{name}.tflite"
        path = beside if beside.is_file() else wheel / source.path
    if not path.is_file():
        remedy = (
            f"put the file into {folder}, or run {COMMAND} --heavy pose_landmark_heavy.tflite"
            if source.fetched
            else "install mediapipe==0.10.21 (later wheels carry no networks)"
        )
        raise GraphError(f"{path} is missing; {remedy}")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != source.sha256:
            raise _unknown(name, path)
    graph = read_tflite(path, wheel / SCHEMA, name, source.outputs)
    _verify(graph, name, path)
    return graph


def fetch_heavy(folder: Path | None = None) -> str:
    """Makes sure that the heavy landmark net can be loaded: from `folder` (`WEIGHTS`), from the mediapipe
    wheel, or through mediapipe's own downloader, for at most DOWNLOAD_TIMEOUT_S. Returns "", or why it is not
    available."""
    folder = folder if folder is not None else WEIGHTS
    wheel = _wheel()
    if weights_of(HEAVY, folder).is_file():
        return ""
    if wheel is None:
        return "mediapipe is not installed"
    source = NETS[HEAVY]
    path = wheel / source.path
    if (folder / f"{HEAVY}.tflite").is_file() or path.is_file():
        return ""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    try:
        _module(wheel / DOWNLOADER).download_oss_model(f"mediapipe/{source.path}")
    except OSError as error:  # urllib's errors are OSErrors
        path.unlink(missing_ok=True)
        return f"it could not be downloaded ({getattr(error, 'reason', error)})"
    finally:
        socket.setdefaulttimeout(before)
    if hashlib.sha256(path.read_bytes()).hexdigest() != source.sha256:
        path.unlink()
        return "what was downloaded is another file (its SHA-256 differs)"
    return ""


def _wheel() -> Path | None:
    """The installed mediapipe's folder."""
    spec = importlib.util.find_spec("mediapipe")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _module(path: Path) -> ModuleType:
    """A file of mediapipe as a module, without importing its package, which takes seconds."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # noqa: S101  # a path with .py always has them
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _verify(graph: Graph, name: str, path: Path) -> None:
    source = NETS[name]
    if graph.source_sha256 != source.sha256 or graph.sha256() != source.graph_sha256:
        raise _unknown(name, path)


def _unknown(name: str, path: Path) -> GraphError:
    return GraphError(
        f"{path} is not the {name} of mediapipe 0.10.21 that this version knows (its SHA-256 differs); "
        f"delete it, install mediapipe==0.10.21 and run: {COMMAND}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Convert the pose networks from the mediapipe wheel.")
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="folder to write to (%(default)s)")
    parser.add_argument(
        "--heavy", type=Path, metavar="FILE", help=f"{HEAVY}.tflite, if it is not to be downloaded"
    )
    options = parser.parse_args(arguments)
    why = "" if options.heavy is not None else fetch_heavy(options.output)
    if why:
        print(f"without {HEAVY}: {why}", file=sys.stderr)
    try:
        for name in NETS:
            if why and name == HEAVY:
                continue
            path = weights_of(name, options.output)
            save_graph(convert(name, options.output, options.heavy if name == HEAVY else None), path)
            print(f"{path} {path.stat().st_size / 2**20:.1f} MiB")
    except (GraphError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
