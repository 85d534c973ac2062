"""A bank's sprites, kept on disk once they are cut: to cut them takes seconds, to read them less than one."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import time
from pathlib import Path

import cv2
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from engines.body import Body
from engines.doll.bank import Bank
from engines.doll.sprites import Sprite
from engines.doll.store import read_bank
from engines.plan_cache import PATIENCE_S, Facts, Parity, PlanCache, PlanError, PlanKey
from engines.runtime.identity import plan_folder
from engines.runtime.progress import doing

log = logging.getLogger(__name__)
SOURCES = (
    "engines.doll.bank", "engines.doll.cutting", "engines.doll.parts", "engines.doll.sprites",
    "engines.doll.store", "engines.skeleton",
)  # fmt: skip
"""What decides how a frame is cut up."""


def kept_bank(path: Path, body: Body, digest: str, label: str) -> Bank:
    """As `read_bank`, with sprites from the disk where they were cut before.

    digest: SHA-256 of the file, verified. label: names what is kept, for people. Raises ValueError.
    """
    cache, key = PlanCache(plan_folder()), _key(digest)
    try:
        plan, _ = cache.load(key)
        return read_bank(path, body, sprites=unpacked(plan))
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
            cache.write(f"{label}-{digest[:8]}.sprites", key, packed(bank), facts)
    except (PlanError, OSError) as error:  # no room, or not ours to write, or another process writes
        log.info("the sprites of %s are cut at every start: %s", path, error)
    return bank


def packed(bank: Bank) -> bytes:
    """The sprites in one file: all pixels (N, 4); sizes (h, w) and corners (x, y), (F, P, 2)."""
    return safetensors.numpy.save({
        "pixels": np.concatenate([each.pixels.reshape(-1, 4) for parts in bank.sprites for each in parts]),
        "sizes": np.array([[each.pixels.shape[:2] for each in parts] for parts in bank.sprites], np.int64),
        "corners": np.array([[each.corner for each in parts] for parts in bank.sprites], np.int64),
    })  # fmt: skip


def unpacked(plan: bytes) -> list[list[Sprite]]:
    """`packed`'s sprites: pieces of one array. Raises SafetensorError, KeyError."""
    tensors = safetensors.numpy.load(plan)
    pixels, sizes = np.array(tensors["pixels"], np.uint8), tensors["sizes"]
    ends = np.cumsum(sizes[..., 0] * sizes[..., 1]).reshape(sizes.shape[:2])
    return [
        [
            Sprite(_piece(pixels, int(end), *size), (corner[0], corner[1]))
            for end, size, corner in zip(*each, strict=True)
        ]
        for each in zip(ends.tolist(), sizes.tolist(), tensors["corners"].tolist(), strict=True)
    ]


def _piece(pixels: NDArray[np.uint8], end: int, height: int, width: int) -> NDArray[np.uint8]:
    return pixels[end - height * width : end].reshape(height, width, 4)


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
