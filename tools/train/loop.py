"""The training loop: trains a generator on footage within a budget; it can be resumed at any checkpoint."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from collections.abc import Generator as Steps
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from engines.doll.bank import Bank
from engines.painting.generator import Generator, Painting
from engines.painting.shadow import Shadow
from tools.footage.dataset import Footage
from tools.player.bank import FRAMES
from tools.scores.pictures import psnr
from tools.train.average import Average
from tools.train.crops import Crops
from tools.train.distributed import Process, average_gradients, wrap
from tools.train.feed import batches
from tools.train.objective import Objective, Views, Weights
from tools.train.painter import Painter, autocast
from tools.train.upload import upload

CROP = 32
CHECKPOINT = "checkpoint.safetensors"
ALONE = Process(0, 1, torch.device("cpu"))
LOOK_EVERY = 100
"""Steps on a GPU between two checks of the loss: each check waits for all queued work."""


class CheckpointError(ValueError):
    """A checkpoint from which a run cannot be resumed; the text names the file and the next step."""


@dataclass(frozen=True)
class Config:
    """All settings that affect the result. They are compared when a run is resumed."""

    variant: str = "tiny"
    frames: int = FRAMES
    """The doll is drawn from so many frames at most."""
    minutes: float = 60.0
    steps: int = 0
    """Unless 0, train for this many steps instead of minutes: for comparisons."""
    batch: int = 6
    crop: int = 0
    """Side of the crop from a frame, pixels; 0: `CROP` cells of the net's grid."""
    learning_rate: float = 2e-3
    critic_rate: float = 4e-4
    ema: float = 0.998
    previous_dropout: float = 0.15
    previous_noise: float = 0.05
    """Standard deviation of the noise on the previous output, 0..1, so that small errors do not grow."""
    rollout_from: float = 0.3
    """From this share of the budget on, half of the steps use the net's own previous output."""
    critics_from: float = 0.3
    """From this share of the budget on, the critics are used."""
    noise_px: float = 0.5
    """See `Crops`."""
    held_out: float = 0.2
    seed: int = 0
    weights: Weights = field(default_factory=Weights)


@dataclass
class Progress:
    step: int = 0
    elapsed_s: float = 0.0

    def share(self, config: Config) -> float:
        """The share of the budget that is spent, 0..1."""
        if config.steps:
            return min(1.0, self.step / config.steps)
        return min(1.0, self.elapsed_s / (config.minutes * 60)) if config.minutes else 1.0


