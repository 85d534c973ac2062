"""What tests of several rooms share; see `tests.packs`.

What is expensive to import is imported where it is used: a GPU machine may have torch and little else.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import pytest
import torch

if TYPE_CHECKING:
    from tools.footage.dataset import Footage

cv2.setNumThreads(1)
"""Before anything is drawn: a process that is forked from one in which OpenCV's threads run hangs in them."""

if importlib.util.find_spec("hypothesis"):
    from hypothesis import settings

    settings.register_profile("untimed", deadline=None)  # a test is not judged by how busy the machine is
    settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """More stall each other on a busy machine, and sums depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def dataset_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset, to be read only."""
    from tests.packs import write_dataset

    return write_dataset(tmp_path_factory.mktemp("datasets") / "drawn")


@pytest.fixture(scope="session")
def pack_folder(tmp_path_factory: pytest.TempPathFactory, dataset_folder: Path) -> Path:
    """An untrained nano pack, to be read only."""
    from tests.packs import write_nano_pack

    return write_nano_pack(tmp_path_factory.mktemp("players") / "drawn", dataset_folder)


@pytest.fixture(scope="session")
def footage(dataset_folder: Path) -> Footage:
    """The drawn player's."""
    from tools.footage.dataset import Footage

    return Footage.open(dataset_folder)
