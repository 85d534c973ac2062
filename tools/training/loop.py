"""The training loop: from footage to a generator, within a budget, resumable at any checkpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from engines.generator import Generator, feedback, split
from tools.footage import Footage
from tools.training.dataset import Crops, ahead
from tools.training.losses import losses

CHECKPOINT = "checkpoint.safetensors"


class CheckpointError(ValueError):
    """A checkpoint that cannot be resumed from; the text names the file and the next step."""


@dataclass(frozen=True)
class Config:
    """Everything that decides the result, and is checked when a run is resumed."""

    variant: str = "tiny"
    minutes: float = 60.0
    batch: int = 6
    crop: int = 256
    learning_rate: float = 2e-3
    ema: float = 0.998
    previous_dropout: float = 0.15
    rollout_from: float = 0.6
    """From this share of the budget on, half of the steps see the net's own previous output."""
    held_out: float = 0.2
    seed: int = 0


@dataclass
class Progress:
    step: int = 0
    elapsed_s: float = 0.0

    def share(self, config: Config) -> float:
        return min(1.0, self.elapsed_s / (config.minutes * 60))


class Trainer:
    """One run in `folder`: checkpoint, log.jsonl and sample pictures lie there."""

    def __init__(self, footage: Footage, config: Config, folder: Path, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.footage, self.config, self.folder, self.device = footage, config, folder, device
        self.train_positions, self.held_positions = footage.split(config.held_out)
        self.net = Generator(config.variant, footage.body.near.height).to(device)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = AveragedModel(self.net, avg_fn=_ema(config.ema), use_buffers=True)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=config.learning_rate, betas=(0.9, 0.99))
        self.progress = Progress()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def generator(self) -> Generator:
        """The averaged net: the one to judge and to ship."""
        net = self.ema.module
        assert isinstance(net, Generator)  # noqa: S101  # for the type checker
        return net

    def run(self, *, checkpoint_s: float = 60, sample_s: float = 300) -> None:
        """Trains until the budget is spent. Ctrl-C saves a checkpoint and is raised on."""
        crops = Crops(
            self.footage, self.train_positions, batch=self.config.batch, crop=self.config.crop,
            seed=self.config.seed,
        )  # fmt: skip
        batches = ahead(crops, self.progress.step)
        bar = tqdm(total=round(self.config.minutes * 60), initial=round(self.progress.elapsed_s), unit="s")
        saved = sampled = self.progress.elapsed_s
        last = time.monotonic()
        try:
            for batch in batches:
                parts = self.step({name: value.to(self.device) for name, value in batch.items()})
                now = time.monotonic()
                before, self.progress.elapsed_s = (
                    self.progress.elapsed_s,
                    self.progress.elapsed_s + now - last,
                )
                last = now
                self.progress.step += 1
                bar.update(int(self.progress.elapsed_s) - int(before))
                bar.set_postfix(
                    step=self.progress.step, foreground=f"{parts['foreground']:.4f}", refresh=False
                )
                done = self.progress.share(self.config) >= 1
                if done or self.progress.elapsed_s - saved >= checkpoint_s:
                    self.save()
                    saved = self.progress.elapsed_s
                if done or self.progress.elapsed_s - sampled >= sample_s:
                    self._log(parts, self.sample())
                    sampled = self.progress.elapsed_s
                    last = time.monotonic()
                if done:
                    break
        except KeyboardInterrupt:
            self.save()
            raise
        finally:
            batches.close()
            bar.close()

    def step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """One update. batch: see `Crops`."""
        config, share = self.config, self.progress.share(self.config)
        random = np.random.default_rng([config.seed, self.progress.step, 1])
        warmup = min(1.0, (self.progress.step + 1) / 100)
        rate = config.learning_rate * warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.net.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=has_bf16(self.device)):
            previous = batch["previous"]
            if share >= config.rollout_from and random.random() < 0.5:
                with torch.no_grad():
                    previous = feedback(*split(self.net(batch["earlier"], batch["before_previous"]).float()))
            keep = torch.from_numpy(random.random(len(previous)) >= config.previous_dropout)
            previous = previous * keep.to(previous)[:, None, None, None]
            logits = self.net(batch["landmarks"], previous).float()
        total, parts = losses(
            torch.sigmoid(logits[:, :3]), logits[:, 3:], batch, self.footage.body.near.height
        )
        if not torch.isfinite(total):
            raise FloatingPointError(
                f"the loss is {total.item()} at step {self.progress.step}: lower the learning rate"
            )
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.ema.update_parameters(self.net)
        return {name: value.detach() for name, value in parts.items()}

    def sample(self, count: int = 8) -> float:
        """Writes truth over output for held-out frames, and returns their mean foreground PSNR in dB."""
        chosen = self.held_positions[np.linspace(0, len(self.held_positions) - 1, count).astype(int)]
        columns, scores = [], []
        for position in chosen:
            output = render_whole(self.generator, self.footage, int(position), self.device)
            truth, mask = self.footage.frame(int(position)), self.footage.mask(int(position)) > 127
            error = ((output.astype(np.float32) - truth) / 255)[mask]
            scores.append(-10 * math.log10(max(float((error**2).mean()), 1e-10)))
            columns.append(np.vstack([truth, output]))
        (self.folder / "samples").mkdir(exist_ok=True)
        path = self.folder / f"samples/{self.progress.step:07d}.jpg"
        cv2.imwrite(str(path), np.hstack(columns))
        return float(np.mean(scores))

    def save(self) -> None:
        """Writes the checkpoint under another name first, then moves it: a kill leaves the old one whole."""
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.ema.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{k}": v for k, v in state.items()}
        meta = {"footage": self.footage.digest}
        meta |= {"config": json.dumps(asdict(self.config)), "progress": json.dumps(asdict(self.progress))}
        path = self.folder / CHECKPOINT
        part = path.with_suffix(".part")
        safetensors.torch.save_file({k: v.contiguous() for k, v in tensors.items()}, part, meta)
        part.replace(path)

    def resume(self) -> None:
        """Continues from the folder's checkpoint. Raises CheckpointError where it is of another run."""
        path = self.folder / CHECKPOINT
        try:
            with safetensors.safe_open(path, "pt") as file:
                meta = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a dict
            config, progress = json.loads(meta["config"]), json.loads(meta["progress"])
        except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
            raise CheckpointError(f"{path} cannot be read ({error}): start anew with --restart") from error
        given = asdict(self.config)
        if meta.get("footage") != self.footage.digest:
            raise CheckpointError(f"{path} was trained on other footage: start anew with --restart")
        changed = [name for name in given if name != "minutes" and given[name] != config.get(name)]
        if changed:
            raise CheckpointError(
                f"{path} was trained with another {', '.join(changed)}: "
                "give the same, or start anew with --restart"
            )
        groups: dict[str, dict[str, Tensor]] = {"net": {}, "ema": {}, "adam": {}}
        for key, value in tensors.items():
            kind, _, name = key.partition(".")
            groups[kind][name] = value
        self.net.load_state_dict(groups["net"])
        self.ema.load_state_dict(groups["ema"])
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in groups["adam"].items():
            index, _, name = key.partition(".")
            state.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(
            {"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]}
        )
        self.progress = Progress(**progress)

    def _log(self, parts: dict[str, Tensor], foreground_psnr: float) -> None:
        line = {
            "step": self.progress.step,
            "elapsed_s": round(self.progress.elapsed_s, 1),
            "held_out_foreground_psnr": round(foreground_psnr, 2),
            **{name: round(float(value), 5) for name, value in parts.items()},
        }
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        tqdm.write(
            f"{self.progress.elapsed_s / 60:.0f} min, step {self.progress.step}: "
            f"{foreground_psnr:.2f} dB foreground PSNR on held-out frames"
        )


@torch.inference_mode()
def render_whole(net: Generator, footage: Footage, position: int, device: torch.device) -> NDArray[np.uint8]:
    """The net's whole picture (H, W, 3) BGR for one frame's landmarks, its previous output settled."""
    net.eval()
    width, height = footage.size
    landmarks = torch.from_numpy(footage.landmarks[position])[None].to(device)
    previous = torch.zeros(1, 4, height // 4, width // 4, device=device)
    for _ in range(2):
        rgb, alpha = split(net(landmarks, previous))
        previous = feedback(rgb, alpha)
    bgr = rgb[0].flip(0).permute(1, 2, 0).cpu().numpy() * 255
    cover = alpha[0].permute(1, 2, 0).cpu().numpy()
    return np.asarray((bgr * cover + footage.plate * (1 - cover)).round(), np.uint8)


def has_bf16(device: torch.device) -> bool:
    """True where bfloat16 is native, and so faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported())


def _ema(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential average that follows closely at first: decay = min(`decay`, (1 + n) / (10 + n))."""

    def average(old: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        if not old.is_floating_point():
            return new
        return old.lerp(new, 1 - min(decay, (1 + float(count)) / (10 + float(count))))

    return average
