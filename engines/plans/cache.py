"""Compiled networks on disk: `NAME.plan` with its manifest `NAME.json`. A plan is verified before it is used.

A plan is named after its purpose, so that a stale or foreign one is found and refused by name. A plan counts
only with its manifest, which is written last, so an interrupted build leaves no half plan.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from engines.plans.atomic_folder import only_writer
from engines.runtime.engine import EngineError

FORMAT = 1
ANY = "any"
"""In a key: the device or driver of a plan that was compiled without a GPU, for all GPUs of a kind."""
COMMAND = "python -m engines.build"
UNFINISHED = ".unfinished"
MOST_MANIFEST_BYTES = 16 * 1024 * 1024
PATIENCE_S, AGAIN_S = 3.0, 0.05
"""How long a show waits to write while another process writes, and how often it tries."""


class PlanError(EngineError):
    """A plan that is missing or must not be used. reason: names it; step: what to do next."""

    def __init__(self, reason: str, step: str = f"build it with {COMMAND}") -> None:
        super().__init__(f"{reason}; {step}")
        self.reason, self.step = reason, step


class MissingPlan(PlanError):
    """There is no such plan."""


@dataclass(frozen=True)
class PlanKey:
    """What a plan was compiled from and for.

    network: SHA-256 of weights and code (`network_digest`). version: the compiler's. device: name of the GPU
    or CPU. capability: of CUDA ("8.9"), "" on a CPU. driver: of the GPU. shapes: the inputs' by name, for
    each engine in the plan.
    """

    network: str
    backend: str
    version: str
    device: str
    capability: str
    driver: str
    precision: str
    shapes: tuple[Mapping[str, tuple[int, ...]], ...]

    def differences(self, wanted: PlanKey) -> list[str]:
        """Why a plan with this key cannot be used where `wanted` is required; empty where it can."""
        reasons = []
        if self.network != wanted.network:
            reasons.append("it is of other weights or code (stale)")
        for field in ("backend", "version", "device", "capability", "driver", "precision"):
            mine, other = getattr(self, field), getattr(wanted, field)
            if mine != other and ANY not in (mine, other):
                reasons.append(f"its {field} is {mine}, not {other}")
        if self.shapes != wanted.shapes:
            reasons.append("its shapes are others")
        return reasons


@dataclass(frozen=True)
class Parity:
    """How far a compiled network is from eager float32 torch on real frames.

    measure: "px" (the worst landmark's mean distance, at most `limit`) or "dB" (PSNR, at least `limit`).
    value: None where it was not measured; `note` says why.
    """

    measure: str
    limit: float
    value: float | None = None
    note: str = ""

    @property
    def is_failed(self) -> bool:
        if self.value is None:
            return False
        return not (self.value <= self.limit if self.measure == "px" else self.value >= self.limit)

    def __str__(self) -> str:
        return self.note if self.value is None else f"{self.value:.2f} {self.measure}"


@dataclass(frozen=True)
class Layer:
    """One layer of a network as the compiler parsed it. precision: of its first output."""

    name: str
    type: str
    precision: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Facts:
    """The measurements of the build.

    parity: the plan's own. onnx_parity: that of the ONNX graph from which it was compiled, run on the CPU;
    None where there is none. latency_ms: median of a run; None where it cannot be run.
    """

    build_seconds: float
    parity: Parity
    onnx_parity: Parity | None = None
    latency_ms: float | None = None
    layers: tuple[Layer, ...] = ()

    @property
    def is_failed(self) -> bool:
        """Whether the network does not compute what it should."""
        return self.parity.is_failed or (self.onnx_parity is not None and self.onnx_parity.is_failed)


@dataclass(frozen=True)
class Manifest:
    """The file beside a plan. sha256, size: the plan's, bytes."""

    label: str
    key: PlanKey
    sha256: str
    size: int
    facts: Facts

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """A manifest from its JSON text. Raises ValueError with one line."""
        try:
            data = json.loads(text)
            if data.pop("format") != FORMAT:
                raise ValueError("it is of another format")
            facts = data.pop("facts")
            key = data.pop("key")
            shapes = tuple({n: tuple(shape) for n, shape in one.items()} for one in key.pop("shapes"))
            onnx_parity = facts.pop("onnx_parity")
            manifest = cls(
                key=PlanKey(**key, shapes=shapes),
                facts=Facts(
                    parity=Parity(**facts.pop("parity")),
                    onnx_parity=None if onnx_parity is None else Parity(**onnx_parity),
                    layers=tuple(_layer(each) for each in facts.pop("layers")),
                    **facts,
                ),
                **data,
            )
            _require_types(manifest)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            why = " ".join(str(error).split())
            raise ValueError(f"it lacks or has something unknown: {why}") from error
        return manifest


def _require_types(manifest: Manifest) -> None:
    """JSON may hold anything anywhere. Raises TypeError."""
    key, facts = manifest.key, manifest.facts
    parities = [parity for parity in (facts.parity, facts.onnx_parity) if parity is not None]
    named = [getattr(key, field.name) for field in dataclasses.fields(key) if field.name != "shapes"]
    texts = [manifest.label, manifest.sha256, *named]
    numbers: list[object] = [manifest.size, facts.build_seconds, *(each.limit for each in parities)]
    optional = (facts.latency_ms, *(parity.value for parity in parities))
    numbers += [each for each in optional if each is not None]
    shapes = [shape for one in key.shapes for shape in one.values()]
    for parity in parities:
        texts += [parity.measure, parity.note]
    for layer in facts.layers:
        texts += [layer.name, layer.type, layer.precision]
        shapes.append(layer.shape)
    numbers += [side for shape in shapes for side in shape]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is none")
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("a number is none")


def _layer(data: Mapping[str, Any]) -> Layer:
    return Layer(**{**data, "shape": tuple(data["shape"])})


class PlanCache:
    """The plans in a folder.

    in_use: all plans, in any folder, that this process has read or written; see `engines.plans.limit`.
    """

    in_use: ClassVar[set[Path]] = set()

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, label: str, key: PlanKey) -> Path:
        """A plan's path: one for each network, backend and compute capability."""
        target = f"{key.backend}-{key.capability}" if key.capability else key.backend
        return self.folder / f"{label}.{target}.plan"

    @contextlib.contextmanager
    def building(self, patience_s: float = 0.0) -> Iterator[None]:
        """Keeps other builds out, and removes what an interrupted one left.

        patience_s: how long to wait for another process, seconds: a show writes for less than one, a build
        for minutes. Raises BlockingIOError while another process builds, PlanError where the folder cannot be
        made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlanError(
                f"{self.folder} cannot be made ({error.strerror})", "choose another with --out"
            ) from error
        with _only_writer(self.folder, patience_s):
            for path in self.folder.glob(f".*{UNFINISHED}"):
                path.unlink()
            for path in self.folder.glob("*.plan"):
                if not path.with_suffix(".json").exists():
                    path.unlink()
            yield

    def write(self, label: str, key: PlanKey, plan: bytes, facts: Facts) -> Manifest:
        """Replaces the label's plan. After an error the old one is unchanged; after a kill there is the old
        one, the new one, or none.

        Raises PlanError where the disk is full or the folder is not writable.
        """
        path = self.path(label, key)
        manifest = Manifest(label, key, hashlib.sha256(plan).hexdigest(), len(plan), facts)
        try:
            with (
                _unfinished(path, plan) as new,
                _unfinished(path.with_suffix(".json"), manifest.to_json().encode()) as beside,
            ):
                path.with_suffix(".json").unlink(missing_ok=True)
                new.replace(path)
                beside.replace(path.with_suffix(".json"))
            self.in_use.add(path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise PlanError(
                    f"no room for {path} ({len(plan) / 2**20:.0f} MiB)",
                    "free some, or choose another folder with --out",
                ) from error
            raise PlanError(
                f"{path} cannot be written ({error.strerror})", "choose another folder with --out"
            ) from error
        return manifest

    def manifests(self) -> Iterator[tuple[Path, Manifest]]:
        """Each plan's path and manifest; unreadable manifests are left out."""
        for path in sorted(self.folder.glob("*.json")):
            with contextlib.suppress(ValueError, OSError):
                yield path.with_suffix(".plan"), Manifest.from_json(read_bounded(path))

    def check(self, label: str, wanted: PlanKey) -> Manifest:
        """The manifest of the label's plan, if the plan is whole and fits `wanted`. Raises PlanError."""
        path = self.path(label, wanted)
        manifest = _read_manifest(path, self._others(label, path))
        _require(path, manifest, wanted)
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise PlanError(f"{path} cannot be read ({error.strerror})") from error
        _require_digest(path, manifest, digest)
        return manifest

    def find(self, wanted: PlanKey) -> tuple[Path, Manifest]:
        """The plan of a network whose label is not known, not yet verified. Raises PlanError; MissingPlan
        where there is none."""
        of_network = [(path, each) for path, each in self.manifests() if each.key.network == wanted.network]
        for path, manifest in of_network:
            if not manifest.key.differences(wanted):
                return path, manifest
        for path, manifest in of_network:
            key = manifest.key
            if (key.backend, key.shapes) == (wanted.backend, wanted.shapes) and (
                wanted.precision in (ANY, key.precision)
            ):
                _require(path, manifest, wanted)
        shapes = ", ".join(f"{name} {list(shape)}" for one in wanted.shapes for name, shape in one.items())
        raise MissingPlan(
            f"{self.folder} has no {wanted.backend} plan of a network with {shapes or 'any shapes'}"
        )

    def load(self, wanted: PlanKey) -> tuple[bytes, Manifest]:
        """The plan that `find` finds, verified and marked as used. Raises PlanError, as `check` does."""
        path, manifest = self.find(wanted)
        self.use(path)
        try:
            plan = path.read_bytes()
        except OSError as error:
            raise PlanError(f"{path} cannot be read ({error.strerror})") from error
        _require_digest(path, manifest, hashlib.sha256(plan).hexdigest())
        return plan, manifest

    def use(self, path: Path) -> None:
        """Marks a plan as used by this process."""
        self.in_use.add(path)
        with contextlib.suppress(OSError):  # a read-only folder
            os.utime(path.with_suffix(".json"))

    def annotate(self, path: Path, manifest: Manifest) -> None:
        """Replaces a plan's manifest. Raises PlanError where it cannot be written."""
        beside = path.with_suffix(".json")
        try:
            write_whole(beside, manifest.to_json().encode())
        except OSError as error:
            raise PlanError(f"{beside} cannot be written ({error.strerror})", "make room") from error

    def clear(self) -> int:
        """Removes every plan, and returns how many there were."""
        plans = list(self.folder.glob("*.plan"))
        for path in plans:
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink()
        return len(plans)

    def _others(self, label: str, path: Path) -> list[Path]:
        return [other for other in sorted(self.folder.glob(f"{label}.*.plan")) if other != path]


