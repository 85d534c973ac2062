"""What tests of several rooms share; see `tests.packs`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packs import write_dataset, write_nano_pack


@pytest.fixture(scope="session")
def dataset_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset, to be read only."""
    return write_dataset(tmp_path_factory.mktemp("datasets") / "drawn")


@pytest.fixture(scope="session")
def pack_folder(tmp_path_factory: pytest.TempPathFactory, dataset_folder: Path) -> Path:
    """An untrained nano pack, to be read only."""
    return write_nano_pack(tmp_path_factory.mktemp("players") / "drawn", dataset_folder)
