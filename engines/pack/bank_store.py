"""Reads and writes a bank as a file of a player pack.

`bank.safetensors` holds pictures as WebP (colours lossy, alpha exact) and labels as PNG, one after the other,
with an index of where each ends. Beside them it holds landmarks (F, 33, 4), heights (F,), numbers (F,),
`Seen` (F, P), widths (P,), and boxes (F, 4): x0, y0, x1, y1 of the piece of a frame's `body` that is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from engines.body import Body
from engines.doll.atlas import Atlas
from engines.doll.bank import CUTTERS, Bank, Frame
from engines.doll.cutting import NOTHING, Bytes, Labels, Seen, View, reduced
from engines.doll.parts import ARMS, COUNT
from engines.skeleton import LANDMARKS

QUALITY = 92
"""Quality of the WebP pictures: from 88 on no loss is visible at 1:1."""
CODES = ("pictures", "bodies", "labels")
MOST = 2000
"""A file with more frames is refused: it would fill the memory."""


def write_bank(bank: Bank, path: Path) -> None:
    """Writes the bank's frames and numbers."""
    pictures, bodies, labels, boxes = [], [], [], []
    for frame in bank.frames:
        pictures.append(_coded(".webp", np.dstack([frame.view.picture, frame.view.alpha])))
        box = _hidden_box(frame)
        boxes.append(box)
        x0, y0, x1, y1 = box
        bodies.append(b"" if frame.body is None else _coded(".webp", frame.body[y0:y1, x0:x1]))
        labels.append(_coded(".png", np.bitwise_or(frame.labels.owner, frame.labels.under * np.uint8(16))))
    tensors = {
        "landmarks": torch.from_numpy(bank.landmarks).float(),
        "heights": torch.from_numpy(bank.heights).float(),
        "numbers": torch.from_numpy(bank.numbers),
        "widths": torch.from_numpy(bank.widths).float(),
        "skirt": torch.from_numpy(bank.skirt).float(),
        **{name: torch.from_numpy(value).float() for name, value in bank.seen._asdict().items()},
        "boxes": torch.tensor(boxes),
    }
    for name, every in (("pictures", pictures), ("bodies", bodies), ("labels", labels)):
        tensors[name] = torch.frombuffer(bytearray(b"".join(every) or b"\0"), dtype=torch.uint8)
        tensors[f"{name}_end"] = torch.tensor(np.cumsum([len(each) for each in every]))
    safetensors.torch.save_file(tensors, path)


def read_bank(path: Path, body: Body, *, keep: bool = False, atlas: Atlas | None = None) -> Bank:
    """The bank in a file. keep: see `Bank`. atlas: its sprites, where they are known; then no picture is
    decoded. Raises ValueError with one line where the file holds no bank."""
    try:
        tensors = _tensors(path)
        if atlas is not None:
            frames = [_seen_before(tensors, at) for at in range(len(atlas.starts))]
            return _bank(frames, tensors, body, atlas)
        pieces = [_pieces(tensors[name], tensors[f"{name}_end"]) for name in CODES]
        with ThreadPoolExecutor(CUTTERS) as pool:
            frames = list(
                pool.map(
                    _frame, *pieces, tensors["boxes"], tensors["landmarks"], tensors["heights"],
                    tensors["numbers"],
                )
            )  # fmt: skip
    except (SafetensorError, KeyError, OSError) as error:
        raise ValueError(f"no bank of the player's frames ({error})") from error
    except cv2.error as error:  # its text has several lines
        raise ValueError("a frame's picture cannot be used at its height") from error
    return _bank(frames, tensors, body, keep=keep)


def _bank(
    frames: Sequence[Frame],
    tensors: dict[str, NDArray[Any]],
    body: Body,
    atlas: Atlas | None = None,
    *,
    keep: bool = False,
) -> Bank:
    widths, skirt = (tensors[name].astype(float) for name in ("widths", "skirt"))
    shown = Seen(*(tensors[name].astype(float) for name in Seen._fields))
    return Bank(frames, widths, body, skirt=skirt, shown=shown, atlas=atlas, keep=keep)


def _seen_before(tensors: dict[str, NDArray[Any]], at: int) -> Frame:
    """A frame without its pictures, for a bank whose sprites are known."""
    none = np.zeros((0, 0), np.uint8)
    landmarks, height, number = (tensors[name][at] for name in ("landmarks", "heights", "numbers"))
    view = View(np.zeros((0, 0, 3), np.uint8), none, landmarks, float(height), int(number))
    return Frame(view, Labels(none, none))


