"""Shows or changes who agreed to a player's likeness, for what and until when.

    python -m tools.rights players/jones
    python -m tools.rights players/jones --agreed-by "A. Jones" --agreed-for "home games 2026/27" \\
        --agreed-until 2027-06-30
    python -m tools.rights players/jones --agreed-until 2028-06-30       # the rest stays
    python -m tools.rights players/jones --forget

The agreement stands in the pack's player.toml, as the table [likeness]. The last day is included. A show
does not begin with a player whose last day is over. What is compiled of the player stays valid.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engines.pack.manifest import PackError, PackManifest
from tools.player.rights import add_rights, describe, rights_of, write_rights


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.rights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("packs", type=Path, nargs="+", metavar="PACK", help="folders of player packs")
    add_rights(parser)
    parser.add_argument("--forget", action="store_true", help="take the agreement out of the pack")
    options = parser.parse_args(argv)
    try:
        for folder in options.packs:
            before = PackManifest.load(folder).rights
            rights = None if options.forget else rights_of(options, before)
            if rights != before:
                write_rights(folder, rights)
            print(describe(PackManifest.load(folder)))
    except (PackError, ValueError, OSError) as error:
        print(f"rights: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
