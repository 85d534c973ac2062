"""Trains a player's generator on a prepared dataset and writes the player pack.

    python -m tools.train datasets/demo players/demo --minutes 60
    python -m tools.train datasets/jones players/jones --minutes 0          # the paper doll, at once
    python -m tools.train datasets/jones players/jones --variant small --batch 16 --minutes 120
    torchrun --nproc-per-node 2 -m tools.train datasets/jones players/jones --variant std --batch 32

After Ctrl-C or a crash, the same command continues from the last checkpoint (one a minute). Sample pictures,
truth above output, are in runs/NAME/samples. The last 20 % of the footage is never trained on.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import safetensors
import torch

from engines.doll.bank import Bank
from engines.pack.player_pack import MANIFEST, PackError, write_pack
from engines.painting.generator import VARIANTS
from engines.plans.atomic_folder import check_target, only_writer
from tools.footage.dataset import Footage
from tools.player.bank import FRAMES, make_bank
from tools.player.rights import add_rights, rights_of
from tools.player.shadow import find_shadow
from tools.player.standby import write_standby
from tools.train.distributed import Process, process_group
from tools.train.loop import CHECKPOINT, Config, Trainer
from tools.train.objective import parse_weights

UNLICENSED = "The rights to this player's likeness lie with the player and the club; see your agreement.\n"


def main(argv: list[str] | None = None) -> int:
    default = Config()
    parser = argparse.ArgumentParser(
        prog="python -m tools.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("player", type=Path, help="folder of the pack to write")
    parser.add_argument("--name", help="the player's name on the slate (default: the folder's)")
    parser.add_argument("--licences", type=Path, help="a text to ship as the pack's LICENSES.md")
    add_rights(parser)
    parser.add_argument("--variant", choices=VARIANTS, default=default.variant)
    parser.add_argument(
        "--minutes", type=float, default=default.minutes,
        help="budget (default %(default)s); 0: no training, the paper doll for a preview",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=0, help="a budget in steps instead of minutes")
    parser.add_argument(
        "--frames", type=int, default=FRAMES,
        help="the doll is drawn from so many frames of the footage at most (default %(default)s): about "
        "23 KB each in a pack of 512x512",
    )  # fmt: skip
    parser.add_argument("--batch", type=int, default=default.batch)
    parser.add_argument(
        "--crop",
        type=int,
        default=default.crop,
        help="side of the training crops, pixels (default: four fifths of the player's height)",
    )
    parser.add_argument(
        "--loss", action="append", default=[], metavar="NAME=WEIGHT",
        help=f"change a loss's weight, 0 to leave it out; {', '.join(asdict(default.weights))}",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints and samples lie")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; more stall on a busy machine")
    parser.add_argument("--restart", action="store_true", help="forget the checkpoint and start anew")
    options = parser.parse_args(argv)
    if not options.minutes >= 0 or options.steps < 0:
        parser.error("--minutes and --steps must not be below 0")
    if min(options.batch, options.frames, options.threads) < 1:
        parser.error("--batch, --frames and --threads must be 1 or more")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    try:
        with process_group() as process:
            return train(options, process)
    except (PackError, FloatingPointError, ValueError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    except safetensors.SafetensorError as error:  # of a file that it writes
        print(
            f"train: a file of weights cannot be written ({error}): free some space; the same command goes "
            "on from the checkpoint",
            file=sys.stderr,
        )
        return 1
    except torch.OutOfMemoryError:
        print(f"train: out of GPU memory: try --batch {max(1, options.batch // 2)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ntrain: stopped; the same command goes on from the checkpoint", file=sys.stderr)
        return 130


def train(options: argparse.Namespace, process: Process) -> int:
    """Trains, and writes the pack. Raises the errors that `main` turns into one line."""
    config = Config(
        variant=options.variant,
        frames=options.frames,
        minutes=options.minutes,
        steps=options.steps,
        batch=options.batch,
        crop=options.crop,
        seed=options.seed,
        weights=parse_weights(options.loss),
    )
    if config.batch % process.world:
        raise ValueError(f"--batch {config.batch} cannot be shared among {process.world} processes")
    rights_of(options)  # faults in what is needed at the end are reported before hours of training
    check_target(options.player, MANIFEST)
    licences = options.licences.read_text(encoding="utf-8") if options.licences else UNLICENSED
    footage = Footage.open(options.dataset)
    positions, _ = footage.split(config.held_out)
    bank = make_bank(footage, positions, options.frames)
    folder = options.runs / options.player.name
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder, folder) if process.first else nullcontext():
        trainer = Trainer(footage, bank, config, folder, process)
        if (folder / CHECKPOINT).exists() and not options.restart:
            trainer.resume()
            done = trainer.progress
            say(process, f"going on from step {done.step}, {done.elapsed_s / 60:.1f} min")
        say(process, f"{config.variant} on {process.device}; samples in {folder / 'samples'}")
        say(process, f"watch it: tensorboard --logdir {folder / 'board'}")
        if trainer.progress.share(config) < 1:
            trainer.run()
        if process.first:
            write_player(options, trainer, bank, licences)
    return 0


def write_player(options: argparse.Namespace, trainer: Trainer, bank: Bank, licences: str) -> None:
    """Judges the trained net, paints the standby loop and writes the pack."""
    footage, positions = trainer.footage, trainer.train_positions
    score, _ = trainer.score(count=16)
    chosen = positions[np.linspace(0, len(positions) - 1, min(128, len(positions))).astype(int)]
    standby = trainer.folder / "standby.mp4"
    shadow = find_shadow(footage, positions)
    write_standby(footage, positions, trainer.painter(shadow), standby)
    write_pack(
        options.player,
        name=options.name or options.player.name,
        generator=trainer.generator,
        size=footage.size,
        body=footage.body,
        plate=footage.plate,
        poses=footage.landmarks[chosen],
        bank=bank,
        shadow=shadow,
        standby=standby,
        licences=licences,
        notes={
            "steps": trainer.progress.step,
            "minutes": round(trainer.progress.elapsed_s / 60, 1),
            "device": str(trainer.device),
            "held_out_foreground_psnr_db": round(score, 2),
            "frames": len(positions),
        },
        rights=rights_of(options),
    )
    print(f"{options.player}: {score:.2f} dB foreground PSNR on held-out frames")
    if shadow is None:
        print("the footage shows no clear shadow on the floor: the player throws none")
    print(f"next: python run_live.py --player {shlex.quote(str(options.player))}")


def say(process: Process, text: str) -> None:
    if process.first:
        print(text)


if __name__ == "__main__":
    sys.exit(main())