def _tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays in a file, checked for type and shape. Raises ValueError, SafetensorError, KeyError,
    OSError."""
    tensors = safetensors.torch.load_file(path)
    count = tensors["heights"].numel()
    reals: dict[str, tuple[int, ...]] = {
        "landmarks": (count, LANDMARKS, 4), "heights": (count,), "widths": (COUNT,), "skirt": (2,),
        **dict.fromkeys(Seen._fields, (count, COUNT)),
    }  # fmt: skip
    whole = {"numbers": (count,), "boxes": (count, 4), **{f"{name}_end": (count,) for name in CODES}}
    codes = {name: (tensors[name].numel(),) for name in CODES}
    wrong = [
        name
        for kind, shapes in ((torch.float32, reals), (torch.int64, whole), (torch.uint8, codes))
        for name, shape in shapes.items()
        if tensors[name].dtype != kind or tensors[name].shape != shape
    ]
    if wrong or not 1 <= count <= MOST:
        raise ValueError(f"{', '.join(wrong) or 'heights'} of another shape or kind, or too many frames")
    if not all(tensors[name].isfinite().all() for name in ("widths", "skirt", *Seen._fields)):
        raise ValueError("a width or an area is no number")
    return {name: tensor.numpy() for name, tensor in tensors.items() if name in {**reals, **whole, **codes}}


def _frame(
    picture: Bytes, body: Bytes, labels: Bytes, box: NDArray[np.int64], landmarks: NDArray[np.float32],
    height: np.float32, number: np.int64,
) -> Frame:  # fmt: skip
    bgra = _decoded(picture, 4)
    if not (np.isfinite(landmarks).all() and np.isfinite(height) and height > 0):
        raise ValueError("a frame's landmarks or height are no numbers")
    view = View(bgra[..., :3], np.ascontiguousarray(bgra[..., 3]), landmarks, float(height), int(number))
    both = _decoded(labels, 1)[..., 0]
    owner, under = both % np.uint8(16), both // np.uint8(16)
    if (
        both.shape != reduced(view)[0].shape
        or np.isin(owner, (COUNT,)).any()
        or np.isin(under, (*ARMS, COUNT)).any()
    ):
        raise ValueError("a frame's labels do not fit its picture")
    if not len(body):
        return Frame(view, Labels(owner, under))
    x0, y0, x1, y1 = box.tolist()
    piece, whole = _decoded(body, 3), view.picture.copy()
    if not (0 <= x0 < x1 <= whole.shape[1] and 0 <= y0 < y1 <= whole.shape[0]):
        raise ValueError("a frame's filled piece lies outside its picture")
    if piece.shape[:2] != (y1 - y0, x1 - x0):
        raise ValueError("a frame's filled piece is of another size")
    whole[y0:y1, x0:x1] = piece
    return Frame(view, Labels(owner, under), whole)


def _hidden_box(frame: Frame) -> list[int]:
    """x0, y0, x1, y1 of the area hidden by the arms, pixels of the view, with a margin of four label
    pixels."""
    height, width = frame.view.alpha.shape
    rows, columns = (np.flatnonzero((frame.labels.under != NOTHING).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return [0, 0, 0, 0]
    down, across = height / frame.labels.under.shape[0], width / frame.labels.under.shape[1]
    return [
        max(0, int((columns[0] - 4) * across)), max(0, int((rows[0] - 4) * down)),
        min(width, int((columns[-1] + 5) * across) + 1), min(height, int((rows[-1] + 5) * down) + 1),
    ]  # fmt: skip


def _coded(ending: str, picture: Bytes) -> bytes:
    options = [cv2.IMWRITE_WEBP_QUALITY, QUALITY] if ending == ".webp" else []
    done, code = cv2.imencode(ending, np.ascontiguousarray(picture), options)
    if not done:
        raise OSError(f"OpenCV cannot write {ending} pictures: install opencv-python of requirements.txt")
    return bytes(code)


def _decoded(code: Bytes, channels: int) -> Bytes:
    picture = cv2.imdecode(code, cv2.IMREAD_UNCHANGED) if len(code) else None
    if picture is None or picture.dtype != np.uint8:
        raise ValueError("a picture cannot be read")
    picture = picture.reshape(*picture.shape[:2], -1)
    if picture.shape[2] != channels:
        raise ValueError(f"a picture has {picture.shape[2]} channels, not {channels}")
    return np.asarray(picture, np.uint8)


def _pieces(every: Bytes, ends: NDArray[np.int64]) -> Sequence[Bytes]:
    starts = np.concatenate([[0], ends[:-1]])
    if (starts > ends).any() or (starts < 0).any() or ends[-1] > len(every):
        raise ValueError("where the pictures end is not in order")
    return [every[start:end] for start, end in zip(starts, ends, strict=True)]
