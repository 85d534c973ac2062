"""Trains the matting network on renders of people with known alpha.

    python -m tools.matting.train RENDERS weights.safetensors --samples 1300 --steps 5000

The weights beside this file were made in this way. RENDERS: a folder of NNN.mp4, each with NNN.npz (alpha,
joints) and NNN.plate.png beside it. The samples are made once and kept in --work; training draws crops from
them. An interrupted run continues with the same command.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save as serialized
from torch import Tensor
from tqdm import tqdm

from engines.pose.convert import FULL, HEAVY
from engines.pose.tracking.tracker import PoseTracker
from tools.matting.net import MattingNet
from tools.matting.samples import Render, compose

SIDE = 512
HEAVY_SHARE = 0.7
"""Share of the samples whose mask is the heavy landmark net's; the others have the full one's."""
LEAST_OVERLAP = 0.6
"""A mask that covers less of the person belongs to somebody else."""
CROP, BATCH = 224, 8
LEARNING_RATE = 1e-3
AVERAGE = 0.998
"""The saved weights are an average over the last steps; this share of it is kept at each step."""
CHANNELS = 9
"""Channels of a stored sample: picture, alpha, mask, plate, known."""
SAVE_EVERY = 200


def make_samples(renders: Path, work: Path, count: int, seed: int) -> NDArray[np.uint8]:
    """(count, SIDE, SIDE, CHANNELS), on disk. Existing samples are not made again."""
    work.mkdir(parents=True, exist_ok=True)
    store, done_file = work / "samples.npy", work / "done.txt"
    done = int(done_file.read_text(encoding="utf-8")) if done_file.is_file() else 0
    shape = (count, SIDE, SIDE, CHANNELS)
    if store.is_file():
        kept = np.lib.format.open_memmap(store, mode="r+")
        if done >= count:
            return np.asarray(kept[:count])
        if kept.shape != shape:
            raise SystemExit(
                f"{store} is for {len(kept)} samples: remove it, or ask for --samples {len(kept)}"
            )
    else:
        kept = np.lib.format.open_memmap(store, mode="w+", dtype=np.uint8, shape=shape)
    paths = sorted(renders.glob("*.mp4"))
    people = [Render.load(path, 3) for path in tqdm(paths, desc="renders", disable=None)]
    scenes = [person.plate for person in people]
    trackers = {net: PoseTracker(net=net, mask=True, smoothing=None) for net in (HEAVY, FULL)}
    for index in tqdm(range(done, count), initial=done, total=count, desc="samples", disable=None):
        random = np.random.default_rng([seed, index])
        while True:
            person = people[int(random.integers(len(people)))]
            sample = compose(person, int(random.integers(len(person.frames))), scenes, random)
            mask = _seen(trackers[HEAVY if random.random() < HEAVY_SHARE else FULL], sample.picture)
            if mask is not None and mask[sample.alpha > 127].mean() > 255 * LEAST_OVERLAP:
                break
        kept[index] = np.dstack([sample.picture, sample.alpha, mask, sample.plate, sample.known])
        done_file.write_text(str(index + 1), encoding="utf-8")
    kept.flush()
    return kept


def _seen(tracker: PoseTracker, picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    tracker.reset()
    tracker(picture, 0)
    pose = tracker(picture, 1)  # this time the region comes from landmarks, as in a video
    if pose is None or pose.mask is None:
        return None
    return np.asarray(pose.mask.on_frame((SIDE, SIDE)) * 255 + 0.5, np.uint8)


def batch(samples: NDArray[np.uint8], step: int, seed: int) -> dict[str, Tensor]:
    """Crops around people, (B, C, CROP, CROP) 0..1, scaled and mirrored at random."""
    random = np.random.default_rng([seed, 1, step])
    items = [_crop(samples[int(random.integers(len(samples)))], random) for _ in range(BATCH)]
    planes = torch.from_numpy(np.stack(items)).permute(0, 3, 1, 2).float() / 255
    return {
        "picture": planes[:, [2, 1, 0]],
        "alpha": planes[:, 3:4],
        "mask": planes[:, 4:5],
        "plate": planes[:, [7, 6, 5]],
        "known": planes[:, 8:9],
    }


def _crop(sample: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    scale = float(np.exp(random.uniform(np.log(0.7), np.log(1.6))))
    side = min(round(CROP / scale), SIDE)
    y, x = np.nonzero(sample[..., 3] > 20)
    pick = int(random.integers(len(y)))
    top = int(np.clip(y[pick] - random.integers(side), 0, SIDE - side))
    left = int(np.clip(x[pick] - random.integers(side), 0, SIDE - side))
    piece = np.ascontiguousarray(sample[top : top + side, left : left + side])
    if random.random() < 0.5:
        piece = np.ascontiguousarray(piece[:, ::-1])
    method = cv2.INTER_AREA if side > CROP else cv2.INTER_LINEAR
    parts = [cv2.resize(piece[..., k : k + 3], (CROP, CROP), interpolation=method) for k in (0, 3, 6)]
    return np.concatenate(parts, axis=2)


def loss_of(logits: Tensor, alpha: Tensor) -> Tensor:
    """L1, binary cross-entropy, and L1 of a Laplacian pyramid (Hou and Liu, ICCV 2019)."""
    guess = torch.sigmoid(logits)
    total = (guess - alpha).abs().mean() + 0.25 * F.binary_cross_entropy_with_logits(logits, alpha)
    difference = guess - alpha
    for level in range(4):
        smaller = F.avg_pool2d(difference, 2)
        fine = difference - F.interpolate(smaller, scale_factor=2.0, mode="bilinear", align_corners=False)
        total = total + 2**level * 0.5 * fine.abs().mean()
        difference = smaller
    return total


def train(samples: NDArray[np.uint8], work: Path, steps: int, seed: int) -> MattingNet:
    torch.manual_seed(seed)
    net = MattingNet()
    average = torch.optim.swa_utils.AveragedModel(net, avg_fn=_averaged)
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.05
    )
    checkpoint, first = work / "checkpoint.pt", 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        first = state["step"]
        for name, each in (
            ("net", net),
            ("average", average),
            ("optimizer", optimizer),
            ("schedule", schedule),
        ):
            each.load_state_dict(state[name])
    running = 0.0
    bar = tqdm(range(first, steps), initial=first, total=steps, desc="training", disable=None)
    for step in bar:
        shown = batch(samples, step, seed)
        alpha = shown.pop("alpha")
        with torch.autocast(
            "cpu", torch.bfloat16, enabled=torch.backends.cpu.get_cpu_capability() == "AVX512"
        ):
            logits = net(**shown)
        loss = loss_of(logits.float(), alpha)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(net)
        running = 0.98 * running + 0.02 * float(loss.detach())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            bar.set_postfix(loss=f"{running:.4f}")
            torch.save(
                {
                    "step": step + 1,
                    "net": net.state_dict(),
                    "average": average.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "schedule": schedule.state_dict(),
                },
                checkpoint.with_suffix(".part"),
            )
            checkpoint.with_suffix(".part").replace(checkpoint)
            print(f"step {step + 1} loss {running:.4f}", file=sys.stderr, flush=True)
    net.load_state_dict(average.module.state_dict())
    return net


def _averaged(average: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
    """An exponential moving average that follows quickly at first."""
    follow = max(1 - AVERAGE, 9 / (10 + int(count)))
    return average + follow * (current - average)


def save(net: MattingNet, path: Path) -> None:
    """Writes half precision: an error of 1e-3 in a logit is nothing."""
    path.write_bytes(serialized({name: each.half().contiguous() for name, each in net.state_dict().items()}))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.matting.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("renders", type=Path)
    parser.add_argument("weights", type=Path, help="file to write (.safetensors)")
    parser.add_argument(
        "--work", type=Path, default=Path("runs/matting"), help="samples and checkpoints (%(default)s)"
    )
    parser.add_argument("--samples", type=int, default=1300, metavar="N", help="(default %(default)s: 3 GB)")
    parser.add_argument("--steps", type=int, default=5000, metavar="N", help="(default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    samples = make_samples(options.renders, options.work, options.samples, options.seed)
    save(train(samples, options.work, options.steps, options.seed), options.weights)
    return 0


if __name__ == "__main__":
    sys.exit(main())