@contextlib.contextmanager
def _only_writer(folder: Path, patience_s: float) -> Iterator[None]:
    """`only_writer`, retried for `patience_s`. Raises BlockingIOError."""
    deadline = time.monotonic() + patience_s
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(only_writer(folder, folder))
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(AGAIN_S)
        yield


def _require(path: Path, manifest: Manifest, wanted: PlanKey) -> None:
    reasons = manifest.key.differences(wanted)
    if reasons:
        raise PlanError(f"{path} is refused: {', '.join(reasons)}")


def _require_digest(path: Path, manifest: Manifest, digest: str) -> None:
    if digest != manifest.sha256:
        raise PlanError(f"{path} is corrupt (its SHA-256 is not its manifest's)")


def _read_manifest(path: Path, others: list[Path]) -> Manifest:
    try:
        return Manifest.from_json(read_bounded(path.with_suffix(".json")))
    except FileNotFoundError as error:
        hint = f" ({', '.join(other.name for other in others)} will not do)" if others else ""
        raise MissingPlan(f"{path} is missing{hint}") from error
    except (OSError, ValueError) as error:
        raise PlanError(f"{path.with_suffix('.json')} cannot be read ({error})") from error


def read_bounded(path: Path) -> str:
    """The text of a manifest, or of something like it. Raises OSError, ValueError where it is too large."""
    with path.open("rb") as file:
        data = file.read(MOST_MANIFEST_BYTES + 1)
    if len(data) > MOST_MANIFEST_BYTES:
        raise ValueError(f"it is larger than {MOST_MANIFEST_BYTES} bytes")
    return data.decode()


def write_whole(path: Path, data: bytes) -> None:
    """Replaces a file: after an error or a kill the old one is unchanged. Raises OSError."""
    with _unfinished(path, data) as new:
        new.replace(path)


@contextlib.contextmanager
def _unfinished(path: Path, data: bytes) -> Iterator[Path]:
    """Writes `data` to a file beside `path`, which is removed after the block unless it was moved."""
    part = path.with_name(f".{path.name}{UNFINISHED}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)
