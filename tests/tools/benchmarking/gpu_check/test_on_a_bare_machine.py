"""The whole check, small, in a process that has no more than a machine with a GPU has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engines.pose.convert import load_net
from tools.benchmarking.gpu_check.parts import PARTS
from tools.benchmarking.gpu_check.record import Record

ROOT = Path(__file__).resolve().parents[4]
MISSING = (
    "aiohttp", "aiortc", "av", "cyndilib", "hypothesis", "jinja2", "matplotlib", "mediapipe", "nncf", "numba",
    "onnx", "onnxruntime", "openvino", "playwright", "prometheus_client", "psutil", "pydantic", "pygame",
    "pythonosc", "pytorch_msssim", "scipy", "setproctitle", "skimage", "tensorrt",
    "tensorrt_rtx", "torch_tensorrt", "zmq",
)  # fmt: skip
SITE = f"""
from importlib.machinery import PathFinder

find = PathFinder.find_spec

def find_all_but_some(name, path=None, target=None):
    return None if name.partition(".")[0] in {MISSING} else find(name, path, target)

PathFinder.find_spec = find_all_but_some
"""


def test_every_part_runs_and_none_fails(tmp_path: Path) -> None:
    weights, site, out = tmp_path / "weights", tmp_path / "site", tmp_path / "gpu.json"
    for name in ("pose_detection", "pose_landmark_full"):
        load_net(name, folder=weights)  # what was converted on another machine
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for name in ("av", "zmq.auth"):
        lacking = [sys.executable, "-c", f"import {name}"]
        assert subprocess.run(lacking, cwd=ROOT, env=environment, capture_output=True).returncode, name
    command = [sys.executable, "-m", "tools.gpu_check", "--device", "cpu", "--quick", "--out", str(out)]
    done = subprocess.run(
        [*command, "--weights", str(weights)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    record = Record.read(out)
    assert not [(part.name, part.failures) for part in record.parts if part.failures], done.stderr
    assert done.returncode == 0, done.stderr
    assert [part.name for part in record.parts] == list(PARTS)
    assert record.is_rehearsal and record.machine != "unknown"
    rows = {part.name: {row.what: row.figures for row in part.rows} for part in record.parts}
    assert all(rows[name] for name in PARTS if name != "environment")
    assert {"detector, f32", "landmarks, f32"} <= set(rows["parity"])
    assert float(rows["frame-player"]["the picture, against the host's in f32"]["psnr_db"] or 0) > 33
    assert any("ceiling_share" in figures for figures in rows["networks"].values())
    assert float(rows["swap"]["until the other player dances"]["seconds"] or 0) > 0
    assert sum("waiting" in figures for figures in rows["training-512"].values()) == 2
