"""Keeps a bank's sprites on disk once they are cut: cutting takes seconds, reading less than one."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import time
from pathlib import Path

import cv2
import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from engines.body import Body
from engines.doll.atlas import Atlas
from engines.doll.bank import Bank
from engines.pack.bank_store import read_bank
from engines.plans.cache import PATIENCE_S, Facts, Parity, PlanCache, PlanError, PlanKey
from engines.plans.digest import plan_folder
from engines.runtime.progress import doing

log = logging.getLogger(__name__)
SOURCES = (
    "engines.doll.bank", "engines.doll.cutting", "engines.doll.parts", "engines.doll.sprites",
    "engines.pack.bank_store", "engines.skeleton",
)  # fmt: skip
"""The source files whose code decides how a frame is cut."""


def kept_bank(path: Path, body: Body, digest: str, label: str) -> Bank:
    """As `read_bank`, with the sprites read from disk where an earlier run has cut them.

    digest: SHA-256 of the file, verified by the caller. label: the cache entry's name, for people. Raises
    ValueError.
    """
    cache, key = PlanCache(plan_folder()), _key(digest)
    try:
        plan, _ = cache.load(key)
        return read_bank(path, body, atlas=unpacked(plan))
    except PlanError as error:
        log.info("%s", error.reason)
    except (SafetensorError, KeyError) as error:
        log.warning("what is kept of %s cannot be read: %s", path, error)
    doing("cutting up the player's pictures (some seconds, once)")
    started = time.perf_counter()
    bank = read_bank(path, body)
    facts = Facts(round(time.perf_counter() - started, 2), Parity("dB", 0.0, note="the same"))
    try:
        with cache.building(PATIENCE_S):
            cache.write(f"{label}-{digest[:8]}.sprites", key, packed(bank.atlas), facts)
    except (PlanError, OSError) as error:  # no room, no permission, or another process is writing
        log.info("the sprites of %s are cut at every start: %s", path, error)
    return bank


def packed(atlas: Atlas) -> bytes:
    """An atlas in one file."""
    return safetensors.numpy.save(
        {"pixels": atlas.pixels, "sizes": atlas.sizes, "corners": atlas.corners},
    )


def unpacked(plan: bytes) -> Atlas:
    """The atlas in what `packed` made. Raises SafetensorError, KeyError."""
    tensors = safetensors.numpy.load(plan)
    return Atlas.laid_out(tensors["pixels"], tensors["sizes"], tensors["corners"])


def _key(digest: str) -> PlanKey:
    made_from = hashlib.sha256(digest.encode())
    for module in SOURCES:
        spec = importlib.util.find_spec(module)
        assert spec is not None and spec.origin is not None  # noqa: S101  # they are imported above
        made_from.update(Path(spec.origin).read_bytes())
    return PlanKey(
        network=made_from.hexdigest(),
        backend="doll",
        version=f"NumPy {np.__version__}, OpenCV {cv2.__version__}",
        device="any CPU",
        capability="",
        driver="",
        precision="sprites",
        shapes=(),
    )