class Trainer:
    """One run in `folder`, which holds the checkpoint, log.jsonl, TensorBoard's events and sample
    pictures."""

    def __init__(
        self,
        footage: Footage,
        bank: Bank | None,
        config: Config,
        folder: Path,
        process: Process = ALONE,
        generator: type[Generator] = Generator,
        body_px: float | None = None,
    ) -> None:
        """body_px: the player's standing height for the net; by default the real one."""
        torch.manual_seed(config.seed)
        self.footage, self.bank = footage, bank
        self.config, self.folder, self.process, self.device = config, folder, process, process.device
        self.train_positions, self.held_positions = footage.split(config.held_out)
        body_px = body_px or footage.body.near.height
        self.net = generator(config.variant, body_px).to(self.device)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = Average(self.net, config.ema)
        self.objective = Objective(config.weights, body_px, self.device)
        self.critics = self.objective.critics
        self.adam = torch.optim.Adam(self.net.parameters(), lr=config.learning_rate, betas=(0.9, 0.99))
        self.critics_adam = torch.optim.Adam(
            list(self.critics.parameters()) or [torch.zeros(1)], lr=config.critic_rate, betas=(0.5, 0.99)
        )
        self._parallel = wrap(self.net, process)
        self._look_every = 1 if self.device.type == "cpu" else LOOK_EVERY
        self._is_finite = torch.ones((), dtype=torch.bool, device=self.device)
        self.progress = Progress()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def generator(self) -> Generator:
        """The averaged net."""
        net = self.ema.module
        assert isinstance(net, Generator)  # noqa: S101  # for the type checker
        return net

    def run(
        self,
        *,
        checkpoint_s: float = 60,
        sample_s: float = 300,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Trains until the budget is spent; a budget of time is in seconds of `clock`, not counting samples.
        Ctrl-C saves a checkpoint and is raised again."""
        config, process = self.config, self.process
        made = self.batches()
        total, unit = (config.steps, "step") if config.steps else (round(config.minutes * 60), "s")
        done_before = self.progress.step if config.steps else round(self.progress.elapsed_s)
        bar = tqdm(total=total, initial=done_before, unit=unit, disable=not process.first)
        saved = sampled = self.progress.elapsed_s
        last = clock()
        try:
            for batch in made:
                parts = self.step(batch)
                now = clock()
                before = self.progress.elapsed_s
                self.progress.elapsed_s = process.first_says(before + now - last)
                last = now
                self.progress.step += 1
                bar.update(1 if config.steps else int(self.progress.elapsed_s) - int(before))
                if self.progress.step % self._look_every == 0:
                    bar.set_postfix(
                        step=self.progress.step, foreground=f"{parts['foreground']:.4f}", refresh=False
                    )
                done = self.progress.share(config) >= 1
                if done or self.progress.elapsed_s - saved >= checkpoint_s:
                    self.save()
                    saved = self.progress.elapsed_s
                if done or self.progress.elapsed_s - sampled >= sample_s:
                    self._log(parts)
                    sampled = self.progress.elapsed_s
                    last = clock()
                if done:
                    break
        except KeyboardInterrupt:
            self.save()
            raise
        finally:
            made.close()
            bar.close()

    def batches(self) -> Steps[dict[str, Tensor], None, None]:
        """The batches for the steps from here on."""
        config, process = self.config, self.process
        crops = Crops(
            self.footage, self.train_positions, self.bank, batch=config.batch,
            crop=config.crop or CROP * self.net.cell, step=self.net.multiple,
            seed=config.seed, noise_px=config.noise_px, share=(process.rank, process.world),
        )  # fmt: skip
        return batches(crops, self.device, self.progress.step)

    def step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """One update of the net, and of the critics once they are used. batch: see `Crops`."""
        config, share = self.config, self.progress.share(self.config)
        random = np.random.default_rng([config.seed, self.progress.step, 0, 1])  # unlike any row's of `Crops`
        warmup = min(1.0, (self.progress.step + 1) / 100)
        cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))
        for optimizer, rate in ((self.adam, config.learning_rate), (self.critics_adam, config.critic_rate)):
            for group in optimizer.param_groups:
                group["lr"] = rate * warmup * cosine
        self.net.train()
        earlier = None
        if share >= config.rollout_from and random.random() < 0.5:
            # With its own autocast: the copies of weights in half precision that it caches have no gradients.
            with autocast(self.device), torch.no_grad():
                earlier = self._parallel(batch["earlier"], batch["before_previous"], batch["earlier_doll"])
        with autocast(self.device):
            previous = self._disturbed(
                batch["previous"] if earlier is None else earlier.feedback(self.net.cell), random
            )
            painting: Painting = self._parallel(batch["landmarks"], previous, batch["doll"])
            parts = self.objective.reconstruction(painting, batch)
            views = Views(batch, painting, earlier, random)
            if share >= config.critics_from and len(self.critics):
                self._update(self.critics, self.critics_adam, self.objective.criticise(views))
                parts |= self.objective.persuade(views)
        total = self.objective.total(parts)
        self._is_finite &= torch.isfinite(total.detach())
        if self.progress.step % self._look_every == 0:
            self._check_loss()
        self.adam.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.adam.step()
        self.ema.update_parameters(self.net)
        return {name: value.detach() for name, value in parts.items()}

    def _check_loss(self) -> None:
        """Raises FloatingPointError if the loss was not finite since the last check."""
        if not self._is_finite:
            raise FloatingPointError(
                f"the loss is not a number at step {self.progress.step}"
                f"{', or up to ' + str(self._look_every) + ' before' if self._look_every > 1 else ''}: "
                "lower the learning rate"
            )

    def _disturbed(self, previous: Tensor, random: np.random.Generator) -> Tensor:
        """The previous output (B, 4, h, w) with noise, and missing in some rows, so that the net learns to
        recover."""
        rank, world = self.process.rank, self.process.world
        rows, (_, *shape) = len(previous) * world, previous.shape
        keep = random.random(rows)[rank::world] >= self.config.previous_dropout
        if self.device.type == "cpu":
            noise = random.normal(0, self.config.previous_noise, (rows, *shape))[rank::world]
            noisy = previous + torch.from_numpy(noise.astype(np.float32))
        else:  # millions of numbers: drawn on the device
            torch.manual_seed(int(random.integers(1 << 62)))
            drawn = torch.randn(rows, *shape, device=self.device)[rank::world]
            noisy = previous + drawn * self.config.previous_noise
        return noisy * upload(keep.astype(np.float32), self.device)[:, None, None, None]

    def _update(self, module: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(module, self.process)
        optimizer.step()

    def digest(self) -> str:
        """The digest of the footage."""
        return self.footage.digest()

    def painter(self, shadow: Shadow | None = None) -> Painter:
        """The averaged net as a painter. shadow: the player's."""
        return Painter(self.generator, self.footage, self.bank, shadow=shadow)

    def score(self, count: int = 8) -> tuple[float, NDArray[np.uint8]]:
        """Mean foreground PSNR of held-out frames, dB, and a picture of them: truth above output."""
        chosen = self.held_positions[np.linspace(0, len(self.held_positions) - 1, count).astype(int)]
        painter, columns, scores = self.painter(), [], []
        for position in chosen:
            output = np.empty_like(self.footage.plate)
            painter.reset()
            for _ in range(2):  # until its previous output is settled
                painter(self.footage.landmarks[position], output)
            truth, mask = self.footage.frame(int(position)), self.footage.mask(int(position)) > 127
            scores.append(psnr(output, truth, mask))
            columns.append(np.vstack([truth, output]))
        return float(np.mean(scores)), np.hstack(columns)

    def save(self) -> None:
        """Writes the checkpoint beside the old one and replaces it: a power cut leaves one of the two."""
        if not self.process.first:
            return
        self._check_loss()
        tensors: dict[str, Tensor] = {}
        for kind, module in self._modules().items():
            tensors |= {f"{kind}.{key}": value for key, value in module.state_dict().items()}
        for kind, optimizer in self._optimizers().items():
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"{kind}.{index}.{key}": value for key, value in state.items()}
        meta = {"footage": self.digest(), "plate": self.footage.plate_digest()}
        meta |= {"config": json.dumps(asdict(self.config)), "progress": json.dumps(asdict(self.progress))}
        path = self.folder / CHECKPOINT
        part = path.with_suffix(".part")
        try:
            safetensors.torch.save_file(
                {key: value.contiguous() for key, value in tensors.items()}, part, meta
            )
        except safetensors.SafetensorError:  # no space is left, say
            part.unlink(missing_ok=True)
            raise
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)

    def resume(self) -> None:
        """Continues from the folder's checkpoint. Raises CheckpointError where it is another run's."""
        path = self.folder / CHECKPOINT
        try:
            with safetensors.safe_open(path, "pt") as file:
                meta = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a dict
            config, progress = json.loads(meta["config"]), json.loads(meta["progress"])
        except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
            raise CheckpointError(f"{path} cannot be read ({error}): start anew with --restart") from error
        given = json.loads(json.dumps(asdict(self.config)))
        known = json.loads(json.dumps(asdict(Config()))) | config  # an older checkpoint lacks newer settings
        changed = [name for name in given if name != "minutes" and given[name] != known[name]]
        if changed:
            raise CheckpointError(
                f"{path} was trained with another {', '.join(changed)}: "
                "give the same, or start anew with --restart"
            )
        plate = self.footage.plate_digest()  # an older checkpoint does not know its own
        if meta.get("footage") != self.digest() or meta.get("plate", plate) != plate:
            raise CheckpointError(f"{path} was trained on other footage: start anew with --restart")
        groups: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            kind, _, name = key.partition(".")
            groups.setdefault(kind, {})[name] = value
        for kind, module in self._modules().items():
            module.load_state_dict(groups.get(kind, {}))
        for kind, optimizer in self._optimizers().items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in groups.get(kind, {}).items():
                index, _, name = key.partition(".")
                state.setdefault(int(index), {})[name] = value
            optimizer.load_state_dict(
                {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
            )
        self.progress = Progress(**progress)

    def _modules(self) -> dict[str, nn.Module]:
        return {"net": self.net, "ema": self.ema, "critics": self.critics}

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"adam": self.adam, "critics_adam": self.critics_adam}

    def _log(self, parts: dict[str, Tensor]) -> None:
        """Writes one line to log.jsonl, the same to TensorBoard, and a picture of held-out frames to both."""
        from torch.utils.tensorboard import SummaryWriter

        if not self.process.first:
            return
        score, picture = self.score()
        step = self.progress.step
        values = {"held_out_foreground_psnr": score, **{name: float(value) for name, value in parts.items()}}
        line = {"step": step, "elapsed_s": round(self.progress.elapsed_s, 1)}
        line |= {name: round(value, 5) for name, value in values.items()}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        (self.folder / "samples").mkdir(exist_ok=True)
        cv2.imwrite(str(self.folder / f"samples/{step:07d}.jpg"), picture)
        with SummaryWriter(str(self.folder / "board")) as board:
            for name, value in values.items():
                board.add_scalar(name, value, step)
            board.add_image("truth over output", picture[..., ::-1], step, dataformats="HWC")
        tqdm.write(
            f"{self.progress.elapsed_s / 60:.0f} min, step {step}: "
            f"{score:.2f} dB foreground PSNR on held-out frames"
        )
